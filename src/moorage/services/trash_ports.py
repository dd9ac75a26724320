"""The port of the trash: what was deleted and can still be restored. How the words are meant: ports.py."""

from collections.abc import Mapping
from typing import Protocol

from moorage.services.ports import Check
from moorage.services.trash_records import DeletedEntry, Restored


class Trash(Protocol):
    """Deletions, each with what it took, until its time is over. Time here is the server's own (see `Garbage`)."""

    async def find(self, registry_id: int, entry: int) -> DeletedEntry | None:
        """Return a deletion of a registry that can be undone."""

    async def page(self, registry_id: int, before: int | None, limit: int) -> tuple[DeletedEntry, ...]:
        """List a registry's deletions, the newest first, from before an entry (None: from the first)."""

    async def restore(
        self, registry_id: int, entry: int, by: str, check: Check[DeletedEntry] | None = None
    ) -> Restored | None:
        """Bring back what a deletion took, into its repository if there is one again; None when there is no such entry.

        A tag that points elsewhere meanwhile is left, as is one whose image isn't there; raise CONFLICT where
        nothing could come back so.
        """

    async def expire(
        self, registry_id: int, entry: int | None = None, check: Check[DeletedEntry] | None = None
    ) -> tuple[DeletedEntry, ...]:
        """Let the time of an entry, or of all a registry has, be over now; return whose was not yet."""

    async def bytes_of(self, registry_id: int) -> int:
        """Add up what comes free with what was deleted in a registry, as far as was known when it went."""

    async def bytes_by_registry(self) -> Mapping[int, int]:
        """Add up the same for each registry that has deletions which can be restored, by its id."""

    async def empty(self, limit: int) -> int:
        """Let go of some of what has had its time; return how many rows were looked at, 0 when nothing is left."""
