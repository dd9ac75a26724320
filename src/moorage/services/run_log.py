"""How far runs are that somebody is at: said every few seconds, so that others see it, and leave them alone."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from moorage.services.retention_run_ports import RetentionRuns
from moorage.services.retention_run_records import Run

NOTE_SECONDS = 2.0


class RunLog:
    """The runs of one runner: those that it took, and one for each registry besides in which something goes."""

    def __init__(
        self, runs: RetentionRuns, runner: str, taken: Sequence[Run] = (), clock: Callable[[], float] = time.time
    ) -> None:
        self._runs = runs
        self._runner = runner
        self._clock = clock
        self._open = {run.registry_id: run for run in taken}
        self._noted = time.monotonic()

    async def run_of(self, registry_id: int) -> int:
        """Return the number of the run in a registry; one that is open there goes on for whoever has it."""
        if registry_id not in self._open:
            self._open[registry_id] = await self._runs.begin(registry_id, "", self._runner, self._clock())
        return self._open[registry_id].id

    async def advance(self, registry_id: int, *, repositories: int = 0, decided: int = 0, settled: int = 0) -> None:
        """Count what was looked at, what rules let go there, and how much of that has been seen to."""
        run = self._open.get(registry_id)
        if run is None:
            return
        self._open[registry_id] = replace(
            run,
            repositories=run.repositories + repositories,
            decided=run.decided + decided,
            settled=run.settled + settled,
        )
        if time.monotonic() - self._noted >= NOTE_SECONDS:
            await self._note(ended_at=None, seen_at=self._clock())

    async def end(self) -> None:
        """Say that they have ended."""
        await self._note(ended_at=self._clock(), seen_at=self._clock())

    async def leave(self) -> None:
        """Let go of them, for whoever goes on with them at once."""
        await self._note(ended_at=None, seen_at=0.0)

    async def _note(self, *, ended_at: float | None, seen_at: float) -> None:
        for run in self._open.values():
            # Of one that another runner has it is nobody else's to say.
            if run.runner == self._runner:
                await self._runs.note(replace(run, ended_at=ended_at, seen_at=seen_at))
        self._noted = time.monotonic()
