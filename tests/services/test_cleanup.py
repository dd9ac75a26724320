"""When a collection is due, and what is remembered of it."""

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from moorage.app.services import SYSTEM
from moorage.domain.access import Caller
from moorage.domain.errors import MoorageError
from moorage.services import cleanup
from moorage.services.access import Access
from moorage.services.cleanup import CleanupService
from moorage.services.collect import CollectService
from moorage.services.storage_records import Cleanup, OnlyHere, Unfinished

if TYPE_CHECKING:
    from moorage.services.cleanup_ports import Cleanups

HOUR = 3600.0


class Known:
    """The port, with what a test says."""

    def __init__(self, asked: Cleanup | None = None, last: Cleanup | None = None) -> None:
        self.asked, self.last = asked, last
        self.added: OnlyHere | None = None
        self.gate = asyncio.Event()

    async def latest(self) -> tuple[Cleanup | None, Cleanup | None]:
        return self.asked, self.last

    async def unfinished(self) -> Unfinished:
        return Unfinished(0, 0, None)

    async def add_up(self, at: float, _age: float) -> None:
        await self.gate.wait()
        self.added = OnlyHere(at, {7: 12})

    async def only_here(self) -> OnlyHere | None:
        return self.added


def collecting(known: Known, now: float) -> CollectService:
    parts = (None, None, None, None, None)
    return CollectService(*parts, cast("Cleanups", known), lambda: now)  # type: ignore[arg-type]  # asks only this port


@pytest.mark.parametrize(
    ("known", "every", "running", "due"),
    [
        (Known(), HOUR, HOUR - 1, False),
        (Known(), HOUR, HOUR, True),
        (Known(), 0, 10 * HOUR, False),
        (Known(Cleanup("ann", 1.0)), 0, 0, True),
        (Known(Cleanup("ann", 1.0), Cleanup("", 9_999.0, 10_000.0)), HOUR, 0, True),
        (Known(last=Cleanup("", 10_000 - HOUR + 1, 1.0)), HOUR, 10 * HOUR, False),
        (Known(last=Cleanup("", 10_000 - HOUR, 1.0)), HOUR, 0, True),
        # The clock was put back.
        (Known(last=Cleanup("", 99_999.0, 1.0)), HOUR, 0, True),
    ],
)
async def test_a_run_is_due_when_it_is_asked_for_or_its_time_has_come(
    known: Known,
    every: float,
    running: float,
    due: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    assert await collecting(known, 10_000.0).is_due(every, running) is due


async def test_the_next_run_is_never_in_the_past() -> None:
    known = Known(last=Cleanup("", 100.0, 101.0))
    access = Access(None, None)  # type: ignore[arg-type]  # the server needs neither

    async def next_at(every: float, now: float) -> float | None:
        service = CleanupService(cast("Cleanups", known), every, access, lambda: now)
        return (await service.state(SYSTEM)).next_at

    assert await next_at(HOUR, 200.0) == 100.0 + HOUR
    assert await next_at(HOUR, 9_000.0) == 9_000.0
    assert await next_at(0, 200.0) is None
    with pytest.raises(MoorageError):
        await CleanupService(cast("Cleanups", known), HOUR, access).state(Caller(user_id=5, name="mara"))


async def test_what_takes_long_to_add_up_is_told_to_who_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "PATIENCE", 0.01)
    known = Known()
    service = CleanupService(cast("Cleanups", known), HOUR, Access(None, None), lambda: 5.0)  # type: ignore[arg-type]  # as above
    assert await service.only_here(SYSTEM) is None
    known.gate.set()
    assert await service.only_here(SYSTEM) == OnlyHere(5.0, {7: 12})
    with pytest.raises(MoorageError):
        await service.only_here(Caller(user_id=5, name="mara"))
