"""The port of the trash: what was deleted and can still be restored. How the words are meant: ports.py."""

from typing import Protocol

from moorage.domain.name import Repository
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

    async def bytes_beside(self, repository: Repository) -> int:
        """Add up what was deleted from a repository, can be restored, and is not in it by now, every blob once."""

    async def empty(self, limit: int) -> int:
        """Let go of some of what has had its time; return how many rows were looked at, 0 when nothing is left."""
