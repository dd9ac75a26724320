"""What the use cases of uploads need of a database."""

from collections.abc import Sequence
from typing import Protocol

from moorage.domain.digest import Algorithm, Digest
from moorage.domain.name import Repository
from moorage.domain.upload import UNKNOWN, Upload, Wanted


class Uploads(Protocol):
    """Upload sessions; an upload belongs to (repository, user, id), and any other is None.

    `begin`, `claim` with a repository, and `finish` raise QUOTA_REACHED or TOO_LARGE_FOR_QUOTA for a blob that the
    registry doesn't hold already and its quota has no room for.
    """

    async def begin(
        self, upload_id: str, repository: Repository, user: str, algorithm: Algorithm, wanted: Wanted = UNKNOWN
    ) -> Upload:
        """Start a session, making the repository's row if it is new; raise NAME_UNKNOWN without its registry."""

    async def find(self, repository: Repository, upload_id: str, user: str) -> Upload | None:
        """Return a session."""

    def foresee(self, repository: Repository, upload_id: str) -> None:
        """Begin to find a session, whosever it is, for a request that will ask for it."""

    async def advance(self, upload: Upload, size: int, digest: Digest | None, place: str | None = None) -> bool:
        """Record that `size` bytes have arrived, and where they lie now (None: where they did).

        False if the session moved or went since `upload` was read: of two that read it, one advances it.
        """

    async def claim(self, digest: Digest, size: int, repository_id: int | None = None) -> None:
        """Lease a digest before its bytes get their address, so that no collection takes them away again."""

    async def finish(self, upload: Upload, digest: Digest, size: int, place: str | None = None) -> bool:
        """Link the blob to the repository with a lease, and end the session; False if it is gone or has gone on.

        A blob lies at the address that is its digest, or at a place of its own; one that had another place leaves it,
        and that is discarded when a lease has passed, since somebody may be reading there.
        """

    async def cancel(self, upload: Upload) -> bool:
        """End a session; its place is discarded. False if it is gone: then somebody may have made a blob of it."""

    async def expired(self, limit: int) -> tuple[str, ...]:
        """Return ids of sessions that nothing came for while a lease lasts."""

    async def forget(self, upload_ids: Sequence[str]) -> tuple[str, ...]:
        """End those of these sessions that are still expired, and return them; their places are discarded."""
