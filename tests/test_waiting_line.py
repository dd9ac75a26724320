"""Whoever shows a password that is not known waits in line; nobody else does."""

import asyncio
from collections.abc import Sequence
from typing import Any

from moorage.app.line import Line

KNOWN, TOKEN, GUESS = b"Basic known", b"Bearer new", b"bAsic guess"
GUESSES = 20


def is_known(authorization: bytes) -> bool:
    return authorization == KNOWN


async def begun_while_turning(requests: Sequence[bytes | None], turns: int) -> list[bytes | None]:
    """Return which of requests that came at once have begun after some turns of the event loop."""
    begun: list[bytes | None] = []

    async def inner(scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401  ASGI
        begun.append(scope["credentials"])

    line = Line(inner, is_known)
    tasks = []
    for credentials in requests:
        headers = [(b"host", b"proget"), *([(b"authorization", credentials)] if credentials else [])]
        scope = {"type": "http", "headers": headers, "credentials": credentials}
        tasks.append(asyncio.ensure_future(line(scope, None, None)))
    for _ in range(turns):
        await asyncio.sleep(0)
    present = list(begun)
    await asyncio.gather(*tasks)
    assert sorted(map(str, begun)) == sorted(map(str, requests))
    return present


async def test_nobody_else_waits_for_those_who_guess() -> None:
    begun = await begun_while_turning([GUESS] * GUESSES + [KNOWN, TOKEN, None], turns=1)
    assert begun == [KNOWN, TOKEN, None]


async def test_of_many_guesses_one_begins_in_a_turn() -> None:
    for turns in (2, 8, 20):
        assert len(await begun_while_turning([GUESS] * GUESSES, turns)) < turns


async def test_a_guess_that_fails_lets_the_next_one_in() -> None:
    async def fails(_scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401  ASGI
        raise OSError

    line = Line(fails, is_known)
    scope = {"type": "http", "headers": [(b"authorization", GUESS)]}
    ended = await asyncio.gather(*(line(scope, None, None) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in ended] == [OSError] * 3
