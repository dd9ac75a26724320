"""A disk without a byte to spare: what is there is pulled and deleted, space comes back, and pushes go on."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.client import digest_of
from tests.process.server import Launcher, every

pytestmark = pytest.mark.clients

MEGABYTE = 1 << 20
ROOM = 64 * MEGABYTE


@pytest.fixture
def small(tmp_path: Path, bytecode: Path) -> Iterator[Launcher]:
    """Return a launcher whose data folder is a disk of 64 MiB."""
    folder = tmp_path / "small"
    (folder / "data").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "none", str(folder / "data")], check=True)
    launcher = Launcher(folder, bytecode)
    try:
        yield launcher
    finally:
        launcher.close()
        subprocess.run(["umount", str(folder / "data")], check=True)


def fill(data: Path) -> None:
    """Take the last byte that is free."""
    with (data / "somebody else's").open("ab", buffering=0) as file:
        for size in (MEGABYTE, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    assert shutil.disk_usage(data).free < 4096


def test_a_full_disk_is_pulled_from_and_made_room_on_and_then_pushed_to(small: Launcher) -> None:
    running = small("--lease", "1", "--collect-every", "1")
    kept, gone = os.urandom(MEGABYTE), os.urandom(20 * MEGABYTE)
    with running.client() as client:
        client.create()
        client.push("kept", kept)
        digest = client.push("gone", gone)
        refused = client.finish(client.begin(), digest_of(b"x"), os.urandom(28 * MEGABYTE))
        assert refused.status == 507, refused
        assert json.loads(refused.body)["errors"][0]["message"]
        fill(small.data)
        client.pull("kept")
        assert client.ask("DELETE", f"manifests/{digest}").status == 202
        for _ in every(60, 0.3):
            if shutil.disk_usage(small.data).free > len(gone):
                break
        pushed = os.urandom(5 * MEGABYTE)
        client.push("new", pushed)
        for tag in ("kept", "new"):
            client.pull(tag)
    assert running.stop() == 0
    with small().client() as client:
        client.pull("new")
