"""Totals: exact where adding up is quick, remembered where it takes long."""

from collections.abc import Generator
from typing import Any, TypeVar

import pytest

from moorage.domain.reach import reach_of, whole_of
from moorage.metastore.steps import Steps
from moorage.metastore.totals import QUICK, Total, Totals

T = TypeVar("T")

HERE, THERE = whole_of("dmc"), whole_of("other")


class Counting:
    """A database in which every statement finds one row of the number of stories told so far, at some cost."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.stories = 0
        self.moved = 0

    async def ask_generation(self) -> int:
        """Return what moves with every write."""
        return self.moved

    async def read_aside(self, steps: Steps[T]) -> tuple[T, float]:
        """Tell a story."""
        self.stories += 1
        return _told(steps, self.stories), self.seconds


def _told(steps: Generator[Any, Any, T], number: int) -> T:
    try:
        statement, _ = next(steps)
        while True:
            row = (number, 1.0) if len(statement.selected_columns) > 1 else (number,)
            statement, _ = steps.send([row])
    except StopIteration as end:
        answer: T = end.value
        return answer


async def test_nothing_is_added_up_again_while_nothing_was_written() -> None:
    database = Counting(seconds=0)
    totals = Totals(database)  # type: ignore[arg-type]  # what of a database it uses
    assert await totals.of([HERE]) == await totals.of([HERE]) == {HERE: Total(1, 2, 1.0)}
    assert set(await totals.of([HERE, THERE])) == {HERE, THERE}
    assert database.stories == 2


async def test_what_is_quick_to_add_up_is_never_old() -> None:
    database = Counting(seconds=QUICK)
    totals = Totals(database)  # type: ignore[arg-type]  # what of a database it uses
    await totals.of([HERE])
    database.moved += 1
    assert (await totals.of([HERE]))[HERE].repositories == 2


async def test_what_takes_long_to_add_up_is_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moorage.metastore.totals.QUICK", QUICK)
    database = Counting(seconds=3)
    totals = Totals(database)  # type: ignore[arg-type]  # what of a database it uses
    await totals.of([HERE])
    database.moved += 1
    assert (await totals.of([HERE]))[HERE].repositories == 1
    assert (await totals.of([THERE]))[THERE].repositories == 2


async def test_there_is_a_total_of_nothing() -> None:
    database = Counting(seconds=0)
    totals = Totals(database)  # type: ignore[arg-type]  # what of a database it uses
    nothing = reach_of([])
    assert await totals.of([]) == {}
    assert await totals.of([nothing]) == {nothing: Total(0, 0, None)}
