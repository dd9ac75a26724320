"""Blobs: read through a repository's link only; another repository's blob does not exist.

No answer comes to its end with bytes that were not compared with their digest:

    known to be sound ───────▶ sent
    small, in a file ────────▶ read whole ─▶ sent; where it was replaced meanwhile, as from a bucket
    large, in a file ─┬──────▶ sent, all but the last piece ──┬─▶ the last piece
                      └──────▶ read whole beside it ──────────┘
    all of it, from a bucket ▶ sent, and compared as it passes ─▶ the last piece
    smallest, from a bucket ─▶ compared, kept in memory ─▶ sent
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable

from moorage.domain.access import Caller
from moorage.domain.activity import Change, Kind, image_name
from moorage.domain.digest import Digest, algorithm_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.services.kept_blobs import KeptBlobs
from moorage.services.ports import Blobs
from moorage.services.recording import recorded
from moorage.services.records import BlobRecord
from moorage.services.sound import DAMAGED, SoundBlobs
from moorage.services.store_port import BlobStore

SMALL = 4 * 1024 * 1024
"""Bytes of a blob that is read before its answer begins: that takes no longer than a disk, and leaves an error to send.

Larger ones take time that their client can use to receive.
"""

WORTH_A_THREAD = 64 * 1024
"""Bytes that take longer to hash than to hand to a thread."""


class BlobService:
    """The use cases of blobs."""

    def __init__(self, blobs: Blobs, store: BlobStore, sound: SoundBlobs) -> None:
        self._blobs = blobs
        self._store = store
        self._sound = sound
        self._kept = KeptBlobs()

    async def get(self, repository: Repository, digest: Digest) -> BlobRecord:
        """Return a blob's record, or raise BLOB_UNKNOWN."""
        blob = await self._blobs.find(repository, digest)
        if blob is None:
            raise MoorageError(ErrorCode.BLOB_UNKNOWN, None, {"digest": digest})
        if blob.is_damaged:
            raise MoorageError(ErrorCode.BLOB_UNKNOWN, DAMAGED, {"digest": digest})
        return blob

    def foresee(self, repository: Repository, digest: Digest) -> None:
        """Begin to find a blob for a request that will `get` it."""
        self._blobs.foresee(repository, digest)

    async def promise(self, repository: Repository, digest: Digest) -> BlobRecord:
        """Return a blob's record for a client that may now rely on it: its lease is renewed."""
        blob = await self.get(repository, digest)
        # Damaged bytes are no blob to rely on: the client is to push them again.
        await self._store.ensure(blob.place, blob.size)
        if blob.needs_lease and not await self._blobs.renew(blob):
            raise MoorageError(ErrorCode.BLOB_UNKNOWN, None, {"digest": digest})
        return blob

    async def mount(self, source: Repository, target: Repository, digest: Digest) -> bool:
        """Link a blob of one repository to another; False when the source has none."""
        blob = await self._blobs.find(source, digest)
        return blob is not None and not blob.is_damaged and await self._blobs.mount(blob, target)

    async def delete(self, caller: Caller, repository: Repository, digest: Digest) -> None:
        """Take a blob out of a repository; raise BLOB_UNKNOWN, or IN_USE while an image needs it."""
        with recorded(caller, Change(Kind.DELETE_BLOB, image_name(repository, digest))):
            is_gone = await self._blobs.unlink(repository, digest)
        if not is_gone:
            raise MoorageError(ErrorCode.BLOB_UNKNOWN, None, {"digest": digest})

    async def locate(self, blob: BlobRecord) -> str | None:
        """Return the path of a blob that is sound, where the store has files; None where it must be read through here.

        Raise BLOB_UNKNOWN when its bytes are damaged, or not all there.
        """
        found = await self._store.locate(blob.place, blob.size)
        if found is None:
            return None
        if blob.size <= SMALL and not await self._sound.is_still(blob, found.mark):
            # Others come in its place again and again, where many push the same: read as one of them is, it is right.
            return None
        return found.path if self._sound.knows(blob.digest, found.mark) else None

    async def whole(self, blob: BlobRecord) -> bytes:
        """Return all of a blob of SMALLEST bytes at most; raise BLOB_UNKNOWN when they are damaged."""
        body = self._kept.get(blob.digest)
        if body is None:
            body = b"".join([piece async for piece in self.read(blob, 0, blob.size)])
            self._kept.keep(blob.digest, body)
        return body

    async def read(self, blob: BlobRecord, offset: int, length: int) -> AsyncIterator[bytes]:
        """Stream a part of a blob; raise BLOB_UNKNOWN before the last piece when its bytes are damaged.

        A part of a blob in a bucket is as good as the store: to compare it would be to read all of it from there.
        """
        has_files = await self._store.locate(blob.place, blob.size) is not None
        marks: list[str] = []
        stream = self._store.read(blob.place, offset, length, marks.append)
        if length == blob.size and (blob.size <= SMALL or not has_files):
            stream = self._compared(blob, stream, marks)
        elif has_files:
            stream = self._compared_beside(blob, stream, length, marks)
        async for piece in stream:
            yield piece

    async def _compared_beside(
        self, blob: BlobRecord, stream: AsyncIterator[bytes], left: int, marks: list[str]
    ) -> AsyncIterator[bytes]:
        """Hold back the last piece until all of the blob was compared; `left` bytes are to come."""
        proof: asyncio.Task[None] | None = None
        try:
            async for piece in stream:
                if proof is None:
                    proof = asyncio.create_task(self._sound.check(blob, marks[0]))
                left -= len(piece)
                if not left or proof.done():
                    await proof
                yield piece
        finally:
            if proof is not None:
                _leave(proof)

    async def _compared(self, blob: BlobRecord, stream: AsyncIterator[bytes], marks: list[str]) -> AsyncIterator[bytes]:
        """Compare a whole blob as it passes, unless it is known, and hold back its last piece until then."""
        hasher, left = hashlib.new(algorithm_of(blob.digest)), blob.size
        hashing: asyncio.Future[None] | None = None
        async for piece in stream:
            if self._sound.knows(blob.digest, marks[0]):
                yield piece
                continue
            if hashing is not None:
                await hashing
            hashing = _hash(hasher.update, piece)
            left -= len(piece)
            if not left:
                if hashing is not None:
                    await hashing
                await self._conclude(blob, hasher.hexdigest(), marks[0])
            yield piece

    async def _conclude(self, blob: BlobRecord, found: str, mark: str) -> None:
        """Take note of a blob that is right; one that isn't is read once more, and put into quarantine."""
        if found == blob.digest.partition(":")[2]:
            if mark:
                self._sound.note(blob.digest, mark)
            return
        await self._sound.examine(blob, mark)
        raise MoorageError(ErrorCode.BLOB_UNKNOWN, DAMAGED, {"digest": blob.digest})


def _leave(proof: "asyncio.Task[None]") -> None:
    """Wait for a proof no more; what it came to is seen, so that nobody is told that it was not."""
    if not proof.cancel() and not proof.cancelled():
        proof.exception()


def _hash(update: Callable[[bytes], None], piece: bytes) -> "asyncio.Future[None] | None":
    """Hash a piece here, or begin to in a thread."""
    if len(piece) > WORTH_A_THREAD:
        return asyncio.get_running_loop().run_in_executor(None, update, piece)
    update(piece)
    return None
