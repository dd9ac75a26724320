"""Whoever looks something up is told of nothing older than the request, and many who do share a query."""

import asyncio
from typing import Any, NamedTuple

import pytest
from sqlalchemy import bindparam, select

from moorage.domain.activity import Origin
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore import lookups
from moorage.metastore.lookups import Lookups
from moorage.metastore.steps import Look, Rows, Step
from moorage.metastore.tables import users
from moorage.services.recording import ORIGIN

STATEMENT = select(users.c.id).select_from(users).where(users.c.name == bindparam("name"))


class Found(NamedTuple):
    """A row as PostgreSQL returns it."""

    standing: str
    snapshot: str
    number: int = 1
    is_found: bool | None = True
    name: str = ""


class Counted:
    """A database that tells how often it was asked, and for what, when it is let; everybody but nobody is in it."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.error: Exception | None = None
        self.lookups = Lookups(self.run)

    async def run(self, step: Step) -> Rows:
        assert isinstance(step[1], dict)
        given = step[1].get("name", [])
        # Who asks alone is not in a list.
        names = [given] if isinstance(given, str) else given
        self.asked.append(names)
        self.is_asked.set()
        moment = str(len(self.asked))
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        found = [
            Found(moment, moment, number, None if name == "nobody" else True, name)
            for number, name in enumerate(names, 1)
        ]
        # In any order, as a database may.
        return found[::-1] or [Found(moment, moment)]

    async def moments(self, times: int = 1) -> list[str]:
        """Ask what stands still as one request would."""
        ORIGIN.set(Origin("", "request"))
        return [(await self.lookups.moment()).standing for _ in range(times)]

    async def find(self, name: str) -> str | None:
        """Look somebody up as one request would."""
        ORIGIN.set(Origin("", "request"))
        return await self.found(name)

    async def found(self, name: str) -> str | None:
        row, held = await self.lookups.look(of(name))
        assert held == f"held of {name}"
        return None if row is None else str(row.name)


def of(name: str) -> Look:
    return Look(STATEMENT, {"name": name}, held=f"held of {name}")


async def in_a_request(work: Any) -> Any:  # noqa: ANN401  a coroutine and what it returns
    async def begun() -> Any:  # noqa: ANN401  likewise
        ORIGIN.set(Origin("", "request"))
        return await work

    return await asyncio.create_task(begun())


async def test_a_request_asks_once() -> None:
    database = Counted()
    assert await asyncio.create_task(database.moments(3)) == ["1", "1", "1"]
    assert await asyncio.create_task(database.moments(3)) == ["2", "2", "2"]


async def test_what_is_no_request_asks_every_time() -> None:
    database = Counted()
    assert [(await database.lookups.moment()).standing for _ in range(2)] == ["1", "2"]


async def test_a_request_that_has_written_asks_again() -> None:
    database = Counted()

    async def write() -> list[str]:
        before = await database.moments()
        database.lookups.wrote()
        return [*before, *(await database.moments())]

    assert await asyncio.create_task(write()) == ["1", "2"]


async def test_a_request_that_lasts_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "GOOD_SECONDS", 0.0)
    assert await asyncio.create_task(Counted().moments(2)) == ["1", "2"]


async def test_a_request_that_waits_long_for_its_moment_has_it_then(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Counted()
    database.may_answer.clear()
    asking = asyncio.create_task(database.moments(2))
    await database.is_asked.wait()
    loop = asyncio.get_running_loop()
    later = loop.time() + 60
    monkeypatch.setattr(loop, "time", lambda: later)
    database.may_answer.set()
    assert await asking == ["1", "1"]


async def test_who_comes_while_a_query_is_under_way_waits_for_the_next_and_shares_it() -> None:
    database = Counted()
    database.may_answer.clear()
    first = asyncio.create_task(database.find("ann"))
    await database.is_asked.wait()
    others = [asyncio.create_task(database.find(name)) for name in ("ann", "bea", "nobody", "bea")]
    await asyncio.sleep(0)
    database.may_answer.set()
    assert await first == "ann"
    assert await asyncio.gather(*others) == ["ann", "bea", None, "bea"]
    assert database.asked == [["ann"], ["ann", "bea", "nobody"]]


async def test_more_than_fit_into_a_query_wait_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "MOST", 2)
    database = Counted()
    names = ["ann", "bea", "cid"]
    assert await asyncio.gather(*(database.find(name) for name in names)) == names
    assert database.asked == [["ann", "bea"], ["cid"]]


async def test_who_goes_away_takes_no_answer_from_others() -> None:
    database = Counted()
    database.may_answer.clear()
    first, second = (asyncio.create_task(database.moments()) for _ in range(2))
    await database.is_asked.wait()
    first.cancel()
    database.may_answer.set()
    assert await second == ["1"]


async def test_a_query_that_fails_fails_those_who_wait_for_it_and_nobody_else() -> None:
    database = Counted()
    database.error = MoorageError(ErrorCode.UNAVAILABLE)
    for failed in await asyncio.gather(*(database.find(name) for name in ("ann", "bea")), return_exceptions=True):
        assert failed is database.error
    database.error = None
    assert await database.find("ann") == "ann"


async def test_a_character_that_no_text_can_hold_fails_nobody_else() -> None:
    database = Counted()
    odd, found = await asyncio.gather(database.find("a\0b"), database.find("ann"), return_exceptions=True)
    assert isinstance(odd, MoorageError)
    assert odd.error is ErrorCode.VALUE_INVALID
    assert found == "ann"


async def test_what_was_foreseen_tells_the_row_and_its_moment_in_one_query() -> None:
    database = Counted()

    async def request() -> tuple[list[str], str | None]:
        database.lookups.foresee(of("ann"))
        moments = [(await database.lookups.moment()).standing for _ in range(3)]
        return moments, await database.found("ann")

    assert await in_a_request(request()) == (["1", "1", "1"], "ann")
    assert database.asked == [["ann"]]


async def test_what_was_foreseen_is_taken_once() -> None:
    database = Counted()

    async def request() -> list[str | None]:
        database.lookups.foresee(of("ann"))
        return [await database.found("ann") for _ in range(2)]

    assert await in_a_request(request()) == ["ann", "ann"]
    assert database.asked == [["ann"], ["ann"]]


@pytest.mark.parametrize("does", ["read", "wrote"])
async def test_what_was_foreseen_does_not_count_once_the_request_read_or_wrote_something_else(does: str) -> None:
    database = Counted()

    async def request() -> str | None:
        database.lookups.foresee(of("ann"))
        await database.lookups.moment()
        getattr(database.lookups, does)()
        return await database.found("ann")

    assert await in_a_request(request()) == "ann"
    assert database.asked == [["ann"], ["ann"]]


async def test_another_row_than_was_foreseen_is_looked_up() -> None:
    database = Counted()

    async def request() -> str | None:
        database.lookups.foresee(of("ann"))
        return await database.found("bea")

    assert await in_a_request(request()) == "bea"


async def test_nothing_is_foreseen_where_there_is_no_request() -> None:
    database = Counted()
    database.lookups.foresee(of("ann"))
    await asyncio.sleep(0)
    assert database.asked == []
