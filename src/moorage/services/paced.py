"""Work of the processor in a thread, a little at a time, so that requests get their turn in between.

A thread that computes has Python's lock, and whoever answers requests waits for it, milliseconds each time: longer than
an answer takes. Of one that often rests they hardly take notice.
"""

import asyncio
import time
from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")

WORK = 0.001
"""Seconds of work, after which it rests."""

REST = 2.0
"""How long, in what it has worked."""


async def paced(steps: Generator[None, None, T], rest: Callable[[float], None] = time.sleep) -> T:
    """Take the steps to their end in a thread, and return what comes of them."""
    return await asyncio.to_thread(_take, steps, rest)


def _take(steps: Generator[None, None, T], rest: Callable[[float], None]) -> T:
    began = time.monotonic()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: T = end.value
            return answer
        worked = time.monotonic() - began
        if worked >= WORK:
            rest(worked * REST)
            began = time.monotonic()
