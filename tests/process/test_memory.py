"""Content of any size passes through: it is never kept in memory."""

import contextlib
import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.process.client import Client
from tests.process.server import Launcher, Running

pytestmark = pytest.mark.clients

MEGABYTE = 1 << 20
GIGABYTES = int(os.environ.get("GIGABYTES", "1"))
BLOCK = os.urandom(MEGABYTE)


@dataclass(slots=True)
class Watch:
    """The most memory that the processes of a server have had, in bytes; what they share counts once."""

    running: Running
    most: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def now(self) -> int:
        return sum(taken_by(pid) for pid in self.running.tree())

    def run(self) -> None:
        while not self.done.wait(0.05):
            self.most = max(self.most, self.now())


def taken_by(pid: int) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 if found else 0
    return 0


@contextlib.contextmanager
def watched(running: Running) -> Iterator[Watch]:
    watch = Watch(running)
    thread = threading.Thread(target=watch.run)
    thread.start()
    yield watch
    watch.done.set()
    thread.join()


@pytest.fixture
def roomy(launch: Launcher) -> Iterator[Launcher]:
    """Start servers whose gigabytes are gone after the test."""
    yield launch
    launch.close()
    shutil.rmtree(launch.data)


def push(client: Client, first: bytes, blocks: int) -> str:
    """Push `first` and so many blocks in one stream, and return the digest."""
    hasher = hashlib.sha256(first)
    location = client.begin()
    length = len(first) + blocks * MEGABYTE
    connection = client.open("PATCH", location, Content_Length=str(length))
    connection.send(first)
    for _ in range(blocks):
        connection.send(BLOCK)
        hasher.update(BLOCK)
    assert client.answer().status == 202
    digest = f"sha256:{hasher.hexdigest()}"
    assert client.finish(location, digest).status == 201
    return digest


def pull(client: Client, digest: str) -> str:
    """Pull a blob in one stream, and return the digest of what came."""
    hasher = hashlib.sha256()
    answer = client.open("GET", f"blobs/{digest}").getresponse()
    while piece := answer.read(MEGABYTE):
        hasher.update(piece)
    return f"sha256:{hasher.hexdigest()}"


@pytest.mark.parametrize("door", ["http", "https"])
def test_a_big_blob_passes_in_little_memory(roomy: Launcher, door: str) -> None:
    running = roomy()
    with running.client() if door == "http" else running.secure_client() as client:
        client.create()
        assert pull(client, digest := push(client, b"warm", 8)) == digest
        before = Watch(running).now()
        with watched(running) as watch:
            began = time.monotonic()
            digest = push(client, b"", GIGABYTES * 1024)
            pushed = time.monotonic()
            assert pull(client, digest) == digest
            seconds = pushed - began, time.monotonic() - pushed
    report(f"{GIGABYTES} GiB over {door}", before, watch.most, seconds)
    assert watch.most - before < 64 * MEGABYTE


def test_fifty_uploads_at_once_pass_in_little_memory(roomy: Launcher) -> None:
    running = roomy()
    digests: set[str] = set()
    with running.client() as client:
        client.create()
        push(client, b"warm", 8)
    before = Watch(running).now()

    def run(number: int) -> None:
        with running.client() as client:
            digests.add(push(client, str(number).encode(), 200))

    began = time.monotonic()
    threads = [threading.Thread(target=run, args=[number]) for number in range(50)]
    with watched(running) as watch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    report("50 uploads of 200 MiB", before, watch.most, (time.monotonic() - began,))
    assert len(digests) == 50
    assert watch.most - before < 256 * MEGABYTE


def report(what: str, before: int, most: int, seconds: tuple[float, ...]) -> None:
    times = ", ".join(f"{passed:.1f} s" for passed in seconds)
    print(f"{what}: {before // MEGABYTE} MiB before, {most // MEGABYTE} MiB at most, {times}")  # noqa: T201
