"""Several processes over one data folder are one server: what one acknowledged, every one shows."""

import os
import random
import re
import signal
from contextlib import ExitStack

import pytest

from tests.process.client import Client, digest_of, manifest
from tests.process.server import Launcher, Running, every, workers

ROUNDS = 150


def clients_of_all(running: Running, stack: ExitStack, number: int) -> list[Client]:
    """Return two clients with a kept connection to every one of so many workers, once all of them serve."""
    found: dict[str, list[Client]] = {}
    for _ in every(30, 0):
        client = stack.enter_context(running.client())
        # An id begins with what is the process's own.
        worker = client.ask("GET", "/v2/").headers["x-request-id"].partition("-")[0]
        found.setdefault(worker, []).append(client)
        if len(found) == number and all(len(clients) > 1 for clients in found.values()):
            break
    return [client for clients in found.values() for client in clients[:2]]


@pytest.mark.parametrize("number", [2, 3])
def test_what_one_worker_acknowledged_every_worker_shows(launch: Launcher, number: int) -> None:
    running = launch("--workers", str(number))
    # Chance, but the same at each run.
    chance = random.Random(number)  # noqa: S311
    with ExitStack() as stack:
        clients = clients_of_all(running, stack, number)
        clients[0].create()
        clients[0].push("start", b"layer")
        for turn in range(ROUNDS):
            body = manifest(b"layer", note=str(turn))
            assert chance.choice(clients).put("moving", body).status == 201
            for client in chance.sample(clients, 3):
                assert client.ask("GET", "manifests/moving").body == body
            if turn % 10 == 0:
                assert chance.choice(clients).ask("DELETE", "manifests/moving").status == 202
                assert [client.ask("HEAD", "manifests/moving").status for client in clients] == [404] * len(clients)


def test_an_upload_begun_on_one_worker_goes_on_and_ends_on_others(launch: Launcher) -> None:
    running = launch("--workers", "3")
    pieces = [os.urandom(100_000) for _ in range(9)]
    with ExitStack() as stack:
        clients = clients_of_all(running, stack, 3)
        clients[0].create()
        location, offset = clients[0].begin(), 0
        for turn, piece in enumerate(pieces):
            client = clients[turn % len(clients)]
            assert client.append(location, offset, piece).status == 202
            offset += len(piece)
            elsewhere = clients[(turn + 3) % len(clients)].ask("GET", location)
            assert elsewhere.headers["range"] == f"0-{offset - 1}"
        digest = digest_of(b"".join(pieces))
        assert clients[2].finish(location, digest).status == 201
        assert [client.ask("HEAD", f"blobs/{digest}").status for client in clients] == [200] * len(clients)


def test_the_numbers_of_all_workers_are_added_up(launch: Launcher) -> None:
    running = launch("--workers", "2")
    with ExitStack() as stack:
        clients = clients_of_all(running, stack, 2)
        for client in clients:
            for _ in range(10):
                assert client.ask("GET", "/v2/_catalog").status == 200
        for _ in every(10):
            text = clients[0].ask("GET", "/metrics").body.decode()
            counted = re.search(r'^moorage_requests_total\{.*route="catalog".*\} (\S+)$', text, re.MULTILINE)
            if counted is not None and float(counted[1]) == 10 * len(clients):
                break


def test_a_worker_that_dies_is_replaced_and_the_others_serve_meanwhile(launch: Launcher) -> None:
    running = launch("--workers", "2")
    with running.client() as client:
        client.create()
        client.push("kept", b"layer")
    before = workers(running)
    for victim in before:
        os.kill(victim, signal.SIGKILL)
        for _ in every(30):
            with running.client() as client:
                now = workers(running)
                if is_served(client) and len(now) == 2 and victim not in now:
                    break
        with ExitStack() as stack:
            for client in clients_of_all(running, stack, 2):
                client.pull("kept")
    assert not set(before) & set(workers(running))
    assert running.stop() == 0


def is_served(client: Client) -> bool:
    """Tell whether a pull is answered; a connection that the dead worker had taken is not."""
    try:
        client.pull("kept")
    except ConnectionError:
        return False
    return True
