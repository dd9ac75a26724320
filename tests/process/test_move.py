"""The real command, beside a real server that is pushed to, and killed where it is at work."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.moving.places import Said, in_bucket, in_folder, in_postgres
from tests.process.client import Client, digest_of
from tests.process.server import MOORAGE, Launcher, Running, every
from tests.s3_servers import s3_server

BLOCK = os.urandom(64 * 1024)
IMAGES = 40

Place = tuple[Said, Said]
"""Where it is moved to, and what a server there must be told besides its data folder."""


@pytest.fixture(
    params=["folder", pytest.param("postgresql and bucket", marks=[pytest.mark.servers, pytest.mark.clients])]
)
def to(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Said]:
    with ExitStack() as running:
        if request.param == "folder":
            yield in_folder(tmp_path / "there")
            return
        cluster = request.getfixturevalue("postgres")
        bucket = running.enter_context(s3_server("versitygw", tmp_path / "store"))
        yield {**in_postgres(cluster), **in_bucket(bucket)}


@pytest.fixture
def elsewhere(tmp_path: Path, bytecode: Path, to: Said) -> Iterator[Launcher]:
    """Return what starts a server at the destination."""
    launcher = Launcher(tmp_path / "other", bytecode)
    launcher.folder.mkdir()
    if "DATA" in to:
        launcher.folder = Path(to["DATA"]).parent / "elsewhere"
        launcher.folder.mkdir()
        (launcher.folder / "data").symlink_to(to["DATA"])
    launcher.settings = {f"MOORAGE_{name}": value for name, value in to.items() if name != "DATA"}
    yield launcher
    launcher.close()


def begin(launch: Launcher, to: Said) -> "subprocess.Popen[bytes]":
    """Start a move of what a launcher's servers have."""
    environment = launch.environment() | {f"MOORAGE_TO_{name}": value for name, value in to.items()}
    command = [MOORAGE, "move", "--data", str(launch.data), "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def moved(launch: Launcher, to: Said, code: int = 0) -> Any:  # noqa: ANN401  JSON
    """Move, and return the report."""
    out, err = (moving := begin(launch, to)).communicate()
    assert moving.returncode == code, err.decode()
    return json.loads(out)


def check_pulls(running: Running, pushed: dict[str, str]) -> None:
    """Fail unless all that was acknowledged is pulled, each by its tag, with the digest it had."""
    with running.client() as client:
        assert [tag for tag, digest in pushed.items() if digest_of(client.pull(tag)) != digest] == []


@contextmanager
def pusher(running: Running, pushed: dict[str, str]) -> Iterator[None]:
    """Push images, and delete every third, until the end."""
    enough = threading.Event()

    def push() -> None:
        with running.client() as client:
            for number in count():
                if enough.is_set():
                    return
                tag = f"while-{number}"
                digest = client.push(tag, os.urandom(2000), b"shared by all", note=tag)
                pushed[tag] = digest
                if number % 3 == 2:
                    assert client.ask("DELETE", f"manifests/{digest}").status == 202
                    del pushed[tag]

    thread = threading.Thread(target=push)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def test_a_server_that_is_pushed_to_is_moved_and_once_more_when_it_has_stopped(
    launch: Launcher, elsewhere: Launcher, to: Said
) -> None:
    # Every second, and no content is safe for long: what a run needs may be taken away while it is at it.
    launch.settings |= {"MOORAGE_LEASE": "3", "MOORAGE_COLLECT_EVERY": "1"}
    running = launch()
    pushed: dict[str, str] = {}
    with running.client() as client:
        client.create()
        for number in range(IMAGES):
            pushed[f"v{number}"] = client.push(f"v{number}", BLOCK + b"%d" % number)
        token = bearer(client)
    with pusher(running, pushed):
        time.sleep(1)
        first = moved(launch, to)
    assert (first["is_last"], first["damaged"]) == (False, [])
    assert running.stop() == 0
    second = moved(launch, to)
    assert second["is_last"]
    assert second["damaged"] == []
    assert second["already_there"] >= IMAGES
    assert second["copied"] + second["already_there"] == second["contents"]["blobs"]
    there = elsewhere()
    check_pulls(there, pushed)
    with there.client() as client:
        # Who has signed in before goes on with what they have.
        assert with_token(client, token, "manifests/v0") == 200
        assert client.push("latest", b"pushed there")


def bearer(client: Client) -> str:
    """Return a token for pulls."""
    answer = client.ask("GET", "/token?service=moorage&scope=repository:dmc/app:pull")
    assert answer.status == 200, answer
    return str(json.loads(answer.body)["token"])


def with_token(client: Client, token: str, path: str) -> int:
    """Ask with a bearer token, and return the status."""
    client.connection.request("GET", f"/v2/{client.repository}/{path}", headers={"authorization": f"Bearer {token}"})
    answer = client.connection.getresponse()
    answer.read()
    return answer.status


def files_in(folder: Path) -> int:
    """Count the files in a folder that is being written to."""
    return sum(len(files) for _, _, files in os.walk(folder))


def test_a_move_that_is_killed_goes_on_where_it_was(
    launch: Launcher, elsewhere: Launcher, to: Said, tmp_path: Path
) -> None:
    running = launch()
    pushed: dict[str, str] = {}
    with running.client() as client:
        client.create()
        for number in range(IMAGES):
            pushed[f"v{number}"] = client.push(f"v{number}", BLOCK * 8 + b"%d" % number)
    assert running.stop() == 0
    place = tmp_path / ("there/blobs/sha256" if "DATA" in to else "store/moorage")
    for enough in (0, 1, IMAGES // 4, IMAGES // 2, IMAGES):
        moving = begin(launch, to)
        for _ in every(60, 0.002):
            if files_in(place) >= enough or moving.poll() is not None:
                break
        moving.kill()
        moving.communicate()
    report = moved(launch, to)
    assert report["copied"] + report["already_there"] == report["contents"]["blobs"]
    assert report["already_there"] > 0
    check_pulls(elsewhere(), pushed)


def test_two_moves_to_one_place_do_not_mix(launch: Launcher, to: Said) -> None:
    running = launch()
    with running.client() as client:
        client.create()
        for number in range(IMAGES):
            client.push(f"v{number}", BLOCK * 8 + b"%d" % number)
    both = [begin(launch, to) for _ in range(2)]
    said = [moving.communicate() for moving in both]
    assert sorted(moving.returncode for moving in both) in ([0, 0], [0, 1])
    for moving, (_, err) in zip(both, said, strict=True):
        if moving.returncode:
            assert b"another `moorage move` is at work" in err


@pytest.mark.clients
def test_blobs_alone_go_to_a_bucket_and_the_database_learns_of_it_when_no_server_is_at_work(
    launch: Launcher, tmp_path: Path
) -> None:
    running = launch()
    with s3_server("versitygw", tmp_path / "store") as store:
        to = in_bucket(store)
        with running.client() as client:
            client.create()
            pushed = {"v1": client.push("v1", BLOCK)}
        first = moved(launch, to)
        assert (first["copied"], first["has_rows"]) == (2, False)
        check_pulls(running, pushed)
        with running.client() as client:
            pushed["v2"] = client.push("v2", BLOCK * 2)
        running.stop()
        second = moved(launch, to)
        assert (second["copied"], second["has_rows"]) == (1, True)
        launch.settings |= {f"MOORAGE_{name}": value for name, value in to.items()}
        check_pulls(launch(), pushed)
