"""Two hundred uploads at once into a bucket pass in the memory that is promised, over all processes of the server."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.process.client import Client, digest_of
from tests.process.server import Launcher, Running
from tests.process.test_memory import BLOCK, MEGABYTE, pull, push, report, watched
from tests.s3_servers import PASSWORD, USER, S3Server, s3_server

pytestmark = pytest.mark.servers

UPLOADS = 200
LIMIT = 512 * MEGABYTE
SECONDS = int(os.environ.get("SECONDS", "20"))
GIGABYTE = 1024 * MEGABYTE

_prefixes = count()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server("versitygw", tmp_path_factory.mktemp("versitygw") / "store") as server:
        yield server


@pytest.fixture(params=[1, 2])
def running(request: pytest.FixtureRequest, launch: Launcher, bucket: S3Server) -> Running:
    """Return a server of so many workers with an empty registry."""
    launch.settings = {
        "MOORAGE_STORAGE_URL": f"s3://moorage/{next(_prefixes)}",
        "MOORAGE_S3_ENDPOINT": bucket.endpoint,
        "MOORAGE_S3_ACCESS_KEY_ID": USER,
        "MOORAGE_S3_SECRET_ACCESS_KEY": PASSWORD,
        "MOORAGE_WORKERS": str(request.param),
    }
    running = launch()
    with running.client() as client:
        client.create()
    return running


def at_once(running: Running, what: str, upload: Callable[[Client, int], None]) -> int:
    """Do 200 uploads, each over a connection of its own, and return the most memory that the server had."""

    def run(number: int) -> None:
        with running.client() as client:
            upload(client, number)

    threads = [threading.Thread(target=run, args=[number]) for number in range(UPLOADS)]
    began = time.monotonic()
    with watched(running) as watch:
        before = watch.now()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    report(f"{UPLOADS} {what}", before, watch.most, (time.monotonic() - began,))
    return watch.most


def test_two_hundred_uploads_at_once_pass_in_512_mebibytes(running: Running) -> None:
    digests: dict[int, str] = {}

    def upload(client: Client, number: int) -> None:
        digests[number] = push(client, str(number).encode(), 9)

    assert at_once(running, "uploads of 9 MiB", upload) < LIMIT
    assert len(set(digests.values())) == UPLOADS
    with running.client() as client:
        assert pull(client, digests[7]) == digest_of(b"7" + BLOCK * 9)


def test_two_hundred_long_uploads_at_once_pass_in_512_mebibytes(running: Running) -> None:
    sent = [0] * UPLOADS
    until = time.monotonic() + SECONDS

    def upload(client: Client, number: int) -> None:
        connection = client.open("PATCH", client.begin(), Content_Length=str(GIGABYTE))
        while time.monotonic() < until and sent[number] < GIGABYTE - MEGABYTE:
            connection.send(BLOCK)
            sent[number] += MEGABYTE

    assert at_once(running, "uploads of 1 GiB", upload) < LIMIT
    assert min(sent) > 0
