"""Whoever asks what stands still is told of nothing older than the request, and many who ask share a query."""

import asyncio

import pytest

from moorage.domain.activity import Origin
from moorage.metastore import moments
from moorage.metastore.moments import Moments
from moorage.services.recording import ORIGIN


class Counted:
    """A database that tells how often it was asked, when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.moments = Moments(self.ask)

    async def ask(self) -> str:
        self.asked += 1
        self.is_asked.set()
        answer = str(self.asked)
        await self.may_answer.wait()
        return answer

    async def request(self, times: int = 1) -> list[str]:
        """Ask as one request would."""
        ORIGIN.set(Origin("", "request"))
        return [await self.moments.now() for _ in range(times)]


async def test_a_request_asks_once() -> None:
    database = Counted()
    assert await asyncio.create_task(database.request(3)) == ["1", "1", "1"]
    assert await asyncio.create_task(database.request(3)) == ["2", "2", "2"]


async def test_what_is_no_request_asks_every_time() -> None:
    database = Counted()
    assert [await database.moments.now() for _ in range(2)] == ["1", "2"]


async def test_a_request_that_has_written_asks_again() -> None:
    database = Counted()

    async def write() -> list[str]:
        before = await database.request()
        database.moments.wrote()
        return [*before, await database.moments.now()]

    assert await asyncio.create_task(write()) == ["1", "2"]


async def test_a_request_that_lasts_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "GOOD_SECONDS", 0.0)
    assert await asyncio.create_task(Counted().request(2)) == ["1", "2"]


async def test_who_comes_while_a_query_is_under_way_waits_for_the_next_and_shares_it() -> None:
    database = Counted()
    database.may_answer.clear()
    first = asyncio.create_task(database.request())
    await database.is_asked.wait()
    others = [asyncio.create_task(database.request()) for _ in range(5)]
    await asyncio.sleep(0)
    database.may_answer.set()
    assert await first == ["1"]
    assert await asyncio.gather(*others) == [["2"]] * 5


async def test_who_goes_away_takes_no_answer_from_others() -> None:
    database = Counted()
    database.may_answer.clear()
    first, second = (asyncio.create_task(database.request()) for _ in range(2))
    await database.is_asked.wait()
    first.cancel()
    database.may_answer.set()
    assert await second == ["1"]
