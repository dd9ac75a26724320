"""What a server does to the disk: in which order, and what it says when the disk does not do it."""

import itertools
import json
import os
import re
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.process.client import Client, digest_of, manifest
from tests.process.server import Launcher
from tests.process.tracing import calls, traced

pytestmark = pytest.mark.clients

DURABLE = "fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat"
WRITING = "pwritev2,pwrite64,fallocate,ftruncate"


def test_a_blob_is_on_disk_before_it_is_acknowledged(launch: Launcher, tmp_path: Path) -> None:
    running = launch()
    content = os.urandom(100_000)
    encoded = digest_of(content).partition(":")[2]
    with running.client() as client:
        client.create()
        location = client.begin()
        with traced(running, tmp_path / "trace", "-e", f"trace={DURABLE},write,writev,sendto,sendmsg"):
            assert client.finish(location, digest_of(content), content).status == 201
    made = calls(tmp_path / "trace")
    steps = [
        r"fsync\(\d+<.*/uploads/[^/>]+>\) += 0",
        rf"rename\w*\(.*/uploads/.*/sha256/{encoded[:2]}/{encoded}\D.* = 0",
        rf"fsync\(\d+<.*/sha256/{encoded[:2]}>\) += 0",
        r"f(data)?sync\(\d+<.*/moorage\.db-wal>\) += 0",
        r"\w+\(\d+<[^>]*>, .*HTTP/1\.1 201",
    ]
    at = -1
    for step in steps:
        following = [place for place, call in enumerate(made) if place > at and re.match(step, call)]
        assert following, (step, made)
        at = following[0]
    folder_made = [place for place, call in enumerate(made) if re.match(r"mkdir\w*\(", call)]
    folder_kept = [place for place, call in enumerate(made) if re.match(r"fsync\(\d+<.*/sha256>\) += 0", call)]
    assert len(folder_made) == len(folder_kept) == 1
    assert folder_made[0] < folder_kept[0] < at


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("fsync,fdatasync:error=EIO", 503),
        ("fsync:error=EIO", 503),
        ("fdatasync:error=EIO", 503),
        ("rename,renameat,renameat2:error=EIO", 503),
        (f"{WRITING}:error=ENOSPC", 507),
        (f"{WRITING}:error=EDQUOT", 507),
        ("pwrite64:error=ENOSPC", 507),
        ("pwritev2:error=ENOSPC", 507),
    ],
)
def test_what_the_disk_refuses_is_not_acknowledged(launch: Launcher, tmp_path: Path, fault: str, status: int) -> None:
    running = launch()
    old, new = os.urandom(100_000), os.urandom(100_000)
    with running.client() as client:
        client.create()
        client.push("old", old)
        location = client.begin()
        with traced(running, tmp_path / "trace", "-e", f"trace={DURABLE},{WRITING}", "-e", f"inject={fault}"):
            refused = client.finish(location, digest_of(new), new)
            tagged = client.put("new", manifest(old, note="new"))
            client.pull("old")
        assert "(INJECTED)" in (tmp_path / "trace").read_text()
        assert refused.status == status
        # SQLite knows a full disk, but not a quota.
        assert tagged.status in {201, 503, 507}
        for answer in (refused, tagged):
            assert answer.status == 201 or json.loads(answer.body)["errors"]
        if tagged.status != 201:
            assert client.ask("HEAD", "manifests/new").status == 404
        assert client.ask("HEAD", f"blobs/{digest_of(new)}").status == 404
        client.push("new", old, new)
        client.pull("new")
    running.kill()
    with launch().client() as client:
        client.pull("old")
        client.pull("new")


@pytest.mark.parametrize(
    ("call", "step"), [("fsync", 1), ("fdatasync", 1), ("rename", 1), ("mkdir", 1), ("pwritev2", 1), ("pwrite64", 7)]
)
def test_a_kill_at_any_step_to_the_disk_loses_nothing_acknowledged(
    launch: Launcher, tmp_path: Path, call: str, step: int
) -> None:
    running = launch()
    with running.client() as client:
        client.create()
    for number in itertools.count(1, step):
        fault = f"inject={call}:signal=KILL:when={number}"
        with running.client() as client, traced(running, tmp_path / "trace", "-e", f"trace={call}", "-e", fault):
            acknowledged = push_until_killed(client, number)
        if running.process.poll() is None:
            break
        running = launch()
        with running.client() as client:
            for path in acknowledged:
                assert client.ask("GET", path).status == 200
            client.push("again", b"layer", str(number).encode())
            client.pull("again")
    assert number > 1


def push_until_killed(client: Client, number: int) -> list[str]:
    """Push an image; return the addresses of what was acknowledged."""
    acknowledged: list[str] = []
    layer = str(number).encode() * 50_000
    try:
        acknowledged += (f"blobs/{client.push_blob(content)}" for content in (b"{}", layer))
        body = manifest(layer)
        for reference in (f"tag{number}", digest_of(body)):
            assert client.put(reference, body).status == 201
            acknowledged.append(f"manifests/{reference}")
    except (OSError, HTTPException):
        pass
    return acknowledged
