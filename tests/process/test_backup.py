"""The real commands, beside a real server that is pushed to, and killed where they are at work."""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.moving.places import Said, in_bucket, in_postgres
from tests.process.server import MOORAGE, Launcher, every
from tests.process.test_move import BLOCK, IMAGES, bearer, check_pulls, files_in, pusher, with_token
from tests.s3_servers import s3_server

SERVERS = [pytest.mark.servers, pytest.mark.clients]

Kinds = tuple[str, str]
"""Of what a server keeps things in: before, and after."""

ALONE, TOGETHER = "sqlite and files", "postgresql and bucket"


@pytest.fixture(
    params=[
        (ALONE, ALONE),
        pytest.param((ALONE, TOGETHER), marks=SERVERS),
        pytest.param((TOGETHER, ALONE), marks=SERVERS),
        pytest.param((TOGETHER, TOGETHER), marks=SERVERS),
    ],
    ids=" to ".join,
)
def kinds(request: pytest.FixtureRequest) -> Kinds:
    found: Kinds = request.param
    return found


@pytest.fixture
def launchers(
    kinds: Kinds, launch: Launcher, tmp_path: Path, bytecode: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Launcher, Launcher]]:
    """Return what starts the server that is backed up, and one at the place that is restored to."""
    there = Launcher(tmp_path / "other", bytecode)
    there.folder.mkdir()
    with ExitStack() as running:
        running.callback(there.close)
        for number, (launcher, kind) in enumerate(zip((launch, there), kinds, strict=True)):
            if kind == TOGETHER:
                bucket = running.enter_context(s3_server("versitygw", tmp_path / f"store{number}"))
                said: Said = {**in_postgres(request.getfixturevalue("postgres")), **in_bucket(bucket)}
                launcher.settings |= {f"MOORAGE_{name}": value for name, value in said.items()}
        yield launch, there


def begin(launcher: Launcher, *words: str) -> "subprocess.Popen[bytes]":
    """Start a command on what a launcher's servers have."""
    command = [MOORAGE, *words, "--data", str(launcher.data), "--json"]
    return subprocess.Popen(command, env=launcher.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def done(launcher: Launcher, *words: str, code: int = 0) -> Any:  # noqa: ANN401  JSON
    """Run it, and return the report."""
    out, err = (running := begin(launcher, *words)).communicate()
    assert running.returncode == code, err.decode()
    return json.loads(out)


def test_what_was_acknowledged_before_a_backup_began_is_pulled_from_what_is_restored(
    launchers: tuple[Launcher, Launcher], tmp_path: Path
) -> None:
    launch, there = launchers
    # Every second, and no content is safe for long: what a run needs may be taken away while it is at it.
    launch.settings |= {"MOORAGE_LEASE": "3", "MOORAGE_COLLECT_EVERY": "1"}
    place = str(tmp_path / "backups")
    running = launch()
    pushed: dict[str, str] = {}
    with running.client() as client:
        client.create()
        for number in range(IMAGES):
            pushed[f"v{number}"] = client.push(f"v{number}", BLOCK + b"%d" % number)
        token = bearer(client)
    with pusher(running, {}):
        time.sleep(1)
        first = done(launch, "backup", place)
        second = done(launch, "backup", place, "--keep", "1")
    assert first["verified"]
    assert second["verified"]
    assert second["removed"] == [first["name"]]
    assert done(launch, "backup", "verify", place)["verified"]
    authority = (launch.data / "tls" / "ca.crt").read_bytes()
    # The host is gone.
    running.kill()
    restored = done(there, "restore", place)
    assert restored["verified"]
    assert restored["copied"] == restored["contents"]["blobs"]
    assert (there.data / "tls" / "ca.crt").read_bytes() == authority
    other = there()
    check_pulls(other, pushed)
    with other.client() as client:
        # Who has signed in before goes on with what they have.
        assert with_token(client, token, "manifests/v0") == 200
        assert client.push("latest", b"pushed there")
    with other.secure_client() as client:
        client.pull("latest")


def test_backups_that_are_killed_lose_nothing_and_so_do_restorations(
    launch: Launcher, tmp_path: Path, bytecode: Path
) -> None:
    running = launch()
    place = tmp_path / "backups"
    pushed: dict[str, str] = {}
    chance = random.Random(30)  # noqa: S311  the same each time
    with running.client() as client:
        client.create()
        for number in range(IMAGES):
            pushed[f"v{number}"] = client.push(f"v{number}", BLOCK * 8 + b"%d" % number)
            if number % 8 == 0:
                interrupted(launch, place, chance.randrange(2 * IMAGES), "backup", str(place), "--keep", "2")
                assert done(launch, "backup", "verify", str(place))["verified"]
    made = done(launch, "backup", str(place), "--keep", "1")
    assert made["copied"] + made["already_there"] == made["contents"]["blobs"]
    assert made["already_there"] > 0
    assert done(launch, "backup", "verify", str(place))["backups"] == [made["name"]]
    there = Launcher(tmp_path / "other", bytecode)
    there.folder.mkdir()
    try:
        for enough in (0, 1, IMAGES // 2, IMAGES, 2 * IMAGES):
            interrupted(there, there.data, enough, "restore", str(place))
        restored = done(there, "restore", str(place))
        assert restored["verified"]
        assert restored["already_there"] > 0
        check_pulls(there(), pushed)
    finally:
        there.close()


def interrupted(launcher: Launcher, place: Path, enough: int, *words: str) -> None:
    """Run a command and kill it when so many more files are there, unless it ends before."""
    before = files_in(place)
    command = begin(launcher, *words)
    for _ in every(60, 0.002):
        if files_in(place) >= before + enough or command.poll() is not None:
            break
    command.kill()
    command.communicate()


@pytest.mark.clients
@pytest.mark.parametrize("write", [1, 3, 10])
def test_a_disk_that_is_full_in_the_middle_leaves_earlier_backups_whole(
    launch: Launcher, tmp_path: Path, write: int
) -> None:
    place = str(tmp_path / "backups")
    running = launch()
    with running.client() as client:
        client.create()
        client.push("v1", BLOCK)
        first = done(launch, "backup", place)
        # strace counts the calls of each thread: enough for the last of `write`, however many share in the work.
        client.push("v2", *(BLOCK + bytes([number]) for number in range(60)))
    # What comes to the backup is written by this call, and nothing else is.
    fault = ("-e", "trace=pwritev2", "-e", f"inject=pwritev2:error=ENOSPC:when={write}+")
    command = [
        "strace",
        "-f",
        "-o",
        str(tmp_path / "trace"),
        *fault,
        MOORAGE,
        "backup",
        place,
        "--data",
        str(launch.data),
    ]
    full = subprocess.run(command, env=launch.environment(), capture_output=True, check=False)
    assert "(INJECTED)" in (tmp_path / "trace").read_text()
    assert full.returncode == 1
    assert b"moorage: the disk of the backup is full; " in full.stderr
    assert b"earlier backups are whole" in full.stderr
    found = done(launch, "backup", "verify", place)
    assert (found["verified"], found["backups"]) == (True, [first["name"]])
    assert done(launch, "backup", place)["verified"]
    assert len(done(launch, "backup", "list", place)) == 2
