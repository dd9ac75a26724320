"""Doing a thing for many, several at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def at_once(work: Callable[[T], Awaitable[None]], things: Iterable[T], count: int) -> None:
    """Do the work for `count` things at once, and for none any more when it fails for one."""
    left = iter(things)

    async def go_on() -> None:
        for thing in left:
            await work(thing)

    workers = [asyncio.ensure_future(go_on()) for _ in range(count)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
