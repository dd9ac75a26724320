"""What runs of retention put into the trash, found and brought back run by run."""

from collections.abc import Sequence
from functools import partial
from time import time

from sqlalchemy import bindparam, func, select

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.leases import NOW
from moorage.metastore.steps import Database, Steps
from moorage.metastore.tables import deletions, total
from moorage.metastore.trash import PRESENT, Leave, bring_back, entry_of, find, leave_of
from moorage.services.retention_run_records import Refused, RunInTrash
from moorage.services.trash_records import DeletedEntry, Restored

RUNS = (
    select(
        deletions.c.run_id,
        func.count().label("entries"),
        total(deletions.c.tags).label("tags"),
        total(deletions.c.images).label("images"),
        total(deletions.c.frees).label("frees"),
        func.max(deletions.c.deleted_at).label("at"),
    )
    .where(
        deletions.c.registry_id == bindparam("registry_id"),
        deletions.c.run_id.is_not(None),
        deletions.c.leased_until > NOW,
    )
    .group_by(deletions.c.run_id)
    .order_by(deletions.c.run_id.desc())
    .limit(bindparam("limit"))
)
OF_RUN = (
    PRESENT.where(deletions.c.run_id == bindparam("run"), deletions.c.id < bindparam("before"))
    .order_by(deletions.c.id.desc())
    .limit(bindparam("limit"))
)
LAST = 2**62


class RunTrashTable:
    """The port `RunTrash` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def runs(self, registry_id: int, limit: int) -> tuple[RunInTrash, ...]:
        """See `RunTrash`; aside, since it takes as long as there is in the trash."""
        return (await self._database.read_aside(_runs(registry_id, limit)))[0]

    async def of_run(self, registry_id: int, run: int, before: int | None, limit: int) -> tuple[DeletedEntry, ...]:
        """See `RunTrash`."""
        return await self._database.read(_of_run(registry_id, run, LAST if before is None else before, limit))

    async def restore(self, registry_id: int, entries: Sequence[int], by: str) -> tuple[Restored | Refused, ...]:
        """See `RunTrash`."""
        return await self._database.write(partial(_restore, registry_id, entries, leave_of(by, time())))


def _runs(registry_id: int, limit: int) -> Steps[tuple[RunInTrash, ...]]:
    rows = yield RUNS, {"registry_id": registry_id, "limit": limit}
    return tuple(RunInTrash(row.run_id, row.entries, row.tags, row.images, row.frees, row.at) for row in rows)


def _of_run(registry_id: int, run: int, before: int, limit: int) -> Steps[tuple[DeletedEntry, ...]]:
    rows = yield OF_RUN, {"registry_id": registry_id, "run": run, "before": before, "limit": limit}
    return tuple(map(entry_of, rows))


def _restore(registry_id: int, entries: Sequence[int], leave: Leave) -> Steps[tuple[Restored | Refused, ...]]:
    done: list[Restored | Refused] = []
    for entry in entries:
        found = yield from find(registry_id, entry)
        if found is None:
            continue
        try:
            done.append((yield from bring_back(found, leave)))
        except MoorageError as error:
            # It is refused before anything of it was written.
            if error.error is not ErrorCode.CONFLICT:
                raise
            done.append(Refused(found, error.message))
    return tuple(done)
