"""The ports of leftovers: what lies in the store, and what the database knows of it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Lying:
    """Bytes that lie in the store; all but the size are the store's own words.

    `place` is what the row of a blob would call it, `upload` the upload that it is or was a part of, and `discard` what
    a row of what was discarded says for these bytes alone to go; None at a content address: that goes as a blob does.
    """

    place: str
    size: int
    upload: str | None = None
    discard: str | None = None


class Inventory(Protocol):
    """A place for bytes, as it lists what lies there. Every store that keeps blobs answers this too."""

    def everything(self, before: float) -> AsyncIterator[tuple[Lying, ...]]:
        """List all that was last written before a moment, in Unix seconds, a batch of some thousand at a time."""


class Strays(Protocol):
    """What lies in the store and no row knows: no blob, no upload, nothing that was discarded or is on its way here."""

    async def among(self, lying: Sequence[Lying]) -> tuple[Lying, ...]:
        """Return those of a batch that are known to no row."""

    async def adopt(self, lying: Sequence[Lying]) -> tuple[Lying, ...]:
        """Give those that still are unknown a row that nothing needs, and return them: the next collection takes them.

        So they go as everything goes, and a push of the same content comes before or after, as it does of any blob.
        """
