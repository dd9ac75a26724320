"""Letting go by rules of retention, while pushes and pulls go on.

    line (what changed, what comes of age) ──▶ known ──▶ decided, in a thread ──▶ let go, a few at a time

A transaction lets go of little, so that no push waits for long, and looks once more at everything it takes. A
repository leaves the line until something in it changes or comes of age, so that a run costs what there is to do.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from math import isfinite
from secrets import token_hex

from moorage.domain.access import Caller
from moorage.domain.activity import Change, Facts, Kind, image_name, tag_name
from moorage.domain.name import Repository
from moorage.domain.retention import words
from moorage.domain.retention_decision import Decision, deciding, mark_of
from moorage.services.paced import paced
from moorage.services.recording import recorded_as
from moorage.services.retention_ports import Retention, RetentionLine, RetentionRules
from moorage.services.retention_records import (
    NOTHING,
    DueRepository,
    LetGo,
    Parted,
    Ran,
    RetentionRun,
    RuledRegistry,
)
from moorage.services.retention_run_ports import RetentionRuns
from moorage.services.retention_run_records import Run
from moorage.services.run_log import RunLog

LINE = 500
"""Repositories that are put in line in one transaction."""

BATCH = 20
"""Tags and images without one that go in one transaction, at most."""

IMAGES = 2
"""Of how many images: a push waits for no more than one transaction."""

REST = 3.0
"""How long nothing goes after a transaction, in its own length: three quarters of the time are everybody else's."""

SOON = 60.0
"""Seconds until a repository is looked at again in which something had changed meanwhile."""


class LettingGoService:
    """The use cases of doing what rules say."""

    def __init__(
        self,
        rules: RetentionRules,
        line: RetentionLine,
        retention: Retention,
        runs: RetentionRuns,
        system: Caller,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rules = rules
        self._line = line
        self._retention = retention
        self._runs = runs
        self._system = system
        self._pause = pause

    async def run(self) -> RetentionRun:
        """Do what the rules of all registries say, and say what went."""
        now = time.time()
        await self._line.begin_run(now)
        done = await self._run(self._system, now, None, RunLog(self._runs, token_hex(8)))
        await self._rules.note_run(done.by_rule, now)
        return done

    async def go_on(self, run: Run) -> None:
        """Do what the rules of a run's registry say, in the name of whoever asked for it, and end it."""
        caller = replace(self._system, name=run.asked_by) if run.asked_by else self._system
        await self._run(caller, time.time(), run.registry_id, RunLog(self._runs, run.runner, [run]))
        ended = await self._runs.find(run.registry_id, run.id)
        await self._rules.note_run(ended.by_rule if ended else {}, run.started_at)

    async def ran_at(self) -> float:
        """Return when the rules of all registries last began to run, in Unix seconds."""
        return await self._line.ran_at()

    async def _run(self, caller: Caller, now: float, registry_id: int | None, log: RunLog) -> RetentionRun:
        try:
            done = await self._look_around(caller, now, registry_id, log)
        except BaseException:
            await log.leave()
            raise
        await log.end()
        return done

    async def _look_around(self, caller: Caller, now: float, registry_id: int | None, log: RunLog) -> RetentionRun:
        await self._line.line_up_changed(now, LINE)
        ruled = {each.id: each for each in await self._line.registries()}
        mine = [each for each in ruled.values() if registry_id in {None, each.id}]
        for registry in mine:
            await self._line_up(registry)
        by_rule: dict[int, Ran] = {rule.id: NOTHING for registry in mine for rule in registry.rules}
        looked_at = 0
        async for repository in self._due(now, registry_id):
            of = ruled.get(repository.registry_id)
            if of is None:
                # All its rules have been paused or deleted; when one runs again, all of its registry is put in line.
                await self._line.settle(repository, None)
                continue
            looked_at += 1
            for parted in await self._look_at(caller, of, repository, log):
                rule = parted.decision.rule
                if rule is not None and rule.id in by_rule:
                    by_rule[rule.id] = _more(by_rule[rule.id], parted)
            await log.advance(of.id, repositories=1)
        return RetentionRun(looked_at, by_rule)

    async def _line_up(self, registry: RuledRegistry) -> None:
        """Put all repositories of a registry in line whose rules are not those they were last put there for."""
        mark = _mark(registry)
        if mark == registry.mark:
            return
        name: str | None = ""
        while name is not None:
            name = await self._line.line_up(registry, name, LINE)
        await self._line.set_mark(registry, mark)

    async def _due(self, now: float, registry_id: int | None) -> AsyncIterator[DueRepository]:
        after: DueRepository | None = None
        while True:
            some = await self._line.due(now, after, LINE)
            for repository in some:
                if registry_id in {None, repository.registry_id}:
                    yield repository
            if len(some) < LINE:
                return
            after = some[-1]

    async def _look_at(self, caller: Caller, registry: RuledRegistry, due: DueRepository, log: RunLog) -> list[Parted]:
        """Let go of what rules say in one repository, and say when it is looked at again."""
        now = time.time()
        known = await self._retention.known(due.name, now)
        if known is None:
            await self._line.settle(due, None)
            return []
        rules = [rule.known for rule in registry.rules]
        verdict = await paced(deciding(known.facts, rules, now))
        parted: list[Parted] = []
        left = 0
        run = await log.run_of(registry.id) if verdict.going else None
        await log.advance(registry.id, decided=len(verdict.going))
        for batch in _batches(verdict.going):
            began = time.monotonic()
            with recorded_as(caller, partial(_gone, due.name)):
                gone = await self._retention.let_go(known, batch, caller.name, _mark(registry), run)
            parted += gone.parted
            left += gone.left
            await log.advance(registry.id, settled=len(batch))
            await self._pause(REST * (time.monotonic() - began))
        again = min(verdict.due, time.time() + SOON) if left else verdict.due
        await self._line.settle(due, again if isfinite(again) else None)
        return parted


def _mark(registry: RuledRegistry) -> str:
    return mark_of([rule.known for rule in registry.rules], registry.immutable)


def _batches(going: Sequence[Decision]) -> Iterator[list[Decision]]:
    """Yield what goes, some at a time; what is about one image stays together as far as that is some."""
    batch: list[Decision] = []
    images = 0
    ordered = sorted(going, key=lambda decision: decision.digest)
    for _, of_image in groupby(ordered, key=lambda decision: decision.digest):
        same = list(of_image)
        if batch and (images == IMAGES or len(batch) + len(same) > BATCH):
            yield batch
            batch, images = [], 0
        batch += same
        images += 1
        while len(batch) > BATCH:
            yield batch[:BATCH]
            batch = batch[BATCH:]
    if batch:
        yield batch


def _more(ran: Ran, parted: Parted) -> Ran:
    return Ran(ran.tags + len(parted.tags), ran.images + len(parted.images), ran.frees + parted.frees)


def _gone(repository: Repository, gone: LetGo) -> Iterator[Change]:
    for parted in gone.parted:
        decision = parted.decision
        after: Facts = {
            "rule": decision.rule.name if decision.rule else "",
            "says": words(decision.rule.rule) if decision.rule else "",
            "why": decision.reason,
        }
        for tag in parted.tags:
            yield Change(Kind.DELETE_TAG, tag_name(repository, tag), {"digest": decision.digest}, after)
        for image in parted.images:
            yield Change(Kind.DELETE_IMAGE, image_name(repository, image), None, after)
