"""The ports of runs of retention: who is at one, and what it put into the trash. Times are Unix seconds."""

from collections.abc import Sequence
from typing import Protocol

from moorage.services.retention_run_records import Refused, Run, RunInTrash
from moorage.services.trash_records import DeletedEntry, Restored


class RetentionRuns(Protocol):
    """Runs; a registry takes its runs with it, and one at a time is open in it."""

    async def begin(self, registry_id: int, asked_by: str, runner: str, at: float) -> Run:
        """Begin a run, or return the one that is open; without a runner it waits for one."""

    async def find(self, registry_id: int, run: int) -> Run | None:
        """Return a run of a registry."""

    async def page(self, registry_id: int, before: int | None, limit: int) -> tuple[Run, ...]:
        """List a registry's runs, the newest first, from before one (None: from the first)."""

    async def open(self) -> tuple[Run, ...]:
        """Return the runs of all registries that have not ended, those first that nobody was at for longest."""

    async def take(self, run: Run, runner: str, at: float) -> Run | None:
        """Take a run over; None where somebody else did, or it has ended."""

    async def note(self, run: Run) -> bool:
        """Remember how far a run is; False where another runner has it, or it has ended."""


class RunTrash(Protocol):
    """What runs put into the trash."""

    async def runs(self, registry_id: int, limit: int) -> tuple[RunInTrash, ...]:
        """List the runs of a registry of which something can be restored, the newest first."""

    async def of_run(self, registry_id: int, run: int, before: int | None, limit: int) -> tuple[DeletedEntry, ...]:
        """List the deletions of a run that can be undone, the newest first, from before one."""

    async def restore(self, registry_id: int, entries: Sequence[int], by: str) -> tuple[Restored | Refused, ...]:
        """Bring back what these took, each as by itself, in one transaction; those that are gone are passed over."""
