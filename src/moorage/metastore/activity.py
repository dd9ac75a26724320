"""Activity: rows that come with a change, in its transaction, and those that come by themselves; and their lists."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, insert, or_, select, update

from moorage.domain.activity import Facts, Kind, Outcome
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import activity, registries, repositories
from moorage.services.recording import ActivityPlace, ActivityQuery, ActivityRecord, Note, take_note

T = TypeVar("T")

WINDOW = 5_000
"""Rows that one read goes through: some milliseconds in which nothing else is answered."""

FIRST = 500
"""Rows that it goes through first: what fits often fills a page from so many."""

APPEND = insert(activity)
PULLED = (
    update(repositories)
    .where(repositories.c.name == bindparam("repository"))
    .values(pulls=repositories.c.pulls + bindparam("more"), last_pulled_at=bindparam("at"))
)

TOP = "\U0010ffff"
"""Above every character of a target."""


def _fits(rows: FromClause, name: str) -> ColumnElement[bool]:
    """Return the condition of a filter on some rows of activity."""
    if name == "target":
        return and_(rows.c.target >= bindparam("target"), rows.c.target < bindparam("target_end"))
    if name == "registries":
        return rows.c.registry.in_(bindparam("registries", expanding=True))
    if name == "only_present":
        present = select(registries.c.id).where(registries.c.address == rows.c.registry)
        return present.where(registries.c.created_at <= rows.c.at).exists()
    return rows.c[name] == bindparam(name)


FILTERS = frozenset(
    {"who", "address", "token", "request_id", "kind", "target", "outcome", "registries", "only_present"}
)


def recorded(story: Callable[[], Steps[T]]) -> Callable[[], Steps[T]]:
    """Return a story with the rows of the note that its use case has left for it, if it has; see recording.py."""
    note = take_note()
    return story if note is None else partial(_tell, story, note, time.time())


def _tell(story: Callable[[], Steps[T]], note: Note, at: float) -> Steps[T]:
    answer = yield from story()
    yield from append(note.rows(answer, at))
    return answer


def append(rows: Sequence[ActivityRecord]) -> Steps[None]:
    """Add rows."""
    if rows:
        yield APPEND, [_values(row) for row in rows]


class ActivityTable:
    """The port `Activity` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, rows: Sequence[ActivityRecord], pulls: Mapping[str, int], at: float) -> None:
        """See `Activity`."""
        await self._database.write(partial(_append, rows, pulls, at))

    async def page(
        self, query: ActivityQuery, after: ActivityPlace | None, limit: int, *, oldest_first: bool = False
    ) -> tuple[tuple[ActivityRecord, ...], ActivityPlace | None]:
        """See `Activity`."""
        return await self._database.read(_page(query, after, limit, oldest_first=oldest_first))


def _append(rows: Sequence[ActivityRecord], pulls: Mapping[str, int], at: float) -> Steps[None]:
    yield from append(rows)
    if pulls:
        yield PULLED, [{"repository": name, "more": more, "at": at} for name, more in pulls.items()]


def _values(row: ActivityRecord) -> dict[str, Any]:
    return {
        "at": row.at,
        "who": row.who,
        "address": row.address,
        "token": row.token,
        "kind": row.kind.value,
        "target": row.target,
        "registry": row.registry,
        "before": _json(row.before),
        "after": _json(row.after),
        "request_id": row.request_id,
        "outcome": row.outcome.value,
    }


def _json(facts: Facts | None) -> str | None:
    return None if facts is None else json.dumps(dict(facts), separators=(",", ":"))


def _record_of(row: Row) -> ActivityRecord:
    return ActivityRecord(
        id=row.id,
        at=row.at,
        who=row.who,
        address=row.address,
        token=row.token,
        kind=Kind(row.kind),
        target=row.target,
        registry=row.registry,
        before=json.loads(row.before) if row.before else None,
        after=json.loads(row.after) if row.after else None,
        request_id=row.request_id,
        outcome=Outcome(row.outcome),
    )


@cache
def _window(bounds: frozenset[str], *, oldest_first: bool) -> Select[Any]:
    """Return the rows that are looked at: the next ones in order within what is given of place, since and until."""
    found = select(activity).order_by(*_order(activity, oldest_first=oldest_first))
    at, key = activity.c.at, activity.c.id
    if "place" in bounds and oldest_first:
        found = found.where(at >= bindparam("at"), or_(at > bindparam("at"), key > bindparam("after")))
    elif "place" in bounds:
        found = found.where(at <= bindparam("at"), or_(at < bindparam("at"), key < bindparam("after")))
    if "since" in bounds:
        found = found.where(at >= bindparam("since"))
    if "until" in bounds:
        found = found.where(at < bindparam("until"))
    return found


@cache
def _fitting(
    bounds: frozenset[str], filters: frozenset[str], *, oldest_first: bool, window: int = WINDOW
) -> Select[Any]:
    """Return the rows of a window that fit; a statement is made once, since the database keeps what it is given."""
    rows = _window(bounds, oldest_first=oldest_first)
    if not filters:
        return rows.limit(bindparam("limit"))
    seen = rows.limit(window).subquery("seen")
    found = select(seen).where(*(_fits(seen, name) for name in sorted(filters)))
    return found.order_by(*_order(seen, oldest_first=oldest_first)).limit(bindparam("limit"))


def _order(rows: FromClause, *, oldest_first: bool) -> tuple[ColumnElement[Any], ...]:
    return (rows.c.at, rows.c.id) if oldest_first else (rows.c.at.desc(), rows.c.id.desc())


@cache
def _last(bounds: frozenset[str], *, oldest_first: bool) -> Select[Any]:
    """Return the last row of a whole window."""
    window = _window(bounds, oldest_first=oldest_first).with_only_columns(activity.c.at, activity.c.id)
    return window.offset(WINDOW - 1).limit(1)


def _page(
    query: ActivityQuery, after: ActivityPlace | None, limit: int, *, oldest_first: bool
) -> Steps[tuple[tuple[ActivityRecord, ...], ActivityPlace | None]]:
    given = _given(query)
    within: dict[str, Any] = {name: given.pop(name) for name in ("since", "until") if name in given}
    bounds = frozenset([*within, "place"] if after else within)
    if after is not None:
        within |= {"at": after.at, "after": after.id}
    filters = frozenset(name for name in given if name in FILTERS)
    asked = {**within, **given, "limit": limit}
    rows = yield _fitting(bounds, filters, oldest_first=oldest_first, window=FIRST), asked
    if filters and len(rows) < limit:
        rows = yield _fitting(bounds, filters, oldest_first=oldest_first), asked
    found = tuple(_record_of(row) for row in rows)
    if len(found) == limit:
        return found, ActivityPlace(found[-1].at, found[-1].id)
    last = yield from one(_last(bounds, oldest_first=oldest_first), within)
    return found, ActivityPlace(last.at, last.id) if last else None


def _given(query: ActivityQuery) -> dict[str, Any]:
    """Return what is given, by the names of filters and of their parameters."""
    given: dict[str, Any] = {
        "who": query.who,
        "address": query.address,
        "token": query.token,
        "request_id": query.request_id,
        "kind": query.kind and query.kind.value,
        "target": query.target,
        "since": query.since,
        "until": query.until,
        "outcome": query.outcome and query.outcome.value,
        "registries": query.registries,
        "only_present": query.only_present or None,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if "target" in given:
        given["target_end"] = given["target"] + TOP
    return given
