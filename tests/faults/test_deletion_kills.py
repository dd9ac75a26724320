"""A kill at the steps to the disk of a deletion, a restoring and a freeing: each is done wholly, or not at all."""

import contextlib
import json
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_soak import signature_of
from tests.process.client import Answer, Client, digest_of, manifest
from tests.process.server import Launcher, Running
from tests.process.tracing import traced

pytestmark = pytest.mark.clients

FLAGS = ("--lease", "1", "--collect-every", "0")
"""Nothing is collected until the test asks for it, and then soon."""

SHARED, OWN = b"shared" * 5_000, b"own" * 5_000
IMAGE, OTHER = manifest(SHARED, OWN, note="image"), manifest(SHARED, note="other")
REGISTRY = "/api/v1/registries/dmc"
APP = f"{REGISTRY}/repositories/app"
COLLECT = "/api/v1/storage/collect"

View = dict[str, object]


def items(client: Client, path: str) -> list[dict[str, Any]]:
    answer = client.ask("GET", path)
    return json.loads(answer.body)["items"] if answer.status == 200 else []


def newest(client: Client) -> str:
    """Return where the API has what was deleted last."""
    for entry in items(client, "/api/v1/deleted-registries"):
        return f"/api/v1/deleted-registries/{entry['id']}"
    entry = items(client, f"{REGISTRY}/deleted")[0]
    return f"{APP}/-/deleted/{entry['id']}"


def view(client: Client) -> View:
    """Return all there is to see, having pulled it whole."""
    seen: View = {"registry": client.ask("GET", REGISTRY).status}
    for tag in ("1", "2", "other"):
        found = client.ask("HEAD", f"manifests/{tag}").status == 200
        seen[tag] = digest_of(client.pull(tag)) if found else None
    listed = client.ask("GET", f"referrers/{digest_of(IMAGE)}")
    referring = json.loads(listed.body)["manifests"] if listed.status == 200 else []
    seen["referrers"] = [digest_of(client.pull(entry["digest"])) for entry in referring]
    seen["deleted"] = [
        (entry["kind"], entry["tags"], entry["images"]) for entry in items(client, f"{REGISTRY}/deleted")
    ]
    seen["registries"] = [(entry["name"], entry["images"]) for entry in items(client, "/api/v1/deleted-registries")]
    return seen


def fill(client: Client) -> None:
    """Have all there again, and nothing deleted."""
    for entry in items(client, "/api/v1/deleted-registries"):
        assert client.ask("POST", f"/api/v1/deleted-registries/{entry['id']}/restore").status == 200
    if client.ask("GET", REGISTRY).status == 404:
        client.create()
        assert client.keep(14).status == 200
    for entry in items(client, f"{REGISTRY}/deleted"):
        assert client.ask("POST", f"{APP}/-/deleted/{entry['id']}/restore").status == 200
    for layer in (b"{}", SHARED, OWN):
        client.push_blob(layer)
    for tag, body in (("1", IMAGE), ("2", IMAGE), ("other", OTHER)):
        assert client.put(tag, body).status == 201
    signature = signature_of(IMAGE)
    assert client.put(digest_of(signature), signature).status == 201


def delete_image(client: Client) -> Answer:
    return client.ask("DELETE", f"{APP}/-/images/{digest_of(IMAGE)}")


def delete_repository(client: Client) -> Answer:
    return client.ask("DELETE", APP)


def delete_registry(client: Client) -> Answer:
    return client.ask("DELETE", REGISTRY)


def restore(client: Client) -> Answer:
    return client.ask("POST", f"{newest(client)}/restore")


def free(client: Client) -> Answer:
    """Free what was deleted and let it leave the disk, with all leases over."""
    time.sleep(1.5)
    answer = client.ask("DELETE", newest(client))
    client.ask("POST", COLLECT)
    return answer


Step = Callable[[Client], object]
CHANGES: dict[str, tuple[Step | None, Callable[[Client], Answer]]] = {
    "delete an image": (None, delete_image),
    "delete a repository": (None, delete_repository),
    "delete a registry": (None, delete_registry),
    "restore an image": (delete_image, restore),
    "restore a repository": (delete_repository, restore),
    "restore a registry": (delete_registry, restore),
    "free an image": (delete_image, free),
    "free a repository": (delete_repository, free),
    "free a registry": (delete_registry, free),
}
FREEING = [what for what in CHANGES if what.startswith("free")]


def start(launch: Launcher) -> Running:
    return launch(*FLAGS)


STEPS = [
    *((what, call, often) for what in CHANGES for call, often in (("fdatasync", 2), ("pwrite64", 20))),
    # Only what leaves the disk moves and unlinks files.
    *((what, call, 1) for what in FREEING for call in ("rename", "unlink")),
]
"""A kill comes before each so-many-th call where 50 are asked for, and before each where 500 are."""
# What is said to the database, and to the bucket.
AFAR = [*((what, "sendto") for what in CHANGES), *((what, "write") for what in FREEING)]
SAID = 3_000
"""A kill comes before every sixtieth of it where 50 are asked for, and before every sixth where 500 are."""


@pytest.mark.parametrize(("what", "call", "often"), STEPS)
def test_a_kill_at_a_step_of_it_leaves_all_or_nothing_done(
    launch: Launcher, tmp_path: Path, what: str, call: str, often: int, request: pytest.FixtureRequest
) -> None:
    step = max(1, often * 50 // request.config.getoption("--kills"))
    assert kill_at_each(launch, tmp_path, what, call, step) > 0


@pytest.mark.servers
@pytest.mark.parametrize(("what", "call"), AFAR)
def test_a_kill_beside_a_database_and_a_bucket_leaves_all_or_nothing_done(
    afar: Launcher, tmp_path: Path, what: str, call: str, request: pytest.FixtureRequest
) -> None:
    step = max(1, SAID // request.config.getoption("--kills"))
    assert kill_at_each(afar, tmp_path, what, call, step) > 0


def kill_at_each(launch: Launcher, tmp_path: Path, what: str, call: str, step: int) -> int:
    """Kill a server before each of so many calls of a change, and look what is there after; return how often."""
    prepare, change = CHANGES[what]
    running = start(launch)
    with running.client() as client:
        before, after = expected(client, prepare, change)
    assert before != after
    kills = 0
    while True:
        with running.client() as client:
            fill(client)
            if prepare:
                prepare(client)
            fault = f"inject={call}:signal=KILL:when={1 + kills * step}"
            answer = None
            with (
                traced(running, tmp_path / "trace", "-e", f"trace={call}", "-e", fault),
                contextlib.suppress(OSError, HTTPException),
            ):
                answer = change(client)
        if running.process.poll() is None:
            return kills
        kills += 1
        running = start(launch)
        with running.client() as client:
            found = view(client)
            assert found in ([after] if answer is not None and answer.status == 200 else [before, after])
            # What is on its way off the disk gets there, and takes nothing else along.
            assert client.ask("POST", COLLECT).status == 200
            assert view(client) == found


def expected(client: Client, prepare: Step | None, change: Callable[[Client], Answer]) -> tuple[View, View]:
    """Return what there is to see before a change and after it."""
    fill(client)
    if prepare:
        prepare(client)
    before = view(client)
    answer = change(client)
    assert answer.status in {200, 202}, answer
    return before, view(client)
