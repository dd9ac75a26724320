"""Bytes that no row knows are counted, and given back; never what is young, known, or most of the store."""

import os
import time
from pathlib import Path

from tests.faults.damage import some_images, verify
from tests.faults.test_corruption import push_all
from tests.process.client import digest_of
from tests.process.server import Launcher

LEASE = {"MOORAGE_LEASE": "1"}
NOTHING = {"count": 0, "bytes": 0, "given_back": False, "refused": None}


def files_in(launch: Launcher) -> set[Path]:
    return {path for path in (launch.data / "blobs").rglob("*") if path.is_file()}


def leave(launch: Launcher, content: bytes) -> set[Path]:
    """Leave content behind, as a crash between bytes and row does: at its address, and as an upload."""
    encoded = digest_of(content).partition(":")[2]
    blobs = launch.data / "blobs"
    left = {blobs / "sha256" / encoded[:2] / encoded, blobs / "uploads" / f"left-{encoded[:8]}"}
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        # However old it says it is: it came just now.
        os.utime(path, (0, 0))
    return left


def test_what_no_row_knows_is_counted_and_given_back_once_it_is_old(launch: Launcher) -> None:
    images = some_images(6)
    running = launch("--verify-days", "0", "--collect-every", "3600")
    push_all(running, images)
    with running.client() as client:
        location = client.begin()
        assert client.append(location, 0, b"half of it").status == 202
    before = files_in(launch)
    left = leave(launch, b"left over")
    for words in ((), ("--repair",)):
        assert verify(launch, *words)[1]["leftovers"] == {**NOTHING, "given_back": bool(words)}
    assert files_in(launch) == before | left
    launch.settings = LEASE
    time.sleep(2)
    code, found = verify(launch)
    assert (code, found["leftovers"]) == (0, {**NOTHING, "count": 2, "bytes": 2 * len(b"left over")})
    code, found = verify(launch, "--repair")
    assert (code, found["leftovers"]["count"], found["leftovers"]["given_back"]) == (0, 2, True)
    assert files_in(launch) == before
    assert verify(launch)[1]["leftovers"] == NOTHING
    with running.client() as client:
        assert client.append(location, 10, b" and the rest").status == 202
        assert client.finish(location, digest_of(b"half of it and the rest")).status == 201
    for image in images:
        with running.client(image.repository) as client:
            client.pull(image.tag)


def test_a_store_that_the_database_hardly_knows_is_left_alone(launch: Launcher) -> None:
    running = launch("--verify-days", "0", "--collect-every", "3600")
    push_all(running, some_images(3))
    for at in range(30):
        leave(launch, b"another database's %d" % at)
    before = files_in(launch)
    launch.settings = LEASE
    time.sleep(2)
    code, found = verify(launch, "--repair")
    assert code == 1
    assert found["leftovers"]["count"] == 60
    assert "is it the right database" in found["leftovers"]["refused"]
    assert files_in(launch) == before
