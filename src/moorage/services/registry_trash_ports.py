"""The port of deleted registries. How the words are meant: ports.py."""

from typing import Protocol

from moorage.services.ports import Check
from moorage.services.records import Registry, RepositoryRecord
from moorage.services.registry_trash_records import DeletedRegistry, RegistryContents


class RegistryTrash(Protocol):
    """Registries that were deleted, each with all it had, until its time is over. Time is the server's own."""

    async def contents(self, registry_id: int) -> RegistryContents:
        """Say what a registry has, and what comes free with it."""

    async def delete(
        self,
        address: str,
        by: str,
        check: Check[Registry] | None = None,
        *,
        frees: int = 0,
        overrides: bool = False,
    ) -> DeletedRegistry | None:
        """Delete a registry with all it has; None when there is none; raise TAG_IMMUTABLE unless that is overridden.

        It goes into the trash, unless it keeps nothing of what is deleted. Uploads to it that are under way end, and
        its name can be given to another one. `frees` is what was found to come free with it.
        """

    async def find(self, entry: int) -> DeletedRegistry | None:
        """Return a registry whose deletion can be undone."""

    async def named(self, address: str) -> DeletedRegistry | None:
        """Return the last registry that was deleted from an address and can be restored."""

    async def page(self, before: int | None, limit: int) -> tuple[DeletedRegistry, ...]:
        """List deleted registries, the newest first, from before an entry (None: from the first)."""

    async def repositories(self, entry: int, after: str, limit: int) -> tuple[RepositoryRecord, ...]:
        """List what a deleted registry has by path, past the path `after`."""

    async def restore(self, entry: int, check: Check[DeletedRegistry] | None = None) -> DeletedRegistry | None:
        """Bring a registry back with all it had; None when there is no such entry; CONFLICT if its name is taken."""

    async def expire(self, entry: int, check: Check[DeletedRegistry] | None = None) -> DeletedRegistry | None:
        """Let the time of an entry be over now; None when there is no such entry."""
