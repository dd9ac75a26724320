"""What a run of retention put into the trash, brought back in one act.

The newest deletion comes first, as an image may have gone after a tag of its own. Each comes back as by itself, some in
a transaction, with a rest after each as long as it took, so that no push waits for all of them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.access import Access
from moorage.services.recording import recorded_as
from moorage.services.retention_run_ports import RunTrash
from moorage.services.retention_run_records import Refused, RestoredRun, RunInTrash
from moorage.services.trash import facts_of
from moorage.services.trash_records import Restored

SOME = 10
"""Deletions that are undone in one transaction."""


class RunTrashService:
    """The use cases of what runs let go."""

    def __init__(
        self, trash: RunTrash, access: Access, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._trash = trash
        self._access = access
        self._pause = pause

    async def runs(self, caller: Caller, address: str, limit: int = 5) -> tuple[RunInTrash, ...]:
        """List the runs of which something can be restored, to who may delete everywhere in a registry."""
        registry = await self._access.check_registry(caller, Action.DELETE, address)
        return await self._trash.runs(registry.id, limit)

    async def restore(self, caller: Caller, address: str, run: int) -> RestoredRun:
        """Bring back all that a run let go; raise NOT_FOUND where nothing of it is there to be restored.

        Stopped, or asked for again, it goes on with what is left.
        """
        registry = await self._access.check_registry(caller, Action.DELETE, address)
        done: list[Restored | Refused] = []
        before: int | None = None
        while some := await self._trash.of_run(registry.id, run, before, SOME):
            began = time.monotonic()
            with recorded_as(caller, _restored):
                done += await self._trash.restore(registry.id, [entry.id for entry in some], caller.name)
            before = some[-1].id
            await self._pause(time.monotonic() - began)
        if not done:
            message = f"nothing that run {run} of {address} let go can be restored; its time may be over"
            raise MoorageError(ErrorCode.NOT_FOUND, message, {"run": run})
        return RestoredRun(
            tuple(each for each in done if isinstance(each, Restored)),
            tuple(each for each in done if isinstance(each, Refused)),
        )


def _restored(done: Sequence[Restored | Refused]) -> Iterator[Change]:
    for each in done:
        if isinstance(each, Restored):
            yield Change(Kind.RESTORE, each.entry.name, None, facts_of(each.entry))
