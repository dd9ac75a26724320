"""A server of several processes that keeps its blobs in a bucket."""

import hashlib
import http.client
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest

from tests.process.client import Client, digest_of
from tests.process.server import Launcher, Running
from tests.process.test_memory import BLOCK, pull
from tests.s3_servers import COMMANDS, PASSWORD, USER, S3Server, s3_server

pytestmark = pytest.mark.clients

_prefixes = count()


@pytest.fixture(scope="module", params=list(COMMANDS))
def bucket(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(request.param, tmp_path_factory.mktemp(request.param) / "store") as server:
        yield server


@pytest.fixture
def launch(launch: Launcher, bucket: S3Server) -> Launcher:
    launch.settings = {
        "MOORAGE_STORAGE_URL": f"s3://moorage/{next(_prefixes)}",
        "MOORAGE_S3_ENDPOINT": bucket.endpoint,
        "MOORAGE_S3_ACCESS_KEY_ID": USER,
        "MOORAGE_S3_SECRET_ACCESS_KEY": PASSWORD,
        "MOORAGE_WORKERS": "3",
    }
    return launch


def test_what_was_acknowledged_outlives_kills_in_the_middle_of_pushes(launch: Launcher) -> None:
    pushed: dict[str, bytes] = {}
    running = launch()
    with running.client() as client:
        client.create()
    for turn in range(4):
        enough = threading.Event()

        pushing = partial(push_until_it_dies, running, pushed, enough)
        threads = [threading.Thread(target=pushing, args=[f"{turn} {number}"]) for number in range(3)]
        for thread in threads:
            thread.start()
        enough.wait()
        running.kill()
        for thread in threads:
            thread.join()
        running = launch()
        with running.client() as client:
            assert [digest for digest in pushed if pull(client, digest) != digest] == []
    assert len(pushed) > 4 * 3


def push_until_it_dies(running: Running, pushed: dict[str, bytes], enough: threading.Event, name: str) -> None:
    """Push small and large blobs, and say when there are some; what was acknowledged is put into `pushed`."""
    try:
        with running.client() as client:
            for each in count():
                content = f"{name} {each}".encode() * (600_000 if each % 2 else 1)
                pushed[client.push_blob(content)] = content
                if each == 3:
                    enough.set()
    except (OSError, http.client.HTTPException):
        enough.set()


def test_an_upload_goes_on_in_any_process_of_the_server(launch: Launcher) -> None:
    running = launch()
    chunks = [BLOCK[:70_000], BLOCK * 9, b"x"]
    content = b"".join(chunks)
    with running.client() as client:
        client.create()
        location, start = client.begin(), 0
    for chunk in chunks:
        # A connection of its own for each: the kernel gives it to any process.
        with running.client() as client:
            assert client.append(location, start, chunk).status == 202
            start += len(chunk)
    with running.client() as client:
        assert client.finish(location, digest_of(content)).status == 201
        assert pull(client, digest_of(content)) == digest_of(content)


def test_what_was_deleted_leaves_the_bucket(launch: Launcher, bucket: S3Server) -> None:
    launch.settings |= {"MOORAGE_LEASE": "0", "MOORAGE_WORKERS": "1"}
    running = launch()
    with running.client() as client:
        client.create()
        client.push("latest", b"layer", BLOCK * 9)
        client.begin()
        assert client.ask("DELETE", f"manifests/{image_of(client)}").status == 202
        freed = launch.collect()
    assert freed["blobs"] == 3
    root = launch.settings["MOORAGE_STORAGE_URL"].removeprefix("s3:/")
    found = [path for path in bucket.folder.rglob("*") if path.is_file() and f"{root}/" in str(path)]
    assert found == []


def test_a_redirected_pull_leaves_no_url_in_the_log(launch: Launcher) -> None:
    launch.settings |= {"MOORAGE_REDIRECTS": "on", "MOORAGE_WORKERS": "1", "MOORAGE_LOG_LEVEL": "debug"}
    running = launch()
    with running.client() as client:
        client.create()
        digest = client.push_blob(BLOCK)
        answer = client.ask("GET", f"blobs/{digest}")
    assert answer.status == 307
    with urllib.request.urlopen(answer.headers["location"]) as there:
        assert digest_of(there.read()) == digest
    assert running.stop() == 0
    said = running.err.read_text() + running.out.read_text()
    assert '"status":307' in said
    assert "X-Amz" not in said


def image_of(client: Client) -> str:
    """Return the digest that the tag has."""
    answer = client.ask("GET", "manifests/latest", accept="*/*")
    assert answer.status == 200
    return f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
