"""Nobody waits for a disk that hangs."""

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, cast

from moorage.blobstore.room import room_at
from moorage.domain.room import Room
from moorage.services.disk import FRESH, OLDEST, PATIENCE, DiskService

if TYPE_CHECKING:
    from moorage.services.access import Access

NOBODY = cast("Access", None)


class Disk:
    """A disk that can hang, and a clock that a test moves."""

    def __init__(self) -> None:
        self.room, self.now, self.looks = Room(100, 50), 0.0, 0
        self.answers = threading.Event()
        self.answers.set()

    def measure(self) -> Room:
        self.looks += 1
        self.answers.wait()
        return self.room

    def clock(self) -> float:
        return self.now

    def service(self) -> DiskService:
        return DiskService("/data", self.measure, NOBODY, self.clock)


async def test_what_is_some_seconds_old_is_not_asked_for_again() -> None:
    disk = Disk()
    service = disk.service()
    assert await service.room() == Room(100, 50)
    disk.room = Room(100, 40)
    assert service.last() == await service.room() == Room(100, 50)
    assert disk.looks == 1
    disk.now += FRESH
    assert await service.room() == Room(100, 40)


async def test_a_disk_that_hangs_hangs_nobody_and_is_asked_once() -> None:
    disk = Disk()
    service = disk.service()
    assert await service.room() == Room(100, 50)
    disk.answers.clear()
    disk.now += FRESH
    assert service.last() == Room(100, 50)
    asking = asyncio.create_task(service.room())
    await asyncio.sleep(0)
    disk.now += PATIENCE
    assert await asking == Room(100, 50)
    disk.now += OLDEST
    assert service.last() is None
    assert disk.looks == 2
    disk.answers.set()


async def test_a_disk_that_gives_an_error_is_one_that_is_not_known(tmp_path: Path) -> None:
    assert room_at(tmp_path).total >= room_at(tmp_path).free > 0
    gone = DiskService("/data", lambda: room_at(tmp_path / "gone"), NOBODY)
    assert await gone.room() is None


async def test_a_bucket_has_no_limit_known() -> None:
    assert await DiskService("s3://images", None, NOBODY).room() is None
