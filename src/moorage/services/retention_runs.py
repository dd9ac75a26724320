"""Runs of a registry's rules that somebody asks for: begun at once, done beside the requests, and looked at.

    asked for ──▶ open, nobody at it ──▶ taken by the server that runs the jobs ──▶ ended
                        ▲                      │ stopped, or silent for a minute
                        └──────────────────────┘

What went is counted with what goes, and the line says what is left to do: whoever goes on repeats nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from secrets import token_hex

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.access import Access
from moorage.services.letting_go import LettingGoService
from moorage.services.recording import recorded
from moorage.services.retention_run_ports import RetentionRuns
from moorage.services.retention_run_records import Run

SILENT_SECONDS = 60.0
"""How long nothing is heard of a runner until another takes its run."""

LOOK_SECONDS = 0.5
"""How often whoever waits for a run looks how far it is."""


class RetentionRunService:
    """The use cases of runs."""

    def __init__(
        self,
        runs: RetentionRuns,
        letting_go: LettingGoService,
        access: Access,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._runs = runs
        self._letting_go = letting_go
        self._access = access
        self._clock = clock
        self._pause = pause

    async def ask(self, caller: Caller, address: str) -> Run:
        """Let the server that runs the jobs do soon what a registry's rules say; a run that is open goes on."""
        registry = await self._access.check_registry(caller, Action.DELETE, address)
        with recorded(caller, Change(Kind.RUN_RETENTION, address)):
            return await self._runs.begin(registry.id, caller.name, "", self._clock())

    async def get(self, caller: Caller, address: str, run: int) -> Run:
        """Return a run, or raise NOT_FOUND."""
        registry = await self._access.check_registry(caller, Action.PIN, address)
        found = await self._runs.find(registry.id, run)
        if found is None:
            raise MoorageError(ErrorCode.NOT_FOUND, f"{address} has no run {run} of its rules", {"run": run})
        return found

    async def list(self, caller: Caller, address: str, before: int | None = None, limit: int = 50) -> tuple[Run, ...]:
        """List a registry's runs, the newest first, from before one."""
        registry = await self._access.check_registry(caller, Action.PIN, address)
        return await self._runs.page(registry.id, before, limit)

    async def work(self) -> int:
        """Do the runs that nobody is at; return how many. The job of one server."""
        done = 0
        for run in await self._runs.open():
            done += await self._work_on(run)
        return done

    async def run(self, caller: Caller, address: str, show: Callable[[Run], None]) -> Run:
        """Do here what a registry's rules say, unless somebody else is at it, and wait for its end; `show` is told."""
        asked = await self.ask(caller, address)
        working = asyncio.create_task(self._work_on(asked))
        while True:
            found = await self.get(caller, address, asked.id)
            show(found)
            if found.ended_at is not None:
                await working
                return found
            if working.done():
                await working
                working = asyncio.create_task(self._work_on(found))
            await self._pause(LOOK_SECONDS)

    async def _work_on(self, run: Run) -> bool:
        """Take a run if nobody is at it, and do it."""
        now = self._clock()
        if 0 <= now - run.seen_at < SILENT_SECONDS:
            return False
        taken = await self._runs.take(run, token_hex(8), now)
        if taken is not None:
            await self._letting_go.go_on(taken)
        return taken is not None
