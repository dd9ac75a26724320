"""The blob store in a bucket; places.py says what its places are, writer.py how bytes get there."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from moorage.blobstore import upload_key
from moorage.blobstore.s3.bucket import Bucket
from moorage.blobstore.s3.places import BLOBS, Pieces, blob_key, folder_of, lying_at, parse_pieces, reclaimed
from moorage.blobstore.s3.room import Room
from moorage.blobstore.s3.writer import BodyWriter
from moorage.blobstore.writer import PIECE, gathered
from moorage.domain.damage import Measured
from moorage.domain.digest import Algorithm, Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.leftover_ports import Lying
from moorage.services.store_port import Located, Received, Seen, Stored
from moorage.services.verify_ports import Spend

RECLAIMED_AT_ONCE = 8

SEEN_SECONDS = 10.0
"""How long an object that was there counts as there: clients ask for the same blobs again and again."""

MOST_SEEN = 20_000


class S3BlobStore:
    """See `BlobStore`. `memory` is the bytes that all uploads under way share; threads hash."""

    def __init__(self, bucket: Bucket, memory: int, threads: int = 4) -> None:
        self._bucket = bucket
        self._room = Room(memory)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="blobs")
        self._held: set[str] = set()
        self._seen: dict[str, float] = {}

    async def close(self) -> None:
        """End the threads and the connections."""
        self._threads.shutdown()
        await self._bucket.close()

    @contextmanager
    def hold(self, upload_id: str, size: int = 0) -> Iterator[bool]:  # noqa: ARG002  the port's
        """See `BlobStore`; against requests of this process. The database decides between those of others."""
        upload_key(upload_id)
        if upload_id in self._held:
            raise MoorageError(ErrorCode.UPLOAD_BUSY)
        self._held.add(upload_id)
        try:
            yield False
        finally:
            self._held.discard(upload_id)

    async def append(self, place: str, offset: int, body: AsyncIterator[bytes], algorithm: Algorithm) -> Received:
        """See `BlobStore`; the body becomes an object of its own."""
        before = parse_pieces(place).first(offset)
        writer = self._writer(before, algorithm)
        broken = await writer.write(body)
        after = before.followed_by(writer.pieces)
        return Received(writer.length, writer.digest if offset == 0 else None, str(after), broken)

    async def digest(self, place: str, algorithm: Algorithm, size: int) -> Digest:
        """See `BlobStore`."""
        hasher = hashlib.new(algorithm)
        async for batch in gathered(self._content(parse_pieces(place).first(size)), PIECE):
            await asyncio.get_running_loop().run_in_executor(self._threads, _hash, hasher.update, batch.buffers)
            if batch.broken is not None:
                raise batch.broken
        return Digest(f"{algorithm}:{hasher.hexdigest()}")

    async def commit(self, place: str, digest: Digest, size: int) -> Stored:
        """See `BlobStore`; an upload that came in one piece is the blob already, others are put together."""
        upload = parse_pieces(place).first(size)
        if [piece.is_whole for piece in upload.pieces] == [True]:
            return Stored(f"{upload.upload_id}/{upload.pieces[0].name}")
        writer = self._writer(upload, Algorithm(digest.partition(":")[0]))
        broken = await writer.write(self._content(upload), is_ours=True)
        if broken is not None:
            raise broken
        if writer.digest != digest:
            raise MoorageError(ErrorCode.UNAVAILABLE, "the store does not return what it was given")
        return Stored(f"{upload.upload_id}/{writer.pieces[0].name}", str(upload) if upload.pieces else None)

    async def locate(self, place: str, size: int) -> Located | None:  # noqa: ARG002  the port's
        """See `BlobStore`; there are no files."""
        return None

    async def ensure(self, place: str, size: int) -> None:
        """See `BlobStore`; an object is never changed, so what was right is not looked at again for some seconds."""
        now = asyncio.get_running_loop().time()
        if self._seen.get(place, -SEEN_SECONDS) > now - SEEN_SECONDS:
            return
        if await self._bucket.size(blob_key(place)) != size:
            raise MoorageError(ErrorCode.BLOB_UNKNOWN, "the bytes of this blob are not in the store; push them again")
        if len(self._seen) >= MOST_SEEN:
            self._seen.clear()
        self._seen[place] = now

    def read(self, place: str, offset: int, length: int, seen: Seen | None = None) -> AsyncIterator[bytes]:
        """See `BlobStore`; the mark is the store's ETag."""
        return self._bucket.read(blob_key(place), offset, length, seen)

    async def measure(self, place: str, algorithm: Algorithm, spend: Spend) -> Measured | None:
        """See `Measuring`."""
        size = await self._size(place)
        if size is None:
            return None
        hasher = hashlib.new(algorithm)
        async for batch in gathered(self._bucket.read(blob_key(place), 0, size), PIECE):
            if batch.broken is not None:
                raise batch.broken
            await asyncio.get_running_loop().run_in_executor(self._threads, _hash, hasher.update, batch.buffers)
            await spend(sum(map(len, batch.buffers)))
        return Measured(size, Digest(f"{algorithm}:{hasher.hexdigest()}"))

    def is_same(self, place: str, found: Measured | None) -> bool:  # noqa: ARG002  the port's
        """See `Measuring`; an object is never changed, and a name is never used again."""
        return True

    def pieces(self, place: str, size: int) -> AsyncIterator[bytes]:
        """See `Measuring`."""
        return self.read(place, 0, size)

    async def has(self, place: str) -> bool:
        """See `Measuring`."""
        return await self._size(place) is not None

    async def leftovers(self, sizes: Collection[int]) -> tuple[str, ...]:  # noqa: ARG002  likewise
        """See `Measuring`; an object's name tells nothing of whose it is, so that none is looked for."""
        return ()

    async def everything(self, before: float) -> AsyncIterator[tuple[Lying, ...]]:
        """See `Inventory`; objects alone. A multipart upload that a crash left has no name to list it by."""
        async for page in self._bucket.listed(BLOBS):
            found = (lying_at(key, size) for key, size, written in page if written < before)
            yield tuple(each for each in found if each is not None)

    async def _size(self, place: str) -> int | None:
        """Return an object's size; None where the bucket is there and it is not, or the place is in no bucket."""
        try:
            size = await self._bucket.size(blob_key(place))
        except MoorageError as error:
            if error.error is not ErrorCode.BLOB_UNKNOWN:
                raise
            return None
        if size is None:
            # An answer to HEAD has no body: the same 404 says that the bucket is gone.
            await self._bucket.check()
        return size

    def discard(self, digests: Sequence[Digest]) -> Callable[[], None]:
        """See `BlobStore`; nothing lies at a digest here, so that nothing goes or comes back."""
        del digests
        return lambda: None

    async def reclaim(self, places: Sequence[str] = ()) -> tuple[str, ...]:
        """See `BlobStore`."""
        at_once = asyncio.Semaphore(RECLAIMED_AT_ONCE)

        async def reclaim_one(place: str) -> None:
            async with at_once:
                await self._reclaim(place)

        ours = tuple(place for place in places if reclaimed(place) != (None, ()))
        done = await asyncio.gather(*map(reclaim_one, ours), return_exceptions=True)
        for error in done:
            if error is not None:
                raise error
        return ours

    async def _reclaim(self, place: str) -> None:
        folder, keys = reclaimed(place)
        if folder is not None:
            for key, multipart in await self._bucket.begun(folder):
                await self._bucket.abort(key, multipart)
            keys = tuple(await self._bucket.keys(folder))
        if keys:
            await self._bucket.delete(keys)

    async def _content(self, upload: Pieces) -> AsyncIterator[bytes]:
        """Stream an upload; BLOB_UPLOAD_UNKNOWN when a piece is gone."""
        for piece in upload.pieces:
            try:
                async for buffer in self._bucket.read(upload.key(piece.name), 0, piece.length):
                    yield buffer
            except MoorageError as error:
                if error.error is ErrorCode.BLOB_UNKNOWN:
                    raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN) from error
                raise

    def _writer(self, upload: Pieces, algorithm: Algorithm) -> BodyWriter:
        return BodyWriter(self._bucket, folder_of(upload.upload_id), algorithm, self._room, self._threads)


def _hash(update: Callable[[bytes], None], buffers: Sequence[bytes]) -> None:
    for buffer in buffers:
        update(buffer)
