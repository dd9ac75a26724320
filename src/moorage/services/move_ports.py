"""The ports of a move: the database that is copied, as it was at one moment, and the one that gets it.

Bytes go from one place to another: each `BlobStore` is both, a `Readable` and a `Writable`.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from moorage.domain.digest import Algorithm, Digest
from moorage.services.store_port import Received, Stored


@dataclass(frozen=True, slots=True)
class LinkedBlob:
    """A blob that some repository links to, and its place in the store of the source."""

    digest: Digest
    size: int
    place: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A blob that is here, at a place of its own or (None) that of its digest; or that an upload was to bring."""

    upload_id: str
    place: str | None
    is_here: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds; `bytes` are those of the blobs that are linked."""

    registries: int
    repositories: int
    images: int
    tags: int
    blobs: int
    bytes: int
    rows: int


class Readable(Protocol):
    """Where blobs are read from; see `BlobStore`."""

    async def ensure(self, place: str, size: int) -> None:
        """See `BlobStore`."""

    def read(self, place: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """See `BlobStore`."""


class Writable(Readable, Protocol):
    """Where blobs are brought; see `BlobStore`."""

    async def append(self, place: str, offset: int, body: AsyncIterator[bytes], algorithm: Algorithm) -> Received:
        """See `BlobStore`."""

    async def commit(self, place: str, digest: Digest, size: int) -> Stored:
        """See `BlobStore`."""

    async def reclaim(self, places: Sequence[str] = ()) -> tuple[str, ...]:
        """See `BlobStore`."""


class Moment(Protocol):
    """A database as it was at one moment, for as long as it is open."""

    async def contents(self) -> Contents:
        """Count what there is."""

    async def blobs(self, after: str, limit: int) -> tuple[LinkedBlob, ...]:
        """List linked blobs by digest, past `after`."""

    async def blob(self, digest: Digest) -> LinkedBlob | None:
        """Return a blob, if it is linked."""

    async def images(self, digest: Digest, limit: int) -> tuple[str, ...]:
        """Name images that need a blob, by their tags where they have some."""

    def rows(self, table: str) -> AsyncIterator[Sequence[tuple[Any, ...]]]:
        """Stream a table in batches, by its key; values are in the order of its columns."""

    async def wrong(self, images: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
        """Name those of these rows of images whose bytes are not what their digest says."""

    async def last_ids(self) -> Mapping[str, int]:
        """Return, by the name of its table, the highest id that was ever given."""


class Source(Protocol):
    """The database that is moved."""

    def moment(self) -> AbstractAsyncContextManager[Moment]:
        """Hold on to this moment; servers go on."""

    async def stands_still(self) -> bool:
        """Tell whether no server is at work on it, and none is from now on."""


class Destination(Protocol):
    """The database that is to have all rows, and that remembers which blobs have come."""

    async def check(self) -> None:
        """Return where nothing is, or what earlier runs have brought; raise IN_USE where anybody else has written."""

    async def arrivals(self, digests: Sequence[Digest]) -> Mapping[Digest, Arrival]:
        """Return what is known of blobs that are here or were on their way."""

    async def expect(self, uploads: Mapping[Digest, str]) -> None:
        """Remember the uploads that are about to bring blobs, in place of what was known of these."""

    async def arrived(self, digest: Digest, place: str | None) -> None:
        """Remember that a blob is here."""

    async def take(
        self, moment: Moment, *, damaged: Collection[Digest], is_last: bool, tell: Callable[[int], None]
    ) -> tuple[str, ...] | None:
        """Replace all rows by those of a moment, in one transaction, telling of each batch how many rows it has.

        Blobs that are `damaged` could not be brought; not all of them need be of this moment.
        Name the images whose bytes are not what their digest says. None where nothing was done, since servers are still
        at work: where they work on this very database, it takes nothing but a moment that `is_last`.
        """
