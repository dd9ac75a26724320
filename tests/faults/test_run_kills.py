"""A kill in the middle of a run of retention: what went is counted and lies in the trash, and the run goes on."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.process.client import Client
from tests.process.server import Launcher, Running

pytestmark = pytest.mark.clients

IMAGES = 200
RETENTION = "/api/v1/registries/dmc/retention"
JSON = "application/json"


def asked(client: Client, method: str, path: str, sent: object = None) -> Any:  # noqa: ANN401  JSON
    """Return the JSON of an answer that is none of a refusal."""
    answer = client.ask(method, path, None if sent is None else json.dumps(sent).encode(), content_type=JSON)
    assert answer.status < 300, answer
    return json.loads(answer.body)


def fill(client: Client) -> None:
    """Have images of which a rule keeps the newest."""
    client.create()
    assert client.keep(14).status == 200
    client.push_blob(b"{}")
    for number in range(IMAGES):
        client.push(str(number), note=str(number))
    asked(client, "POST", f"{RETENTION}/rules", {"name": "Newest", "rule": {"newest": 1}})
    asked(client, "GET", f"{RETENTION}/preview?rule=1")
    asked(client, "PATCH", f"{RETENTION}/rules/1", {"is_paused": False})


def pass_a_minute(data: Path) -> None:
    """Let the last that was heard of whoever was at a run be a minute ago."""
    with closing(sqlite3.connect(data / "moorage.db")) as database, database:
        database.execute("UPDATE retention_runs SET seen_at = seen_at - 60")


def tags(client: Client) -> set[str]:
    return set(json.loads(client.ask("GET", "tags/list?n=1000").body)["tags"])


def ended(client: Client, run: int) -> Any:  # noqa: ANN401  likewise
    while True:
        found = asked(client, "GET", f"{RETENTION}/runs/{run}")
        if found["ended_at"] is not None:
            return found
        time.sleep(0.1)


def kill_in_the_middle(running: Running, client: Client, run: int) -> None:
    while not asked(client, "GET", f"{RETENTION}/runs/{run}")["total"]["tags"] > 10:
        time.sleep(0.01)
    running.kill()


def test_a_run_that_was_killed_has_counted_what_went_and_goes_on(launch: Launcher) -> None:
    running = launch("--collect-every", "0")
    with running.client() as client:
        fill(client)
        run = asked(client, "POST", f"{RETENTION}/run")["id"]
        kill_in_the_middle(running, client, run)
    running = launch("--collect-every", "0")
    with running.client() as client:
        found = asked(client, "GET", f"{RETENTION}/runs/{run}")
        assert found["ended_at"] is None
        there = tags(client)
        assert found["total"]["tags"] == found["total"]["images"] == IMAGES - len(there) > 10
        pass_a_minute(launch.data)
        assert ended(client, run)["total"]["tags"] == IMAGES - 1
        assert tags(client) == {str(IMAGES - 1)}
        back = asked(client, "POST", f"{RETENTION}/runs/{run}/restore")
        assert (back["entries"], back["refused"]) == (IMAGES - 1, [])
        assert tags(client) == {str(number) for number in range(IMAGES)}
        for tag in ("0", "7", str(IMAGES - 1)):
            client.pull(tag)
