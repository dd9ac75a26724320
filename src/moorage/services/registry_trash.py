"""Deleting whole registries, and bringing them back.

A deleted registry is there for its owners and for administrators; for all others it never was.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import REGISTRY, Repository, address_of, parse_repository
from moorage.domain.place import read_place
from moorage.services.access import Access
from moorage.services.override import may_override, with_reason
from moorage.services.page_records import Part
from moorage.services.ports import Catalog, Check
from moorage.services.recording import recorded_as
from moorage.services.records import ImageRecord, Registry, RepositoryRecord, TagRecord
from moorage.services.registries import facts_of
from moorage.services.registry_trash_ports import RegistryTrash
from moorage.services.registry_trash_records import DeletedRegistry, RegistryOutlook
from moorage.services.trash_records import hidden_address

BATCH = 100
"""Registries read at once, of which those count that the caller owns."""


class RegistryTrashService:
    """The use cases of registries that are deleted, or were."""

    def __init__(self, trash: RegistryTrash, catalog: Catalog, access: Access) -> None:
        self._trash = trash
        self._catalog = catalog
        self._access = access

    async def outlook(self, caller: Caller, address: str) -> RegistryOutlook:
        """Say what deleting a registry takes and frees."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        return RegistryOutlook(registry, await self._trash.contents(registry.id))

    async def delete(
        self, caller: Caller, address: str, check: Check[Registry] | None = None, *, override: str | None = None
    ) -> DeletedRegistry:
        """Delete a registry with all it has, unless `check` raises.

        Raise TAG_IMMUTABLE where a tag may not go and `override` does not say why it does; then nothing goes.
        """
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        overrides = may_override(caller, override)
        frees = (await self._trash.contents(registry.id)).frees
        with recorded_as(caller, partial(_deleted, address, override)):
            gone = await self._trash.delete(address, caller.name, check, frees=frees, overrides=overrides)
        if gone is None:
            raise MoorageError(ErrorCode.NOT_FOUND, f"there is no registry at {address}", {"registry": address})
        return gone

    async def list(self, caller: Caller, before: int | None = None, limit: int = 50) -> tuple[DeletedRegistry, ...]:
        """List the deleted registries that the caller may restore, the newest first, from before an entry."""
        found: list[DeletedRegistry] = []
        while len(found) < limit:
            some = await self._trash.page(before, BATCH)
            found += [one for one in some if await self._access.owned(caller, one.registry, one.entry.name)]
            if len(some) < BATCH:
                break
            before = some[-1].entry.id
        return tuple(found[:limit])

    async def named(self, caller: Caller, name: str) -> DeletedRegistry | None:
        """Return the last one of a name that the caller may restore; None for what is no name."""
        if REGISTRY.fullmatch(name) is None:
            return None
        found = await self._trash.named(address_of(name))
        if found is None or not await self._access.owned(caller, found.registry, found.entry.name):
            return None
        return found

    async def get(self, caller: Caller, entry: int) -> DeletedRegistry:
        """Return a deleted registry, or raise NOT_FOUND."""
        self._access.check_may_own(caller)
        found = await self._trash.find(entry)
        if found is None or not await self._access.owned(caller, found.registry, found.entry.name):
            raise _unknown(entry)
        return found

    async def repositories(
        self, caller: Caller, entry: int, after: str = "", limit: int = 50
    ) -> tuple[RepositoryRecord, ...]:
        """List what a deleted registry has by path, past the path `after`."""
        address = (await self.get(caller, entry)).entry.name
        found = await self._trash.repositories(entry, after, limit)
        return tuple(replace(one, name=Repository(address, one.name.path)) for one in found)

    async def tags(self, caller: Caller, entry: int, path: str, after: str = "", limit: int = 50) -> Part[TagRecord]:
        """List tags of one of its repositories, the newest first, past the place `after`."""
        hidden = await self._hidden(caller, entry, path)
        return await self._catalog.tags(hidden, order="newest", after=read_place(after), limit=limit)

    async def images(
        self, caller: Caller, entry: int, path: str, after: str = "", limit: int = 50
    ) -> Part[ImageRecord]:
        """List images of one of its repositories, the newest first, past the place `after`."""
        hidden = await self._hidden(caller, entry, path)
        return await self._catalog.images(hidden, untagged=False, after=read_place(after), limit=limit)

    async def restore(self, caller: Caller, entry: int, check: Check[DeletedRegistry] | None = None) -> DeletedRegistry:
        """Bring a registry back as it was, unless `check` raises; raise CONFLICT where its name is taken by now."""
        await self.get(caller, entry)
        with recorded_as(caller, partial(_noted, Kind.RESTORE)):
            found = await self._trash.restore(entry, check)
        if found is None:
            raise _unknown(entry)
        return found

    async def free(self, caller: Caller, entry: int, check: Check[DeletedRegistry] | None = None) -> DeletedRegistry:
        """Let the space of a deleted registry come free soon, unless `check` raises; it can't be restored any more."""
        await self.get(caller, entry)
        with recorded_as(caller, partial(_noted, Kind.FREE)):
            found = await self._trash.expire(entry, check)
        if found is None:
            raise _unknown(entry)
        return found

    async def _hidden(self, caller: Caller, entry: int, path: str) -> Repository:
        found = await self.get(caller, entry)
        asked = parse_repository(f"{found.entry.name}/{path}")
        hidden = Repository(hidden_address(entry), asked.path)
        if await self._catalog.repository(hidden) is None:
            message = f"{found.registry.name} had no repository {asked.path} when it was deleted"
            raise MoorageError(ErrorCode.NOT_FOUND, message, {"entry": entry})
        return hidden


def _deleted(address: str, override: str | None, gone: DeletedRegistry | None) -> Iterator[Change]:
    if gone is not None:
        before = {"name": gone.registry.name, **facts_of(gone.registry)}
        yield Change(Kind.DELETE_REGISTRY, address, before, with_reason(None, override))


def _noted(kind: Kind, found: DeletedRegistry | None) -> Iterator[Change]:
    if found is not None:
        entry = found.entry
        facts = {"entry": entry.id, "repositories": entry.repositories, "tags": entry.tags, "images": entry.images}
        came = kind is Kind.RESTORE
        yield Change(kind, entry.name, None if came else facts, facts if came else None)


def _unknown(entry: int) -> MoorageError:
    message = f"there is no deleted registry {entry} that you could restore; its time may be over"
    return MoorageError(ErrorCode.NOT_FOUND, message, {"entry": entry}, is_hidden=True)
