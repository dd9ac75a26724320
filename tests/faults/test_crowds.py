"""Many at once: everybody gets through, nothing is stored twice, and a tag is always one whole image."""

import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.process.client import Client, basic, digest_of, manifest
from tests.process.server import PASSWORD, Launcher, Running

PULLS = 1_000
PUSHERS = 200
WRITERS = READERS = 100
SECONDS = 60


def test_a_thousand_pulls_at_once_all_get_the_image(launch: Launcher) -> None:
    running, layer = launch(), os.urandom(100_000)
    with running.client() as client:
        client.create()
        client.push("latest", layer)
    head = "".join(f"{name}: {value}\r\n" for name, value in basic("admin", PASSWORD).items())
    paths = ("manifests/latest", f"blobs/{digest_of(layer)}")
    requests = [f"GET /v2/dmc/app/{path} HTTP/1.1\r\nHost: localhost\r\n{head}" for path in paths]
    expected = [manifest(layer), layer]
    connections = [socket.create_connection(("127.0.0.1", running.http), 60) for _ in range(PULLS)]
    try:
        for request, body in zip(requests, expected, strict=True):
            is_last = body is layer
            for connection in connections:
                connection.sendall(f"{request}{'Connection: close' * is_last}\r\n\r\n".encode())
            for connection in connections:
                assert received(connection, len(body)) == body
    finally:
        for connection in connections:
            connection.close()


def received(connection: socket.socket, length: int) -> bytes:
    """Read an answer, which must be a 200, and return its body of that length."""
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0 or len(answer) < end + 4 + length:
        piece = connection.recv(1 << 20)
        assert piece, answer[:200]
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]
    return answer[end + 4 :]


def at_once(running: Running, repositories: list[str], do: Callable[[Client, int], None]) -> None:
    """Let a client of each repository do something, all beginning together; raise what any of them met."""
    start = threading.Barrier(len(repositories))

    def one(number: int) -> None:
        with running.client(repositories[number]) as client:
            start.wait()
            do(client, number)

    with ThreadPoolExecutor(len(repositories)) as threads:
        list(threads.map(one, range(len(repositories))))


def test_two_hundred_pushers_of_shared_layers_all_succeed_and_store_one_copy(launch: Launcher) -> None:
    running = launch()
    shared = [os.urandom(50_000) for _ in range(2)]
    with running.client() as client:
        client.create()
    repositories = [f"dmc/app{number % 20}" for number in range(PUSHERS)]
    at_once(running, repositories, lambda client, number: pushed(client, number, shared))
    for number, repository in enumerate(repositories):
        with running.client(repository) as client:
            client.pull(f"tag{number}")
    blobs = [path.name for path in (running.data / "blobs").rglob("*") if len(path.name) == 64]
    assert len(blobs) == len(set(blobs)) == len(shared) + PUSHERS + len([b"{}"])


def pushed(client: Client, number: int, shared: list[bytes]) -> None:
    client.push(f"tag{number}", *shared, str(number).encode() * 1_000)


@pytest.mark.parametrize("seconds", [6, pytest.param(SECONDS, marks=pytest.mark.clients)])
def test_a_tag_that_many_move_and_read_is_always_a_whole_image(launch: Launcher, seconds: float) -> None:
    running = launch()
    pushed_digests: set[str] = set()
    with running.client() as client:
        client.create()
        pushed_digests.add(client.push("latest", b"first"))
    end = time.monotonic() + seconds
    numbers = count()
    seen: set[str] = set()

    def move(client: Client, writer: int) -> None:
        while time.monotonic() < end:
            layer = f"{writer} {next(numbers)}".encode()
            body = manifest(layer)
            # Before it is sent: it may be read before it was acknowledged.
            pushed_digests.add(digest_of(body))
            client.push("latest", layer)

    def read(client: Client, _reader: int) -> None:
        while time.monotonic() < end:
            seen.add(digest_of(client.pull("latest")))

    doers = [move, read] * WRITERS
    at_once(running, ["dmc/app"] * (WRITERS + READERS), lambda client, number: doers[number](client, number))
    assert len(seen) > 1
    assert seen <= pushed_digests
