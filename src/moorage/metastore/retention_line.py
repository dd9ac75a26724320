"""Which repositories rules of retention must look at: a line, by the time from which there may be something to do.

    rules changed ──▶ all of the registry ─┐
    pushed, tags moved ──▶ that one ───────┼──▶ retention_due ──▶ looked at ──▶ due again when something comes of age
    a pin was taken away ──▶ that one ─────┘

What changed is found by the index of the last push, and by the numbers of tags' moves, so that a push pays for nothing.
"""

from collections.abc import Iterable
from functools import partial

from sqlalchemy import and_, bindparam, delete, func, or_, select, update

from moorage.domain.immutable import parse_immutable_tags
from moorage.domain.name import Repository
from moorage.metastore.contents import SOME
from moorage.metastore.retention import rule_of
from moorage.metastore.steps import NOTHING, Database, Row, Rows, Steps, one
from moorage.metastore.tables import (
    registries,
    repositories,
    retention_due,
    retention_marks,
    retention_rules,
    retention_state,
    tag_moves,
)
from moorage.metastore.upsert import insert_or_update
from moorage.services.retention_records import DueRepository, RuledRegistry, RuleRecord
from moorage.services.trash_records import HIDDEN

MARGIN = 600.0
"""Seconds: servers' clocks may differ, and what has a lower number, or an earlier time, may be committed later."""

RUNNING = select(retention_rules).where(retention_rules.c.is_paused.is_(False))
RULES = RUNNING.order_by(retention_rules.c.registry_id, retention_rules.c.position)
_ruled = select(retention_rules.c.registry_id).where(retention_rules.c.is_paused.is_(False))
RULED = (
    select(registries.c.id, registries.c.address, registries.c.immutable_tags, retention_marks.c.mark)
    .outerjoin(retention_marks, retention_marks.c.registry_id == registries.c.id)
    .where(registries.c.id.in_(_ruled), registries.c.address < HIDDEN)
    .order_by(registries.c.address)
)
SET_MARK = insert_or_update(retention_marks, ["registry_id"], ["mark"])

OF_REGISTRY = (
    select(repositories.c.id, repositories.c.name)
    .where(
        repositories.c.registry_id == bindparam("registry_id"),
        repositories.c.name > bindparam("after"),
        repositories.c.name < HIDDEN,
    )
    .order_by(repositories.c.name)
    .limit(bindparam("limit"))
)
STATE = select(retention_state).where(retention_state.c.id == 1)
_at, _id = repositories.c.pushed_at, repositories.c.id
PUSHED = (
    select(_id, _at)
    .where(_at >= bindparam("since"), or_(_at > bindparam("since"), _id > bindparam("after")))
    .order_by(_at, _id)
    .limit(bindparam("limit"))
)
MOVED = (
    select(tag_moves.c.id, tag_moves.c.repository_id, tag_moves.c.at)
    .where(tag_moves.c.id > bindparam("after"))
    .order_by(tag_moves.c.id)
    .limit(bindparam("limit"))
)
LAST_MOVE = select(func.coalesce(func.max(tag_moves.c.id), 0).label("id"))
WANTED = select(repositories.c.id).where(
    repositories.c.id.in_(bindparam("some", expanding=True)),
    repositories.c.registry_id.in_(_ruled),
    repositories.c.name < HIDDEN,
)
LINE_UP = insert_or_update(retention_due, ["repository_id"], ["due_at"])

DUE = (
    select(retention_due.c.repository_id, retention_due.c.due_at, repositories.c.registry_id, repositories.c.name)
    .join(repositories, repositories.c.id == retention_due.c.repository_id)
    .where(
        repositories.c.name < HIDDEN,
        retention_due.c.due_at <= bindparam("now"),
        retention_due.c.due_at >= bindparam("at"),
        or_(retention_due.c.due_at > bindparam("at"), retention_due.c.repository_id > bindparam("after")),
    )
    .order_by(retention_due.c.due_at, retention_due.c.repository_id)
    .limit(bindparam("limit"))
)
_unchanged = and_(retention_due.c.repository_id == bindparam("of_id"), retention_due.c.due_at == bindparam("was"))
SETTLE = update(retention_due).where(_unchanged).values(due_at=bindparam("due"))
REST = delete(retention_due).where(_unchanged)

SEEN = (
    update(retention_state)
    .where(retention_state.c.id == 1)
    .values(seen_push=bindparam("push"), seen_move=bindparam("move"))
)
BEGIN = update(retention_state).where(retention_state.c.id == 1).values(ran_at=bindparam("now"))


class RetentionLineTable:
    """The port `RetentionLine` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def registries(self) -> tuple[RuledRegistry, ...]:
        """See `RetentionLine`."""
        return await self._database.read(_registries())

    async def line_up(self, registry: RuledRegistry, after: str, limit: int) -> str | None:
        """See `RetentionLine`."""
        return await self._database.write(partial(_line_up_registry, registry.id, after, limit))

    async def set_mark(self, registry: RuledRegistry, mark: str) -> None:
        """See `RetentionLine`."""
        await self._database.write(partial(_set_mark, registry.id, mark))

    async def line_up_changed(self, now: float, limit: int) -> None:
        """See `RetentionLine`."""
        state = await self._database.read(_state())
        if not await self.registries():
            # Whose rules begin to run gets all of its repositories into the line.
            last = await self._database.read(_last_move())
            await self._database.write(partial(_see, now - MARGIN, last))
            return
        pushed: tuple[float, int] | None = (state.seen_push, 0)
        while pushed is not None:
            pushed = await self._line_up(await self._database.read(_pushed(*pushed, limit)), limit)
        seen = move = state.seen_move
        while move is not None:
            rows = await self._database.read(_moved(move, limit))
            seen = max([seen, *(row.id for row in rows if row.at <= now - MARGIN)])
            await self._put(row.repository_id for row in rows)
            move = rows[-1].id if len(rows) == limit else None
        await self._database.write(partial(_see, now - MARGIN, seen))

    async def due(self, now: float, after: DueRepository | None, limit: int) -> tuple[DueRepository, ...]:
        """See `RetentionLine`."""
        return await self._database.read(_due(now, after, limit))

    async def settle(self, repository: DueRepository, due_at: float | None) -> None:
        """See `RetentionLine`."""
        await self._database.write(partial(_settle, repository, due_at))

    async def ran_at(self) -> float:
        """See `RetentionLine`."""
        return float((await self._database.read(_state())).ran_at)

    async def begin_run(self, now: float) -> None:
        """See `RetentionLine`."""
        await self._database.write(partial(_begin, now))

    async def _line_up(self, rows: Rows, limit: int) -> tuple[float, int] | None:
        await self._put(row.id for row in rows)
        return (rows[-1].pushed_at, rows[-1].id) if len(rows) == limit else None

    async def _put(self, ids: Iterable[int]) -> None:
        wanted = await self._database.read(_wanted(list(dict.fromkeys(ids))))
        if wanted:
            await self._database.write(partial(_line_up, wanted))


def _registries() -> Steps[tuple[RuledRegistry, ...]]:
    rows = yield RULED, NOTHING
    by_registry: dict[int, list[RuleRecord]] = {}
    for row in (yield RULES, NOTHING):
        by_registry.setdefault(row.registry_id, []).append(rule_of(row))
    return tuple(
        RuledRegistry(
            id=row.id,
            address=row.address,
            rules=tuple(by_registry.get(row.id, ())),
            immutable=parse_immutable_tags(row.immutable_tags.splitlines()),
            mark=row.mark or "",
        )
        for row in rows
    )


def _line_up_registry(registry_id: int, after: str, limit: int) -> Steps[str | None]:
    rows = yield OF_REGISTRY, {"registry_id": registry_id, "after": after, "limit": limit}
    yield from _line_up([row.id for row in rows])
    return rows[-1].name if len(rows) == limit else None


def _line_up(ids: list[int]) -> Steps[None]:
    if ids:
        yield LINE_UP, [{"repository_id": repository_id, "due_at": 0.0} for repository_id in ids]


def _wanted(ids: list[int]) -> Steps[list[int]]:
    found: list[int] = []
    for start in range(0, len(ids), SOME):
        rows = yield WANTED, {"some": ids[start : start + SOME]}
        found += [row.id for row in rows]
    return found


def _set_mark(registry_id: int, mark: str) -> Steps[None]:
    yield SET_MARK, {"registry_id": registry_id, "mark": mark}


def _state() -> Steps[Row]:
    row = yield from one(STATE)
    assert row is not None  # noqa: S101  the migration makes it
    return row


def _last_move() -> Steps[int]:
    row = yield from one(LAST_MOVE)
    return int(row.id) if row else 0


def _pushed(since: float, after: int, limit: int) -> Steps[Rows]:
    return (yield PUSHED, {"since": since, "after": after, "limit": limit})


def _moved(after: int, limit: int) -> Steps[Rows]:
    return (yield MOVED, {"after": after, "limit": limit})


def _see(push: float, move: int) -> Steps[None]:
    yield SEEN, {"push": push, "move": move}


def _due(now: float, after: DueRepository | None, limit: int) -> Steps[tuple[DueRepository, ...]]:
    place = {"at": 0.0, "after": 0} if after is None else {"at": after.due_at, "after": after.id}
    rows = yield DUE, {"now": now, **place, "limit": limit}
    found = []
    for row in rows:
        registry, _, path = row.name.partition("/")
        found.append(DueRepository(row.repository_id, row.registry_id, Repository(registry, path), row.due_at))
    return tuple(found)


def _settle(repository: DueRepository, due_at: float | None) -> Steps[None]:
    was = {"of_id": repository.id, "was": repository.due_at}
    if due_at is None:
        yield REST, was
    else:
        yield SETTLE, {**was, "due": due_at}


def _begin(now: float) -> Steps[None]:
    yield BEGIN, {"now": now}
