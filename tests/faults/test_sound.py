"""A blob whose bytes have changed is found by whoever pulls it first, and nobody gets it to its end."""

import base64
import http.client
import json
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import closing

import pytest

from tests.faults.damage import flip
from tests.faults.test_collection import logged
from tests.faults.test_corruption import path_of
from tests.process.client import Client, digest_of
from tests.process.server import PASSWORD, Launcher, Running, every

SMALL, LARGE = 20_000, 6_000_000
RANGES = (None, "bytes=0-9", "bytes=1000-", "bytes=-10")
DOORS: Sequence[Callable[[Running], Client]] = (Running.client, Running.secure_client)


def got_whole(client: Client, digest: str, part: str | None) -> bool:
    """Tell whether an answer with a blob's bytes came to its end."""
    try:
        answer = client.ask("GET", f"blobs/{digest}", range=part or "none")
    except (http.client.IncompleteRead, ConnectionError):
        return False
    assert answer.status in {200, 206, 404}
    return answer.status != http.client.NOT_FOUND


def change(launch: Launcher, digest: str) -> None:
    """Change a bit as a disk does: the file's time stays, as far as that can be had."""
    path = path_of(launch, digest)
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("is_stopped", [True, False])
def test_changed_bytes_are_served_to_nobody_and_heal_with_the_next_push(launch: Launcher, *, is_stopped: bool) -> None:
    cases = [(door, size, part) for door in DOORS for size in (SMALL, LARGE) for part in RANGES]
    layers = [os.urandom(size) for _, size, _ in cases]
    running = launch("--verify-days", "0")
    with running.client() as client:
        client.create()
        client.push("latest", *layers)
        client.pull("latest")
    digests = [digest_of(layer) for layer in layers]
    if is_stopped:
        assert running.stop() == 0
    for digest in digests:
        change(launch, digest)
    if is_stopped:
        running = launch("--verify-days", "0")
    for (door, _, part), digest in zip(cases, digests, strict=True):
        with door(running) as client:
            assert not got_whole(client, digest, part)
        with door(running) as client:
            assert client.ask("HEAD", f"blobs/{digest}").status == 404
    with running.client() as client:
        found = json.loads(client.ask("GET", "/api/v1/storage/damages").body)["items"]
        assert {(item["digest"], item["fault"]) for item in found} == {(digest, "changed") for digest in digests}
        rows = json.loads(client.ask("GET", "/api/v1/activity?what=damage&n=100").body)["items"]
        assert sorted((row["target"], row["who"]) for row in rows) == sorted((digest, "moorage") for digest in digests)
        for _ in every(60, 0.2):
            if logged(running, "content is damaged"):
                break
        client.push("latest", *layers)
        client.pull("latest")


def test_every_worker_notices_that_bytes_have_changed(launch: Launcher) -> None:
    running = launch("--verify-days", "0", "--workers", "2")
    layers = [os.urandom(LARGE), os.urandom(SMALL)]
    with running.client() as client:
        client.create()
        client.push("latest", *layers)
    for _ in range(20):
        with running.client() as client:
            client.pull("latest")
    digests = [digest_of(layer) for layer in layers]
    for digest in digests:
        change(launch, digest)
    for digest in digests * 10:
        with running.client() as client:
            assert not got_whole(client, digest, None)
    with running.client() as client:
        client.push("latest", *layers)
    for _ in range(10):
        with running.client() as client:
            client.pull("latest")


def test_a_connection_whose_answer_was_broken_off_is_closed(launch: Launcher) -> None:
    running = launch("--verify-days", "0")
    with running.client() as client:
        client.create()
        digest = client.push_blob(os.urandom(LARGE))
    change(launch, digest)
    word = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    with closing(socket.create_connection(("127.0.0.1", running.http), timeout=60)) as connection:
        for method in ("HEAD", "GET", "GET"):
            path = f"/v2/dmc/app/blobs/{digest}"
            connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {word}\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    headers = received.split(b"\r\n\r\n")
    assert headers[0].startswith(b"HTTP/1.1 200")
    assert len(received) < LARGE
    assert b"HTTP/1.1 404" not in received
