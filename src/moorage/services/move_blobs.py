"""Blobs are carried from one store to another, each once: what has arrived is remembered for the next run.

    expected (which upload will bring it) ─▶ read, hashed, written ─▶ digest compared ─▶ committed ─▶ remembered

A run that is killed leaves what was on its way under the name of the upload; the next one takes that away first.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from moorage.domain.digest import Digest, algorithm_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.at_once import at_once
from moorage.services.move_ports import Arrival, Destination, LinkedBlob, Readable, Source, Writable

T = TypeVar("T")

AT_ONCE = 8
"""Blobs on their way at once."""

UNREADABLE = 2 * AT_ONCE
"""Blobs that can't be read, without one in between that can, before it is the store that is gone and not they."""


class Progress(Protocol):
    """Is told how far a move has come."""

    def begin(self, what: str, total: int) -> None:
        """Begin with `blobs` (the total is bytes) or `rows`."""

    def advance(self, count: int) -> None:
        """So much more of the total is done."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The store that has the blobs, and the one that they go to; None where they stay."""

    source: Readable
    destination: Writable | None


class Carrier:
    """Carries blobs, and counts what came of them; `reads_again` reads at the destination whatever is there."""

    def __init__(
        self, source: Source, destination: Destination, stores: Stores, progress: Progress, *, reads_again: bool
    ) -> None:
        self.copied = 0
        self.copied_bytes = 0
        self.already_there = 0
        self.damaged: dict[Digest, str] = {}
        self._source = source
        self._destination = destination
        self._stores = stores
        self._progress = progress
        self._reads_again = reads_again
        self._unreadable = 0
        self._is_here: set[Digest] = set()

    async def bring(self, blobs: Sequence[LinkedBlob], *, again: bool = False) -> bool:
        """See to it that blobs are at the destination, or known to be `damaged`; `again` trusts what this run has seen.

        False when one of them has been collected meanwhile, with all that needed it. Raises what the destination says
        against it, and UNAVAILABLE when the source is gone.
        """
        store = self._stores.destination
        if again:
            blobs = [blob for blob in blobs if store is not None and blob.digest not in self._is_here]
        known = await self._destination.arrivals([blob.digest for blob in blobs])
        expected = {blob.digest: known.get(blob.digest) or _new_arrival() for blob in blobs}
        if store is not None:
            new = (blob.digest for blob in blobs if blob.digest not in known)
            await self._destination.expect({digest: expected[digest].upload_id for digest in new})
        collected: list[LinkedBlob] = []

        async def bring(blob: LinkedBlob) -> None:
            try:
                if store is None:
                    await self._read(blob)
                else:
                    await self._bring(blob, expected[blob.digest], store, is_new=blob.digest not in known)
            except _CollectedError:
                collected.append(blob)

        await at_once(bring, blobs, AT_ONCE)
        return not collected

    async def _bring(self, blob: LinkedBlob, arrival: Arrival, store: Writable, *, is_new: bool) -> None:
        if arrival.is_here and await self._is_whole(blob, store, arrival.place or blob.digest):
            self._is_here.add(blob.digest)
            self.already_there += 1
            self._progress.advance(blob.size)
            return
        if not is_new:
            await store.reclaim([arrival.upload_id])
        try:
            await self._stores.source.ensure(blob.place, blob.size)
        except MoorageError as error:
            await self._miss(blob, error)
            return
        await self._copy(blob, arrival.upload_id, store)

    async def _copy(self, blob: LinkedBlob, upload_id: str, store: Writable) -> None:
        received = await store.append(upload_id, 0, self._body(blob), algorithm_of(blob.digest))
        if received.broken is not None or received.digest != blob.digest:
            await store.reclaim([upload_id])
            await self._miss(blob, received.broken or MoorageError(ErrorCode.DIGEST_INVALID, OTHERS))
            return
        stored = await store.commit(received.place, blob.digest, blob.size)
        if stored.leftover is not None:
            await store.reclaim([stored.leftover])
        if self._reads_again and not await self._is_whole(blob, store, stored.place or blob.digest):
            raise MoorageError(ErrorCode.UNAVAILABLE, f"the store at the destination does not return {blob.digest}")
        await self._destination.arrived(blob.digest, stored.place)
        self._is_here.add(blob.digest)
        self._unreadable = 0
        self.damaged.pop(blob.digest, None)
        self.copied += 1
        self.copied_bytes += blob.size

    async def _read(self, blob: LinkedBlob) -> None:
        """Read a blob that stays where it is."""
        try:
            await self._stores.source.ensure(blob.place, blob.size)
            is_right = await digest_of_all(self._body(blob), blob.digest) == blob.digest
        except MoorageError as error:
            await self._miss(blob, error)
            return
        if is_right:
            self.already_there += 1
        else:
            await self._miss(blob, MoorageError(ErrorCode.DIGEST_INVALID, OTHERS))

    async def _is_whole(self, blob: LinkedBlob, store: Writable, place: str) -> bool:
        """Tell whether the store has all of a blob that was compared with its digest when it came there."""
        try:
            await store.ensure(place, blob.size)
            return (
                not self._reads_again
                or await digest_of_all(store.read(place, 0, blob.size), blob.digest) == blob.digest
            )
        except MoorageError as error:
            if error.error is not ErrorCode.BLOB_UNKNOWN:
                raise
            return False

    async def _body(self, blob: LinkedBlob) -> AsyncIterator[bytes]:
        async for piece in self._stores.source.read(blob.place, 0, blob.size):
            yield piece
            self._progress.advance(len(piece))

    async def _miss(self, blob: LinkedBlob, error: MoorageError) -> None:
        """Note that a blob is damaged, unless it was collected, or the store is gone."""
        if error.error is ErrorCode.UNAVAILABLE:
            self._unreadable += 1
            if self._unreadable > UNREADABLE:
                raise error
        if error.error is ErrorCode.BLOB_UNKNOWN:
            async with self._source.moment() as moment:
                now = await moment.blob(blob.digest)
            if now is None or now.place != blob.place:
                raise _CollectedError
            error = MoorageError(ErrorCode.BLOB_UNKNOWN, MISSING)
        self.damaged[blob.digest] = error.message


OTHERS = "its bytes are others than its digest says"
MISSING = "its bytes are missing, or not all there"


class _CollectedError(Exception):
    """A blob is not needed any more."""


def _new_arrival() -> Arrival:
    return Arrival(secrets.token_urlsafe(18), None, is_here=False)


async def digest_of_all(body: AsyncIterator[bytes], digest: Digest) -> Digest:
    """Return the digest of a body, by the algorithm of the one that it should have."""
    algorithm = algorithm_of(digest)
    hasher = hashlib.new(algorithm)
    async for piece in body:
        await asyncio.to_thread(hasher.update, piece)
    return Digest(f"{algorithm}:{hasher.hexdigest()}")
