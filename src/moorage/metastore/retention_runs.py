"""Runs of retention: who is at one, how far it has come, and what went by each rule."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from moorage.metastore.retention_line import RUNNING
from moorage.metastore.steps import NOTHING, Database, Row, Steps, one
from moorage.metastore.tables import registries, retention_rules, retention_run_rules, retention_runs
from moorage.metastore.upsert import insert_or_nothing
from moorage.services.retention_records import Parted, Ran
from moorage.services.retention_run_records import Run
from moorage.services.trash_records import HIDDEN

_id = retention_runs.c.id
RUNS = select(retention_runs, registries.c.address).join(registries, registries.c.id == retention_runs.c.registry_id)
_mine = RUNS.where(retention_runs.c.registry_id == bindparam("registry_id"))
FIND = _mine.where(_id == bindparam("run"))
LAST = _mine.order_by(_id.desc()).limit(bindparam("limit"))
BEFORE = LAST.where(_id < bindparam("before"))
OPEN_HERE = _mine.where(retention_runs.c.ended_at.is_(None))
OPEN = RUNS.where(retention_runs.c.ended_at.is_(None), registries.c.address < HIDDEN).order_by(retention_runs.c.seen_at)
NEW = insert(retention_runs).returning(_id)
_held = (
    _id == bindparam("of_run"),
    retention_runs.c.ended_at.is_(None),
    retention_runs.c.runner == bindparam("of_runner"),
)
TAKE = (
    update(retention_runs)
    .where(*_held, retention_runs.c.seen_at == bindparam("old_seen"))
    .values(runner=bindparam("new_runner"), seen_at=bindparam("at"))
    .returning(_id)
)
_progress = ("ended_at", "seen_at", "repositories", "decided", "settled")
NOTE = (
    update(retention_runs).where(*_held).values({name: bindparam(f"new_{name}") for name in _progress}).returning(_id)
)

BY_RULE = select(retention_run_rules).where(retention_run_rules.c.run_id.in_(bindparam("some", expanding=True)))
RULES = RUNNING.where(retention_rules.c.registry_id == bindparam("registry_id"))
BEGIN_RULE = insert_or_nothing(retention_run_rules, ["run_id", "rule_id"])
_counted = retention_run_rules.c
COUNT = (
    update(retention_run_rules)
    .where(_counted.run_id == bindparam("of_run"), _counted.rule_id == bindparam("of_rule"))
    .values(
        tags=_counted.tags + bindparam("more_tags"),
        images=_counted.images + bindparam("more_images"),
        frees=_counted.frees + bindparam("more_frees"),
    )
)


class RetentionRunTable:
    """The port `RetentionRuns` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, registry_id: int, asked_by: str, runner: str, at: float) -> Run:
        """See `RetentionRuns`."""
        return await self._database.write(partial(_begin, registry_id, asked_by, runner, at))

    async def find(self, registry_id: int, run: int) -> Run | None:
        """See `RetentionRuns`."""
        found = await self._database.read(_found(FIND, {"registry_id": registry_id, "run": run}))
        return found[0] if found else None

    async def page(self, registry_id: int, before: int | None, limit: int) -> tuple[Run, ...]:
        """See `RetentionRuns`."""
        asked = {"registry_id": registry_id, "limit": limit}
        steps = _found(LAST, asked) if before is None else _found(BEFORE, {**asked, "before": before})
        return await self._database.read(steps)

    async def open(self) -> tuple[Run, ...]:
        """See `RetentionRuns`."""
        return await self._database.read(_found(OPEN, NOTHING))

    async def take(self, run: Run, runner: str, at: float) -> Run | None:
        """See `RetentionRuns`."""
        return await self._database.write(partial(_take, run, runner, at))

    async def note(self, run: Run) -> bool:
        """See `RetentionRuns`."""
        return await self._database.write(partial(_note, run))


def count(run: int, parted: Sequence[Parted]) -> Steps[None]:
    """Count what went, in the transaction in which it goes."""
    counted = {each.decision.rule.id: Ran() for each in parted if each.decision.rule is not None}
    for each in parted:
        if each.decision.rule is not None:
            ran = counted[each.decision.rule.id]
            counted[each.decision.rule.id] = Ran(
                ran.tags + len(each.tags), ran.images + len(each.images), ran.frees + each.frees
            )
    yield from _begin_rules(run, list(counted))
    for rule, ran in counted.items():
        more = {"more_tags": ran.tags, "more_images": ran.images, "more_frees": ran.frees}
        yield COUNT, {"of_run": run, "of_rule": rule, **more}


def _begin(registry_id: int, asked_by: str, runner: str, at: float) -> Steps[Run]:
    there = yield from _found(OPEN_HERE, {"registry_id": registry_id})
    if there:
        return there[0]
    new = {
        "registry_id": registry_id,
        "asked_by": asked_by,
        "started_at": at,
        "ended_at": None,
        "runner": runner,
        "seen_at": at if runner else 0.0,
        "repositories": 0,
        "decided": 0,
        "settled": 0,
    }
    ((run,),) = yield NEW, new
    yield from _begin_running(run, registry_id)
    return (yield from _found(FIND, {"registry_id": registry_id, "run": run}))[0]


def _begin_running(run: int, registry_id: int) -> Steps[None]:
    rules = yield RULES, {"registry_id": registry_id}
    yield from _begin_rules(run, [row.id for row in rules])


def _begin_rules(run: int, rules: Sequence[int]) -> Steps[None]:
    if rules:
        yield BEGIN_RULE, [{"run_id": run, "rule_id": rule, "tags": 0, "images": 0, "frees": 0} for rule in rules]


def _found(statement: Any, asked: dict[str, Any]) -> Steps[tuple[Run, ...]]:  # noqa: ANN401  any of the above
    rows = yield statement, asked
    by_run: dict[int, dict[int, Ran]] = {row.id: {} for row in rows}
    if by_run:
        for row in (yield BY_RULE, {"some": list(by_run)}):
            by_run[row.run_id][row.rule_id] = Ran(row.tags, row.images, row.frees)
    return tuple(
        Run(
            id=row.id,
            registry_id=row.registry_id,
            address=row.address,
            asked_by=row.asked_by,
            started_at=row.started_at,
            ended_at=row.ended_at,
            runner=row.runner,
            seen_at=row.seen_at,
            repositories=row.repositories,
            decided=row.decided,
            settled=row.settled,
            by_rule=by_run[row.id],
        )
        for row in rows
    )


def _take(run: Run, runner: str, at: float) -> Steps[Run | None]:
    held = {"of_run": run.id, "of_runner": run.runner, "old_seen": run.seen_at}
    if (yield from one(TAKE, {**held, "new_runner": runner, "at": at})) is None:
        return None
    # Rules may have been started since it was asked for.
    yield from _begin_running(run.id, run.registry_id)
    return (yield from _found(FIND, {"registry_id": run.registry_id, "run": run.id}))[0]


def _note(run: Run) -> Steps[bool]:
    new: dict[str, Row] = {f"new_{name}": getattr(run, name) for name in _progress}
    return (yield from one(NOTE, {"of_run": run.id, "of_runner": run.runner, **new})) is not None
