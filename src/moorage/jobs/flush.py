"""What each process remembers for a while, so that a pull writes nothing, is written from time to time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

Flush = Callable[[], Awaitable[None]]


async def flush_all(flushes: Sequence[Flush], failed: Callable[[Exception], None]) -> None:
    """Write everything that is waiting; what fails is reported, and keeps for the next time."""
    for flush in flushes:
        try:
            await flush()
        except Exception as error:  # noqa: BLE001  one failure must not keep the others from being written
            failed(error)


async def flush_every(seconds: float, flushes: Sequence[Flush], failed: Callable[[Exception], None]) -> None:
    """Do so again and again, until it is cancelled."""
    while True:
        await asyncio.sleep(seconds)
        await flush_all(flushes, failed)
