"""The ports of verification: what it reads, what it marks, how far it is. What ports.py says of every port holds here.

Whoever has measured bytes and found them damaged, or right again, says so in a transaction that nothing else writes
beside; `is_same` is asked inside it whether the bytes measured are still those there. A push moves its bytes first and
lifts the quarantine after, so that it either came before, and other bytes are there, or comes after, and lifts it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import Protocol

from moorage.domain.damage import Fault, Measured
from moorage.domain.digest import Algorithm, Digest
from moorage.services.verify_records import Damage, Damaged, Round, Stock, StoredBlob, StoredImage

Spend = Callable[[int], Awaitable[None]]
"""Is told of bytes that were read, and returns when more may be."""

IsSame = Callable[[], bool]
"""Tells whether what was measured is what is there now."""


class Measuring(Protocol):
    """A place for bytes, as verification reads it. Every store that keeps blobs answers this too."""

    async def measure(self, place: str, algorithm: Algorithm, spend: Spend) -> Measured | None:
        """Read all bytes at a blob's place, in order and with bounded memory; None when nothing is there.

        UNAVAILABLE where the store doesn't answer, or not as a store that has blobs would: then nothing is known.
        """

    def is_same(self, place: str, found: Measured | None) -> bool:
        """Tell whether what was measured is still what is there."""

    def pieces(self, place: str, size: int) -> AsyncIterator[bytes]:
        """Stream the first bytes of what `measure` reads; BLOB_UNKNOWN where there is nothing."""

    async def has(self, place: str) -> bool:
        """Tell whether anything is at a blob's place; UNAVAILABLE as `measure`."""

    async def leftovers(self, sizes: Collection[int]) -> tuple[str, ...]:
        """Return places of uploads, and of blobs, that hold so many bytes; `measure` reads them, too."""


class Copies(Protocol):
    """Somewhere else that may have what is damaged here. What it gives is compared with its digest."""

    def blob(self, digest: Digest, repositories: Sequence[str]) -> AsyncIterator[bytes]:
        """Stream a blob, which those repositories have here; BLOB_UNKNOWN where it isn't there."""

    async def manifest(self, digest: Digest, repository: str) -> bytes | None:
        """Return a manifest."""


class Contents(Protocol):
    """All there is to verify."""

    async def stock(self) -> Stock:
        """Count it."""

    async def images(self, after: int, limit: int, room: int) -> tuple[StoredImage, ...]:
        """List images by id, past `after`: as many as fit into `room` bytes, one at least."""

    async def blobs(self, after: str, limit: int) -> tuple[StoredBlob, ...]:
        """List blobs by digest, past `after`."""

    async def blob(self, digest: Digest) -> StoredBlob | None:
        """Return one."""

    async def others(self, digest: Digest, limit: int) -> tuple[StoredBlob, ...]:
        """Return some other blobs that count as right."""


class Damages(Protocol):
    """What is damaged. A blob in quarantine is there for no client."""

    async def quarantine(
        self, blob: StoredBlob, fault: Fault, found: Digest | None, at: float, is_same: IsSame
    ) -> bool:
        """Put a blob into quarantine, or say anew why; False where it went, or other bytes came, since it was read."""

    async def lift(self, blob: StoredBlob, is_same: IsSame) -> bool:
        """Take a blob, whose bytes are right, out of quarantine; False likewise, and where it was not in it."""

    async def mark(self, image: StoredImage, fault: Fault | None) -> bool:
        """Say what is wrong with an image's row; False where it has changed since it was read."""

    async def count(self) -> Damaged:
        """Count what is damaged."""

    async def every(self, after: str, limit: int) -> tuple[Damage, ...]:
        """List what is damaged by its key, past `after`."""


class Rounds(Protocol):
    """Rounds of verification. One at most has not ended."""

    async def begin(self, asked_by: str, runner: str, at: float) -> Round:
        """Begin a round, in place of one that has not ended."""

    async def take(self, round_: Round, runner: str, at: float) -> Round | None:
        """Go on with a round whose runner was last seen as the record says; None where it goes on, or has ended."""

    async def advance(self, round_: Round) -> bool:
        """Remember how far a round has come, or that it ended; False where its runner has lost it."""

    async def latest(self) -> tuple[Round | None, Round | None]:
        """Return the round that has not ended, and the last that has."""


class Repairs(Protocol):
    """What repair changes, each only where the damage is still there."""

    async def heal(self, blob: StoredBlob, place: str | None) -> bool:
        """Say that the right bytes, `size` of them, are at a place (None: its digest); lift the quarantine.

        A place that the blob had before is discarded. False where the blob went meanwhile.
        """

    async def relink(self, image: StoredImage, digests: Sequence[Digest]) -> bool:
        """Bind blobs to an image again, and to its repository; False unless all are here and right."""

    async def bodies(self, digest: Digest, limit: int) -> tuple[bytes, ...]:
        """Return the bodies that other repositories have under a digest."""

    async def replace(self, image: StoredImage, body: bytes) -> bool:
        """Give an image its right body; False where it has changed since it was read."""

    async def image(self, repository: str, digest: Digest) -> StoredImage | None:
        """Return an image."""
