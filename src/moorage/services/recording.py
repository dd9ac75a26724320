"""How a change gets its row: the use case says what it is about to do, the database writes both in one transaction.

    request ─▶ ORIGIN set (telemetry/front.py)
               use case: with recorded(caller, Change(…)): await port.method(…)
               database: the first write inside takes the note, and adds its rows to the story's transaction

So no row is missing and none is false: what is undone has no row, and what has no row was undone. Both variables belong
to the task of a request; beside the call they reach the one place that reads them through every port in between, whose
methods would otherwise all have parameters for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from moorage.domain.access import Caller
from moorage.domain.activity import NOWHERE, Change, Facts, Kind, Origin, Outcome, registry_of

ORIGIN: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)
"""Where the request came from that is being answered; empty where none is, as on the command line."""

Changes = Callable[[Any], Iterable[Change]]
"""Tells from what a write returned what it has changed; it may be asked more than once."""


@dataclass(frozen=True, slots=True)
class ActivityRecord:
    """One thing that happened: who did what to what, from where, by which token, and what that changed.

    `id` is 0 until it is stored, `token` the name of an access token. What is no person's or no request's is empty.
    """

    id: int
    at: float
    who: str
    address: str
    token: str
    kind: Kind
    target: str
    registry: str
    before: Facts | None
    after: Facts | None
    request_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """Which rows are wanted: those that fit all that is given. `since` counts, `until` does not.

    `registries` (None: the whole server) by address; with `only_present` no row is older than the registry that has
    the address now. `target` is a beginning of it.
    """

    who: str | None = None
    address: str | None = None
    token: str | None = None
    request_id: str | None = None
    kind: Kind | None = None
    target: str | None = None
    since: float | None = None
    until: float | None = None
    outcome: Outcome | None = None
    registries: tuple[str, ...] | None = None
    only_present: bool = False


class ActivityPlace(NamedTuple):
    """A place in the order of the rows: by time, then by id."""

    at: float
    id: int


@dataclass(frozen=True, slots=True)
class Note:
    """What the next write is about."""

    who: str
    origin: Origin
    changes: Changes
    token: str = ""

    def rows(self, answer: object, at: float) -> list[ActivityRecord]:
        """Return the rows for what a write returned, at a time in Unix seconds."""
        return [row_of(change, self.who, self.origin, at, token=self.token) for change in self.changes(answer)]


class Activity(Protocol):
    """The port: what happened, one row each; rows of changes come with the change itself. None ever goes again."""

    async def append(self, rows: Sequence[ActivityRecord], pulls: Mapping[str, int], at: float) -> None:
        """Add rows, and pulls by repository, the last of them at `at` in Unix seconds; all or nothing.

        Repositories that are not there any more are passed over.
        """

    async def page(
        self, query: ActivityQuery, after: ActivityPlace | None, limit: int, *, oldest_first: bool = False
    ) -> tuple[tuple[ActivityRecord, ...], ActivityPlace | None]:
        """List rows, newest first unless asked otherwise, past a place; also the place to go on from, if any.

        It looks at some thousand rows at most, so that few or none of them may fit.
        """


_NOTE: ContextVar[Note | None] = ContextVar("note", default=None)


@contextmanager
def recorded(caller: Caller, *changes: Change) -> Iterator[None]:
    """Record what the write inside changes, unless it returns False: then it found nothing to change."""
    with recorded_as(caller, lambda answer: () if answer is False else changes):
        yield


@contextmanager
def recorded_as(caller: Caller, changes: Changes) -> Iterator[None]:
    """Record what `changes` tells of what the write inside returned."""
    token = _NOTE.set(Note(caller.name, ORIGIN.get(), changes, caller.token))
    try:
        yield
    finally:
        _NOTE.reset(token)


def take_note() -> Note | None:
    """Return what the write that asks is about, once."""
    note = _NOTE.get()
    if note is not None:
        _NOTE.set(None)
    return note


def row_of(
    change: Change, who: str, origin: Origin, at: float, outcome: Outcome = Outcome.DONE, token: str = ""
) -> ActivityRecord:
    """Return the row of a change, not yet stored."""
    return ActivityRecord(
        id=0,
        at=at,
        who=who,
        address=origin.address,
        token=token,
        kind=change.kind,
        target=change.target,
        registry=registry_of(change),
        before=change.before,
        after=change.after,
        request_id=origin.request_id,
        outcome=outcome,
    )
