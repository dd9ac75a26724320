"""Memory that uploads share."""

import asyncio

import pytest

from moorage.blobstore.s3.room import Room
from moorage.blobstore.s3.writer import MOST_PARTS, PART, part_size


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_there_is_never_more_taken_than_there_is() -> None:
    room = Room(10)
    assert await room.take(6) == 6
    waiting = asyncio.create_task(room.take(5))
    await settled()
    assert not waiting.done()
    assert room.is_wanted
    room.give(6)
    assert await waiting == 5
    assert not room.is_wanted


async def test_who_asks_first_gets_room_first_however_much_it_is() -> None:
    room = Room(10)
    await room.take(10)
    large, small = asyncio.create_task(room.take(8)), asyncio.create_task(room.take(1))
    await settled()
    room.give(5)
    await settled()
    assert not large.done()
    assert not small.done()
    room.give(5)
    assert (await large, await small) == (8, 1)


async def test_more_than_there_is_waits_for_all_of_it() -> None:
    room = Room(10)
    assert await room.take(100) == 10


async def test_who_no_longer_waits_keeps_nobody_and_takes_nothing() -> None:
    room = Room(10)
    await room.take(10)
    gone, stays = asyncio.create_task(room.take(10)), asyncio.create_task(room.take(3))
    await settled()
    gone.cancel()
    room.give(3)
    await settled()
    assert stays.done()
    room.give(7)
    served = asyncio.create_task(room.take(7))
    await settled()
    served.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await served == 7


def test_parts_grow_so_that_the_most_there_may_be_hold_hundreds_of_gigabytes() -> None:
    assert part_size(1) == part_size(2000) == PART
    assert part_size(2001) == 2 * PART
    assert sum(map(part_size, range(1, MOST_PARTS + 1))) > 480 << 30
