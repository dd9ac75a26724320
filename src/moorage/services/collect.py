"""Collection: give back what nothing needs, while pushes and pulls go on.

It looks at a batch of rows at a time, each in a transaction of its own, so that no push waits for more than one batch.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.domain.errors import MoorageError
from moorage.services.access import Access
from moorage.services.cleanup_ports import Cleanups
from moorage.services.ports import Garbage
from moorage.services.recording import recorded
from moorage.services.storage_records import Cleanup, Collected, Usage
from moorage.services.store_port import BlobStore
from moorage.services.trash_ports import Trash
from moorage.services.upload_ports import Uploads

BATCH = 100
"""Rows in one transaction."""

NEWS_SECONDS = 60.0
"""How long after another one a run that found nothing is not worth a row."""


class CollectService:
    """The use cases of collection."""

    def __init__(
        self,
        garbage: Garbage,
        trash: Trash,
        uploads: Uploads,
        store: BlobStore,
        access: Access,
        cleanups: Cleanups,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._garbage = garbage
        self._trash = trash
        self._uploads = uploads
        self._store = store
        self._access = access
        self._cleanups = cleanups
        self._clock = clock
        self._began = 0.0

    async def collect(self, caller: Caller | None = None) -> Collected:
        """Drop what no lease and no image protects any more, and say what came free.

        That is remembered, unless it is nothing and a run was just before: a disk that is full has no room for it.
        A caller's asking for it is recorded with its first step; the clock's is not.
        """
        began = self._clock()
        asked, last = await self._cleanups.latest()
        done = await self._collected(caller)
        by = caller.name if caller else asked.asked_by if asked else ""
        is_late = last is None or not 0 <= began - last.started_at < NEWS_SECONDS
        if by or done.blobs or done.uploads or is_late:
            skipped = await self._cleanups.skipped()
            await self._cleanups.note(Cleanup(by, began, self._clock(), done.blobs, done.freed, done.uploads, skipped))
        self._began = began
        return done

    async def is_due(self, every: float, running: float) -> bool:
        """Tell whether somebody has asked for one, or it is time: so many seconds after the last one began.

        `every` 0 is never by itself; `running` is for how many seconds this process has been looking, since a first
        one comes no sooner than that.
        """
        asked, last = await self._cleanups.latest()
        if asked is not None or not every:
            return asked is not None
        if last is None:
            return running >= every
        # A clock that was put back must not keep it waiting for what it calls the future.
        return not 0 <= self._clock() - max(last.started_at, self._began) < every

    async def _collected(self, caller: Caller | None) -> Collected:
        with recorded(caller, Change(Kind.COLLECT, "storage")) if caller else nullcontext():
            ended = await self._end_uploads()
        await self.empty_trash()
        while await self._garbage.expire_links(BATCH) == BATCH:
            pass
        total = Collected(blobs=0, freed=0, uploads=ended)
        looked_at = BATCH
        while looked_at == BATCH:
            some = await self._sweep()
            await self._reclaim()
            looked_at = some.looked_at
            total = replace(
                total,
                blobs=total.blobs + some.blobs,
                freed=total.freed + some.freed,
                looked_at=total.looked_at + looked_at,
            )
        return total

    async def empty_trash(self) -> bool:
        """Let go of what has had its time in the trash, and tell whether anything was there; a collection takes it."""
        found = False
        while await self._trash.empty(BATCH):
            found = True
        return found

    async def _end_uploads(self) -> int:
        """End abandoned uploads; their bytes come with the sweep, when no request can find them any more."""
        total = 0
        while True:
            with ExitStack() as holding:
                held = []
                for upload_id in await self._uploads.expired(BATCH):
                    # One that a request is writing to has not been abandoned after all.
                    with suppress(MoorageError):
                        holding.enter_context(self._store.hold(upload_id))
                        held.append(upload_id)
                ended = await self._uploads.forget(held)
            total += len(ended)
            if len(ended) < BATCH:
                return total

    async def _sweep(self) -> Collected:
        """Sweep a batch; where the transaction fails, what it has discarded is put back.

        A database that went away may have let a push of the same content in meanwhile, which found its bytes there.
        """
        taken: list[Callable[[], None]] = []
        try:
            return await self._garbage.sweep(BATCH, lambda digests: taken.append(self._store.discard(digests)))
        except BaseException:
            for restore in taken:
                restore()
            raise

    async def _reclaim(self) -> None:
        """Give back what was discarded; a place is forgotten after its bytes, so that a crash forgets none."""
        gone: tuple[str, ...] | None = None
        while gone is None or len(gone) == BATCH:
            gone = await self._store.reclaim(await self._garbage.discarded(BATCH))
            await self._garbage.forget(gone)

    async def tick(self, seconds: float) -> None:
        """Let the leases' clock advance."""
        await self._garbage.tick(seconds)

    async def usage(self, caller: Caller) -> Usage:
        """Add up what is stored, for administrators."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        return await self._garbage.usage()
