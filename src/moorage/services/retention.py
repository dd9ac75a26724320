"""Retention: the rules of a registry, and what they would do. What they do: letting_go.py."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Facts, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.retention import Rule, check_name, check_rule, words
from moorage.domain.retention_decision import KnownRule, deciding
from moorage.services.access import Access
from moorage.services.paced import paced
from moorage.services.ports import Check
from moorage.services.recording import recorded, recorded_as
from moorage.services.records import Registry
from moorage.services.retention_ports import Retention, RetentionRules
from moorage.services.retention_records import PreviewRow, RuleChanges, RuleRecord

REPOSITORIES = 100
"""Repositories that are listed at once."""


REMEMBERED_SECONDS = 60.0
"""How long what was worked out for a page serves the next ones: else each page costs all of a large repository."""


class _WorkedOut(NamedTuple):
    """The preview of one repository, by some rules."""

    name: Repository
    rules: Sequence[KnownRule]
    rows: Sequence[PreviewRow]


class PreviewKey(NamedTuple):
    """Where a row of a preview is: by repository, tags before images without one, by name or digest."""

    path: str
    is_untagged: bool
    name: str

    def __str__(self) -> str:
        """Return it as pages name it, as `team/app:1.2` or `team/app@sha256:…`; empty before the first row."""
        return f"{self.path}{'@' if self.is_untagged else ':'}{self.name}" if self.path else ""


class RetentionService:
    """The use cases of rules: writing them, and looking at what they would do."""

    def __init__(self, rules: RetentionRules, retention: Retention, access: Access) -> None:
        self._rules = rules
        self._retention = retention
        self._access = access
        self._last: _WorkedOut | None = None

    async def list(self, caller: Caller, address: str) -> tuple[RuleRecord, ...]:
        """List a registry's rules in their order."""
        registry = await self._access.check_registry(caller, Action.PIN, address)
        return await self._rules.every(registry.id)

    async def get(self, caller: Caller, address: str, rule_id: int) -> RuleRecord:
        """Return a rule, or raise NOT_FOUND."""
        registry = await self._access.check_registry(caller, Action.PIN, address)
        return _found(await self._rules.find(registry.id, rule_id), rule_id)

    async def create(self, caller: Caller, address: str, name: str, rule: Rule) -> RuleRecord:
        """Add a rule behind the others, paused; raise VALUE_INVALID, CONFLICT."""
        registry = await self._access.check_registry(caller, Action.DESCRIBE, address)
        check_name(name)
        check_rule(rule)
        with recorded(caller, Change(Kind.ADD_RETENTION_RULE, address, None, _facts(name, rule))):
            return await self._rules.create(registry.id, name, rule, caller.name)

    async def change(
        self,
        caller: Caller,
        address: str,
        rule_id: int,
        changes: RuleChanges,
        check: Check[RuleRecord] | None = None,
    ) -> RuleRecord:
        """Change a rule, unless `check` raises; raise NOT_FOUND, VALUE_INVALID, and IN_USE without a preview."""
        registry = await self._access.check_registry(caller, Action.DESCRIBE, address)
        before = _found(await self._rules.find(registry.id, rule_id), rule_id)
        if changes.name is not None:
            check_name(changes.name)
        if changes.rule is not None:
            check_rule(changes.rule)
        with recorded_as(caller, partial(_changes, address, before)):
            changed = await self._rules.change(registry.id, rule_id, changes, check)
        return _found(changed, rule_id)

    async def delete(self, caller: Caller, address: str, rule_id: int, check: Check[RuleRecord] | None = None) -> None:
        """Delete a rule, unless `check` raises; raise NOT_FOUND."""
        registry = await self._access.check_registry(caller, Action.DESCRIBE, address)
        found = _found(await self._rules.find(registry.id, rule_id), rule_id)
        with recorded(caller, Change(Kind.DELETE_RETENTION_RULE, address, _facts(found.name, found.rule))):
            is_gone = await self._rules.delete(registry.id, rule_id, check)
        if not is_gone:
            _found(None, rule_id)

    async def preview(
        self, caller: Caller, address: str, rule_id: int | None = None, after: str = ""
    ) -> AsyncIterator[PreviewRow]:
        """Say what the rules that run would do now, and the paused one asked for, past the row whose key is `after`.

        Each tag has a row, and each image without one. Nothing goes by it. Further pages of a repository are of the
        moment that its first one was of, for a minute. Where whoever asks may edit rules,
        those that it is about count as previewed. Raise VALUE_INVALID for a key that is none, NOT_FOUND.
        """
        registry = await self._access.check_registry(caller, Action.PIN, address)
        place = read_key(after)
        every = await self._rules.every(registry.id)
        if rule_id is not None:
            _found(next((rule for rule in every if rule.id == rule_id), None), rule_id)
        rules = [rule for rule in every if not rule.is_paused or rule.id == rule_id]
        unseen = [rule for rule in rules if not rule.is_previewed]
        if unseen and await self._access.may(caller, Action.DESCRIBE, address):
            await self._rules.note_preview(unseen)
        return self._rows(registry, [rule.known for rule in rules], place)

    async def _rows(
        self, registry: Registry, rules: Sequence[KnownRule], place: PreviewKey
    ) -> AsyncIterator[PreviewRow]:
        name: str | None = place.path and f"{registry.address}/{place.path}"
        if name:
            begun = Repository(registry.address, place.path)
            for row in self._remembered(begun, rules) or await self._rows_of(begun, rules):
                if key_of(row) > place:
                    yield row
        while name is not None:
            some = await self._retention.repositories(registry.id, name, REPOSITORIES)
            for each in some:
                if any(known.rule.is_about_repository(each.path) for known in rules):
                    for row in await self._rows_of(each, rules):
                        yield row
            name = str(some[-1]) if len(some) == REPOSITORIES else None
            await asyncio.sleep(0)

    async def _rows_of(self, name: Repository, rules: Sequence[KnownRule]) -> Sequence[PreviewRow]:
        now = time.time()
        known = await self._retention.known(name, now)
        if known is None:
            return []
        verdict = await paced(deciding(known.facts, rules, now))
        going = [decision for decision in verdict.decisions if decision.takes]
        freed = await self._retention.frees(known, [decision.takes for decision in going])
        frees = {decision.key: free for decision, free in zip(going, freed, strict=True)}
        rows = [PreviewRow(name, each, frees.get(each.key, 0)) for each in verdict.decisions]
        self._remember(_WorkedOut(name, rules, rows))
        return rows

    def _remember(self, worked_out: _WorkedOut) -> None:
        """Keep the last one, and not for long: of a large repository it is much."""

        def forget() -> None:
            if self._last is worked_out:
                self._last = None

        self._last = worked_out
        asyncio.get_running_loop().call_later(REMEMBERED_SECONDS, forget)

    def _remembered(self, name: Repository, rules: Sequence[KnownRule]) -> Sequence[PreviewRow] | None:
        last = self._last
        return last.rows if last is not None and (last.name, last.rules) == (name, rules) else None


def key_of(row: PreviewRow) -> PreviewKey:
    """Return where a row is."""
    return PreviewKey(row.repository.path, row.decision.tag is None, row.decision.key)


def read_key(text: str) -> PreviewKey:
    """Return the place that a text names, or raise VALUE_INVALID."""
    path, at, digest = text.partition("@")
    if at:
        return PreviewKey(path, is_untagged=True, name=digest)
    path, colon, tag = text.rpartition(":")
    if text and not (colon and path):
        raise MoorageError(ErrorCode.VALUE_INVALID, "that is no key of this list", {"field": "after"})
    return PreviewKey(path, is_untagged=False, name=tag)


def _facts(name: str, rule: Rule) -> Facts:
    return {"rule": name, "says": words(rule)}


def _changes(address: str, before: RuleRecord, after: RuleRecord | None) -> Iterator[Change]:
    if after is not None:
        yield Change(Kind.CHANGE_RETENTION_RULE, address, _state(before), _state(after))


def _state(rule: RuleRecord) -> Facts:
    return {**_facts(rule.name, rule.rule), "position": rule.position, "is_paused": rule.is_paused}


def _found(rule: RuleRecord | None, rule_id: int) -> RuleRecord:
    if rule is None:
        raise MoorageError(ErrorCode.NOT_FOUND, f"this registry has no rule {rule_id}", {"rule": rule_id})
    return rule
