"""The trash: what was deleted, looked at, brought back, and freed before its time.

Whoever may delete in a repository sees what was deleted from it, and brings it back; to free it takes an owner.
"""

from collections.abc import Iterator, Sequence

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Facts, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.place import read_place
from moorage.services.access import Access
from moorage.services.page_records import Part
from moorage.services.ports import Catalog, Check
from moorage.services.recording import recorded_as
from moorage.services.records import ImageRecord, RepositoryRecord, TagRecord
from moorage.services.trash_ports import Trash
from moorage.services.trash_records import DeletedEntry, Restored

BATCH = 200
"""Entries read at once, of which those count that the caller may see."""


class TrashService:
    """The use cases of the trash; emptying it is a part of collecting."""

    def __init__(self, trash: Trash, catalog: Catalog, access: Access) -> None:
        self._trash = trash
        self._catalog = catalog
        self._access = access

    async def list(
        self, caller: Caller, address: str, before: int | None = None, limit: int = 50
    ) -> tuple[DeletedEntry, ...]:
        """List what the caller may restore in a registry, the newest first, from before an entry."""
        registry = await self._access.check_registry(caller, Action.PULL, address)
        found: list[DeletedEntry] = []
        while len(found) < limit:
            some = await self._trash.page(registry.id, before, BATCH)
            found += [entry for entry in some if await self._may_see(caller, entry)]
            if len(some) < BATCH:
                break
            before = some[-1].id
        return tuple(found[:limit])

    async def get(self, caller: Caller, repository: Repository, entry: int) -> DeletedEntry:
        """Return what was deleted from a repository, or raise NOT_FOUND."""
        return (await self._found(caller, Action.DELETE, repository, entry))[1]

    async def tags(
        self, caller: Caller, repository: Repository, entry: int, after: str = "", limit: int = 50
    ) -> Part[TagRecord]:
        """List tags that went with their images, the newest first, past the place `after`."""
        found = await self.get(caller, repository, entry)
        place = read_place(after)
        return await self._catalog.tags(found.hidden, order="newest", after=place, limit=limit)

    async def images(
        self, caller: Caller, repository: Repository, entry: int, after: str = "", limit: int = 50
    ) -> Part[ImageRecord]:
        """List images that went, the newest first, past the place `after`."""
        found = await self.get(caller, repository, entry)
        return await self._catalog.images(found.hidden, untagged=False, after=read_place(after), limit=limit)

    async def restore(
        self, caller: Caller, repository: Repository, entry: int, check: Check[DeletedEntry] | None = None
    ) -> Restored:
        """Bring back what was deleted, unless `check` raises; raise NOT_FOUND, CONFLICT."""
        registry_id, _ = await self._found(caller, Action.DELETE, repository, entry)
        with recorded_as(caller, _restored):
            restored = await self._trash.restore(registry_id, entry, caller.name, check)
        if restored is None:
            raise _unknown(repository, entry)
        return restored

    async def free(
        self, caller: Caller, repository: Repository, entry: int, check: Check[DeletedEntry] | None = None
    ) -> DeletedEntry:
        """Let the space of an entry come free within a minute, unless `check` raises; it can't be restored any more."""
        registry_id, _ = await self._found(caller, Action.ADMINISTER_REGISTRY, repository, entry)
        with recorded_as(caller, _freed):
            found = await self._trash.expire(registry_id, entry, check)
        if not found:
            raise _unknown(repository, entry)
        return found[0]

    async def space(self, caller: Caller, repository: Repository) -> tuple[RepositoryRecord, int]:
        """Return a repository, and the bytes of all that it has, what was deleted from it too, every blob once."""
        await self._access.check(caller, Action.DELETE, repository)
        found = await self._catalog.repository(repository)
        if found is None:
            raise MoorageError(ErrorCode.NAME_UNKNOWN, None, {"name": str(repository)})
        return found, found.size + await self._trash.bytes_beside(repository)

    async def free_all(self, caller: Caller, address: str) -> tuple[DeletedEntry, ...]:
        """Let the space of all that was deleted in a registry come free within a minute; return what that is."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        with recorded_as(caller, _freed):
            return await self._trash.expire(registry.id)

    async def _found(
        self, caller: Caller, action: Action, repository: Repository, entry: int
    ) -> tuple[int, DeletedEntry]:
        registry = await self._access.check(caller, action, repository)
        found = None if registry is None else await self._trash.find(registry.id, entry)
        if registry is None or found is None or found.repository != repository:
            raise _unknown(repository, entry)
        return registry.id, found

    async def _may_see(self, caller: Caller, entry: DeletedEntry) -> bool:
        return await self._access.may(caller, Action.DELETE, entry.repository)


def facts_of(entry: DeletedEntry) -> Facts:
    """Return what activity says of a deletion."""
    return {"entry": entry.id, "tags": entry.tags, "images": entry.images}


def _restored(restored: Restored | None) -> Iterator[Change]:
    if restored is not None:
        yield Change(Kind.RESTORE, restored.entry.name, None, facts_of(restored.entry))


def _freed(entries: Sequence[DeletedEntry]) -> Iterator[Change]:
    yield from (Change(Kind.FREE, entry.name, facts_of(entry)) for entry in entries)


def _unknown(repository: Repository, entry: int) -> MoorageError:
    message = f"{repository} has no deletion {entry} that could be undone; its time may be over"
    return MoorageError(ErrorCode.NOT_FOUND, message, {"name": str(repository), "entry": entry})
