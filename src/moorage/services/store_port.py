"""The port to a place for bytes. What ports.py says of every port holds here too."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from moorage.domain.digest import Algorithm, Digest
from moorage.domain.errors import MoorageError


@dataclass(frozen=True, slots=True)
class Received:
    """What came of a body: its bytes, their digest if they are all of the upload, and the error it broke off with.

    `place` is where the upload lies now.
    """

    length: int
    digest: Digest | None
    place: str
    broken: MoorageError | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a blob lies: None is the address that is its digest. `leftover` is what it was made of and nobody needs.

    `mark` is what its bytes are known by from here on; None where the store can't tell, or found them there already.
    """

    place: str | None
    leftover: str | None = None
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """A blob's file, and the mark that its bytes are known by: others have another, and so have changed ones."""

    path: str
    mark: str


Seen = Callable[[str], None]
"""Is told the mark of bytes before the first of them; an empty one is no mark."""


class BlobStore(Protocol):
    """Bytes: uploads as they come in, and blobs.

    A place is the store's own word for where something lies. The database keeps it and understands none of it: an
    upload's is its id at first, then what `append` returned last; a blob's is what `commit` returned, or its digest.

    An error of the store's becomes UNAVAILABLE, or DISK_FULL where there is no room.
    """

    def hold(self, upload_id: str, size: int = 0) -> AbstractContextManager[bool]:
        """Keep every other request off an upload, as far as the store sees them; raise UPLOAD_BUSY when one is at it.

        Tell whether more than its first `size` bytes are here: then another request was at it just before.
        Files keep off every process of the machine. A store without locks lets another server's request in; it writes
        to a place of its own, and `Uploads.advance` decides which of the two counts.
        """

    async def append(self, place: str, offset: int, body: AsyncIterator[bytes], algorithm: Algorithm) -> Received:
        """Write a body at an offset, cutting off what lay behind it; durable when it returns.

        The digest is of the whole body, and only given when the offset is 0. A body that raises a MoorageError has
        broken off: what came before it is kept, and the error is handed back. BLOB_UPLOAD_UNKNOWN when fewer than
        `offset` bytes are here.
        """

    async def digest(self, place: str, algorithm: Algorithm, size: int) -> Digest:
        """Read the first `size` bytes of an upload again; BLOB_UPLOAD_UNKNOWN when fewer are here."""

    async def commit(self, place: str, digest: Digest, size: int) -> Stored:
        """Make the first `size` bytes of an upload, whose digest this is, a blob, durably.

        Where that moves them and fewer are here, they must have been moved already (a crash may come right after it),
        or it is BLOB_UPLOAD_UNKNOWN.
        """

    async def locate(self, place: str, size: int) -> Located | None:
        """Return the file a blob lies in, BLOB_UNKNOWN unless all there; None, unseen, where there are no files."""

    async def ensure(self, place: str, size: int) -> None:
        """Return when a blob is all there, or raise BLOB_UNKNOWN."""

    def read(self, place: str, offset: int, length: int, seen: Seen | None = None) -> AsyncIterator[bytes]:
        """Stream a part of a blob; BLOB_UNKNOWN when it is missing, UNAVAILABLE when it ends early.

        All of it has the mark that `seen` is told, if any: UNAVAILABLE where the store goes on with other bytes.
        """

    def discard(self, digests: Sequence[Digest]) -> Callable[[], None]:
        """Make blobs at the addresses that are their digests unreachable at once; `reclaim` gives their space back.

        Return what makes them reachable again, as long as nothing was reclaimed.
        """

    async def reclaim(self, places: Sequence[str] = ()) -> tuple[str, ...]:
        """Give the space of what was discarded back: blobs and uploads that nothing leads to any more.

        Return those of the places that can be forgotten; others are another store's, which the server had before.
        """
