"""The ports of backups: the place they are kept in, and rows as text."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from moorage.domain.digest import Digest


class Shelf(Protocol):
    """A place for backups: content by its digest, each once, and their manifests by the backup's name.

    A write is durable when it returns, and before that nothing of it is there. Errors are those of a `BlobStore`.
    """

    async def put(self, digest: Digest, body: AsyncIterator[bytes]) -> int:
        """Keep content and return its size in bytes; raise DIGEST_INVALID when it is not what the digest says."""

    async def size(self, digest: Digest) -> int | None:
        """Return the size of content in bytes; None where there is none."""

    def read(self, digest: Digest, size: int) -> AsyncIterator[bytes]:
        """Stream the first `size` bytes of content; BLOB_UNKNOWN when it is missing, UNAVAILABLE when it ends early."""

    def digests(self) -> AsyncIterator[Sequence[Digest]]:
        """List all content, some at a time."""

    async def remove(self, digests: Sequence[Digest]) -> None:
        """Delete content, what is there of it."""

    async def names(self) -> tuple[str, ...]:
        """List backups by name, the oldest first."""

    async def load(self, name: str) -> bytes:
        """Return a backup's manifest; NOT_FOUND when there is none."""

    async def save(self, name: str, content: bytes) -> None:
        """Keep a manifest; in one step, it is there or not."""

    async def drop(self, name: str) -> None:
        """Delete a manifest, if it is there."""


class RowsAsText(Protocol):
    """How rows of a moment are written down."""

    @property
    def schema(self) -> str:
        """The version of the tables."""

    @property
    def tables(self) -> Sequence[str]:
        """What belongs into a backup, a table after those that it refers to."""

    @property
    def images(self) -> str:
        """The table of images."""

    def written(self, table: str, rows: Sequence[tuple[Any, ...]]) -> bytes:
        """Return rows, as `Moment` streams them, as lines of JSON."""


class Scratch(Protocol):
    """A database for what a backup holds, in which it is brought up to date."""

    async def begin(self, schema: str) -> None:
        """Make it anew, with the tables of a version; raise UNAVAILABLE when that is newer than this Moorage."""

    async def fill(self, table: str, lines: bytes) -> None:
        """Add rows, as they were written; VALUE_INVALID for what is none of that table."""

    async def end(self, last_ids: Mapping[str, int]) -> None:
        """Bring its tables up to date."""
