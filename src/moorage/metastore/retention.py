"""Rules of retention."""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import bindparam, delete, insert, select, update

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.retention import MOST_RULES, Rule, read_rule, rule_text
from moorage.metastore.steps import Database, Row, Steps, one
from moorage.metastore.tables import retention_rules
from moorage.services.ports import Check
from moorage.services.retention_records import Ran, RuleChanges, RuleRecord

_mine = retention_rules.c.registry_id == bindparam("registry_id")
EVERY = select(retention_rules).where(_mine).order_by(retention_rules.c.position)
FIND = select(retention_rules).where(_mine, retention_rules.c.id == bindparam("id"))
CREATE = insert(retention_rules)
_one = retention_rules.c.id == bindparam("of_rule")
CHANGE = (
    update(retention_rules)
    .where(_one)
    .values(
        name=bindparam("name_"),
        rule=bindparam("rule_"),
        is_paused=bindparam("paused"),
        is_previewed=bindparam("previewed"),
    )
)
PLACE = update(retention_rules).where(_one).values(position=bindparam("to"))
DELETE = delete(retention_rules).where(_one)
PREVIEWED = (
    update(retention_rules).where(_one, retention_rules.c.rule == bindparam("as_it_was")).values(is_previewed=True)
)
RAN = (
    update(retention_rules)
    .where(_one)
    .values(
        ran_at=bindparam("at"), ran_tags=bindparam("tags"), ran_images=bindparam("images"), ran_frees=bindparam("frees")
    )
)


class RetentionRuleTable:
    """The port `RetentionRules` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def every(self, registry_id: int) -> tuple[RuleRecord, ...]:
        """See `RetentionRules`."""
        return await self._database.read(rules_of(registry_id))

    async def find(self, registry_id: int, rule_id: int) -> RuleRecord | None:
        """See `RetentionRules`."""
        return await self._database.read(_find(registry_id, rule_id))

    async def create(self, registry_id: int, name: str, rule: Rule, by: str) -> RuleRecord:
        """See `RetentionRules`."""
        return await self._database.write(partial(_create, registry_id, name, rule, by, time.time()))

    async def change(
        self, registry_id: int, rule_id: int, changes: RuleChanges, check: Check[RuleRecord] | None = None
    ) -> RuleRecord | None:
        """See `RetentionRules`."""
        return await self._database.write(partial(_change, registry_id, rule_id, changes, check))

    async def delete(self, registry_id: int, rule_id: int, check: Check[RuleRecord] | None = None) -> bool:
        """See `RetentionRules`."""
        return await self._database.write(partial(_delete, registry_id, rule_id, check))

    async def note_preview(self, rules: Sequence[RuleRecord]) -> None:
        """See `RetentionRules`."""
        await self._database.write(partial(_note_preview, rules))

    async def note_run(self, ran: Mapping[int, Ran], at: float) -> None:
        """See `RetentionRules`."""
        await self._database.write(partial(_note_run, ran, at))


def rules_of(registry_id: int) -> Steps[tuple[RuleRecord, ...]]:
    """List a registry's rules in their order."""
    rows = yield EVERY, {"registry_id": registry_id}
    return tuple(rule_of(row) for row in rows)


def rule_of(row: Row) -> RuleRecord:
    """Return the record a row of `retention_rules` holds."""
    return RuleRecord(
        id=row.id,
        registry_id=row.registry_id,
        position=row.position,
        name=row.name,
        rule=read_rule(row.rule),
        is_paused=bool(row.is_paused),
        is_previewed=bool(row.is_previewed),
        created_at=row.created_at,
        created_by=row.created_by,
        ran_at=row.ran_at,
        ran=Ran(row.ran_tags, row.ran_images, row.ran_frees),
    )


def _find(registry_id: int, rule_id: int) -> Steps[RuleRecord | None]:
    row = yield from one(FIND, {"registry_id": registry_id, "id": rule_id})
    return rule_of(row) if row else None


def _create(registry_id: int, name: str, rule: Rule, by: str, now: float) -> Steps[RuleRecord]:
    before = yield from rules_of(registry_id)
    if len(before) >= MOST_RULES:
        raise MoorageError(ErrorCode.CONFLICT, f"a registry has at most {MOST_RULES} rules")
    yield (
        CREATE,
        {
            "registry_id": registry_id,
            "position": len(before) + 1,
            "name": name,
            "rule": rule_text(rule),
            "is_paused": True,
            "is_previewed": False,
            "created_at": now,
            "created_by": by,
            "ran_tags": 0,
            "ran_images": 0,
            "ran_frees": 0,
        },
    )
    return (yield from rules_of(registry_id))[-1]


def _change(
    registry_id: int, rule_id: int, changes: RuleChanges, check: Check[RuleRecord] | None
) -> Steps[RuleRecord | None]:
    found = yield from _find(registry_id, rule_id)
    if found is None:
        return None
    if check is not None:
        check(found)
    rule = found.rule if changes.rule is None else changes.rule
    every = yield from rules_of(registry_id)
    position = found.position if changes.position is None else min(changes.position, len(every))
    is_other = rule != found.rule or position != found.position
    is_previewed = found.is_previewed and not is_other
    if changes.is_paused is False and not is_previewed:
        message = f"look at a preview of {found.name} as it is now before it is started"
        raise MoorageError(ErrorCode.IN_USE, message, {"rule": found.id})
    is_paused = (found.is_paused or is_other) if changes.is_paused is None else changes.is_paused
    yield (
        CHANGE,
        {
            "of_rule": rule_id,
            "name_": found.name if changes.name is None else changes.name,
            "rule_": rule_text(rule),
            "paused": is_paused,
            "previewed": is_previewed,
        },
    )
    others = [each.id for each in every if each.id != rule_id]
    yield from _place([*others[: position - 1], rule_id, *others[position - 1 :]])
    return (yield from _find(registry_id, rule_id))


def _place(ids: Sequence[int]) -> Steps[None]:
    if ids:
        yield PLACE, [{"of_rule": rule_id, "to": position} for position, rule_id in enumerate(ids, 1)]


def _delete(registry_id: int, rule_id: int, check: Check[RuleRecord] | None) -> Steps[bool]:
    found = yield from _find(registry_id, rule_id)
    if found is None:
        return False
    if check is not None:
        check(found)
    yield DELETE, {"of_rule": rule_id}
    left = yield from rules_of(registry_id)
    yield from _place([each.id for each in left])
    return True


def _note_preview(rules: Sequence[RuleRecord]) -> Steps[None]:
    for rule in rules:
        yield PREVIEWED, {"of_rule": rule.id, "as_it_was": rule_text(rule.rule)}


def _note_run(ran: Mapping[int, Ran], at: float) -> Steps[None]:
    for rule_id, each in ran.items():
        yield RAN, {"of_rule": rule_id, "at": at, **each._asdict()}
