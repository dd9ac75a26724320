"""What processes count in memory is added up, and a stop loses none of it."""

import json
import signal
from contextlib import ExitStack

import pytest

from tests.process.client import Client
from tests.process.server import Launcher
from tests.process.test_workers import clients_of_all

PULLS, REFUSALS, GUESSES = 7, 3, 2
TOM = ("tom", "password of tom")


def add_tom(client: Client) -> None:
    body = json.dumps({"name": TOM[0], "password": TOM[1]}).encode()
    assert client.ask("POST", "/api/v1/users", body, content_type="application/json").status == 201


def pull(client: Client) -> None:
    """Pull as docker does: look, take the image, then what it names."""
    assert client.ask("HEAD", "manifests/v1").status == 200
    client.pull("v1")


@pytest.mark.parametrize(("number", "stop"), [(1, signal.SIGINT), (2, signal.SIGTERM)])
def test_a_stop_loses_no_pull_and_no_refusal_of_any_worker(launch: Launcher, number: int, stop: int) -> None:
    running = launch("--workers", str(number))
    with ExitStack() as stack:
        clients = clients_of_all(running, stack, number)
        clients[0].create()
        clients[0].push("v1", b"layer")
        add_tom(clients[0])
        for client in clients:
            for _ in range(PULLS):
                pull(client)
            admin, client.account = client.account, TOM
            for _ in range(REFUSALS):
                assert client.ask("GET", "manifests/v1").status == 404
            client.account = (admin[0], "not the password")
            for _ in range(GUESSES):
                assert client.ask("GET", "/v2/").status == 401
        running.signal(stop)
    assert running.ended() == 0
    (repository,) = json.loads(launch.command("repository", "list", clients[0].repository.partition("/")[0], "--json"))
    assert (repository["pulls"], repository["pushes"]) == (PULLS * len(clients), 1)
    rows = [json.loads(line) for line in launch.command("activity", "--json-lines").splitlines()]
    for what, who, times in (("access", "tom", REFUSALS), ("sign-in", "admin", GUESSES)):
        refused = [row for row in rows if (row["what"], row["who"], row["outcome"]) == (what, who, "refused")]
        # Each process has its own row, and one more with the rest of a minute that was over.
        assert len(refused) >= number
        assert sum(row["after"].get("times", 1) for row in refused) == times * len(clients)
