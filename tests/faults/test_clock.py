"""Clocks that jump by a day, those of the server and of its PostgreSQL, end no lease."""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.postgres import Cluster, cluster
from tests.process.client import Client
from tests.process.server import Launcher, every

pytestmark = pytest.mark.servers

DAY = 86400
LEASE = 120
"""Seconds; each HEAD renews it, and its clock ticks every 6."""


class Clock:
    """What libfaketime adds to the wall clock of all processes started from now on; time passes as it does."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = folder / "faketime"
        self.jump(0)
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
        monkeypatch.setenv("LD_PRELOAD", str(library))
        monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(self._file))
        monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
        monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")

    def jump(self, seconds: int) -> None:
        self._file.write_text(f"{seconds:+d}")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    # Not under pytest's folder, into which PostgreSQL may not look.
    folder = Path(tempfile.mkdtemp(prefix="moorage-clock-"))
    folder.chmod(0o755)
    yield Clock(folder, monkeypatch)
    shutil.rmtree(folder)


@pytest.fixture
def database(clock: Clock) -> Iterator[Cluster]:
    del clock
    with cluster() as made:
        yield made


def test_clocks_that_jump_by_a_day_end_no_lease(clock: Clock, database: Cluster, launch: Launcher) -> None:
    url = database.empty()
    launch.settings = {"MOORAGE_DATABASE_URL": url, "MOORAGE_LEASE": str(LEASE), "MOORAGE_COLLECT_EVERY": "0"}
    launch()
    with launch.running[0].client() as client:
        client.create()
        pushed: list[str] = []
        for jump in (0, DAY, -DAY, 0):
            clock.jump(jump)
            assert abs(jump_of(client, database) - jump) < DAY / 2
            await_tick(database, url)
            assert launch.collect()["blobs"] == 0
            pushed.append(client.push_blob(f"{len(pushed)}".encode()))
            assert [client.ask("HEAD", f"blobs/{digest}").status for digest in pushed] == [200] * len(pushed)


def await_tick(database: Cluster, url: str) -> None:
    """Wait until the leases' clock has advanced."""
    name = url.rpartition("/")[2]
    before = database.ask("SELECT seconds FROM clock", name)
    for _ in every(60, 0.2):
        if database.ask("SELECT seconds FROM clock", name) != before:
            break


def jump_of(client: Client, database: Cluster) -> float:
    """Return by how many seconds the server and its database are ahead, which must be the same."""
    token = json.loads(client.ask("GET", "/token?service=moorage").body)
    issued = datetime.fromisoformat(token["issued_at"]).timestamp()
    ((stored,),) = database.ask("SELECT now()")
    assert abs(issued - stored.timestamp()) < DAY / 2
    return issued - time.time()
