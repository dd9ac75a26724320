"""Work in a thread that rests again and again."""

import threading
import time
from collections.abc import Generator

from moorage.services.paced import REST, WORK, paced

STEPS = 5


def working(seconds: float) -> Generator[None, None, int]:
    for _ in range(STEPS):
        time.sleep(seconds)
        yield
    return threading.get_ident()


async def test_long_steps_are_taken_elsewhere_with_a_rest_after_each() -> None:
    rests: list[float] = []
    assert await paced(working(2 * WORK), rests.append) != threading.get_ident()
    assert len(rests) == STEPS
    assert min(rests) >= 2 * WORK * REST


async def test_what_takes_less_than_that_never_rests() -> None:
    rests: list[float] = []
    assert await paced(_at_once(), rests.append) == STEPS
    assert rests == []


def _at_once() -> Generator[None, None, int]:
    yield from ()
    return STEPS
