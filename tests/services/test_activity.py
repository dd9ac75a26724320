"""What was counted is written once, whatever happens while it is written."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import pytest

from moorage.domain.name import Repository
from moorage.services.activity import ActivityService
from moorage.services.recording import ActivityPlace, ActivityQuery, ActivityRecord
from moorage.services.tally import Tally

if TYPE_CHECKING:
    from moorage.services.access import Access
    from moorage.services.ports import Registries

APP = Repository("dmc", "app")


class Slow:
    """Takes what it is given when it is let go on, or fails; as a database, it ends what it began if it is cut off."""

    def __init__(self, error: Exception | None = None) -> None:
        self.pulls: list[Mapping[str, int]] = []
        self.began, self.may_go_on = asyncio.Event(), asyncio.Event()
        self._error = error

    async def append(self, rows: Sequence[ActivityRecord], pulls: Mapping[str, int], at: float) -> None:
        assert (len(rows), at > 0) == (0, True)
        self.began.set()
        ending = asyncio.create_task(self._end(pulls))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait([ending])
            raise

    async def _end(self, pulls: Mapping[str, int]) -> None:
        await self.may_go_on.wait()
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        self.pulls.append(pulls)

    async def page(
        self, query: ActivityQuery, after: ActivityPlace | None, limit: int, *, oldest_first: bool = False
    ) -> tuple[tuple[ActivityRecord, ...], ActivityPlace | None]:
        raise NotImplementedError


def service(activity: Slow) -> ActivityService:
    tally = Tally()
    tally.pulled(APP)
    return ActivityService(activity, cast("Registries", None), cast("Access", None), tally)


async def cancelled(activity: Slow, flush: "asyncio.Task[None]") -> None:
    """Cancel a flush in the middle of its write, which then ends as it may."""
    await activity.began.wait()
    flush.cancel()
    await asyncio.sleep(0)
    activity.may_go_on.set()
    await asyncio.wait([flush])
    assert flush.cancelled()


async def test_a_flush_that_is_cut_off_by_the_stop_is_not_counted_twice() -> None:
    activity = Slow()
    counted = service(activity)
    await cancelled(activity, asyncio.create_task(counted.flush()))
    await counted.flush()
    assert activity.pulls == [{"dmc/app": 1}]


async def test_what_was_not_written_then_is_written_next() -> None:
    activity = Slow(RuntimeError("the disk is full"))
    counted = service(activity)
    await cancelled(activity, asyncio.create_task(counted.flush()))
    assert activity.pulls == []
    await counted.flush()
    assert activity.pulls == [{"dmc/app": 1}]


async def test_a_write_that_fails_is_told_and_done_again() -> None:
    activity = Slow(RuntimeError("the disk is full"))
    activity.may_go_on.set()
    counted = service(activity)
    with pytest.raises(RuntimeError):
        await counted.flush()
    await counted.flush()
    await counted.flush()
    assert activity.pulls == [{"dmc/app": 1}]
