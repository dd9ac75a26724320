"""Backups in a bucket, under the keys that folder_shelf.py has as paths."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from moorage.blobstore import blob_key
from moorage.blobstore.folder_shelf import CONTENT, MANIFESTS, SUFFIX
from moorage.blobstore.s3.bucket import Bucket
from moorage.blobstore.s3.room import Room
from moorage.blobstore.s3.writer import GATHERED, ObjectWriter
from moorage.blobstore.writer import gathered
from moorage.domain.backup import NAME
from moorage.domain.digest import Algorithm, Digest, algorithm_of
from moorage.domain.errors import ErrorCode, MoorageError

SHARDS = tuple(f"{number:02x}" for number in range(256))


class BucketShelf:
    """See `Shelf`. `memory` is the bytes that all writes under way share; threads hash."""

    def __init__(self, bucket: Bucket, memory: int, threads: int = 4) -> None:
        self._bucket = bucket
        self._room = Room(memory)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="shelf")

    async def close(self) -> None:
        """End the threads and the connections."""
        self._threads.shutdown()
        await self._bucket.close()

    async def tidy(self) -> None:
        """Give up what a run that was killed has begun; nobody else may write meanwhile."""
        for key, multipart in await self._bucket.begun(f"{CONTENT}/"):
            await self._bucket.abort(key, multipart)

    async def put(self, digest: Digest, body: AsyncIterator[bytes]) -> int:
        """See `Shelf`; the object is there when its last part is, and that is sent when the digest is known."""
        writer = ObjectWriter(self._bucket, "", self._room, _key(digest))
        try:
            await self._fill(writer, digest, body)
            await writer.end()
        except BaseException:
            await writer.give_up()
            raise
        return writer.length

    async def size(self, digest: Digest) -> int | None:
        """See `Shelf`."""
        return await self._bucket.size(_key(digest))

    def read(self, digest: Digest, size: int) -> AsyncIterator[bytes]:
        """See `Shelf`."""
        return self._bucket.read(_key(digest), 0, size)

    async def digests(self) -> AsyncIterator[Sequence[Digest]]:
        """See `Shelf`; by their first two digits."""
        for algorithm in Algorithm:
            for shard in SHARDS:
                keys = await self._bucket.keys(f"{CONTENT}/{algorithm}/{shard}/")
                if keys:
                    yield [Digest(f"{algorithm}:{key.rpartition('/')[2]}") for key in keys]

    async def remove(self, digests: Sequence[Digest]) -> None:
        """See `Shelf`."""
        if digests:
            await self._bucket.delete([_key(digest) for digest in digests])

    async def names(self) -> tuple[str, ...]:
        """See `Shelf`."""
        keys = await self._bucket.keys(f"{MANIFESTS}/")
        found = (key.removeprefix(f"{MANIFESTS}/").removesuffix(SUFFIX) for key in keys)
        return tuple(sorted(name for name in found if NAME.fullmatch(name)))

    async def load(self, name: str) -> bytes:
        """See `Shelf`."""
        key = _manifest_key(name)
        size = await self._bucket.size(key)
        if size is None:
            raise MoorageError(ErrorCode.NOT_FOUND, f"there is no backup {name} here")
        return b"".join([piece async for piece in self._bucket.read(key, 0, size)])

    async def save(self, name: str, content: bytes) -> None:
        """See `Shelf`."""
        await self._bucket.put(_manifest_key(name), [content])

    async def drop(self, name: str) -> None:
        """See `Shelf`."""
        await self._bucket.delete([_manifest_key(name)])

    async def _fill(self, writer: ObjectWriter, digest: Digest, body: AsyncIterator[bytes]) -> None:
        algorithm = algorithm_of(digest)
        hasher = hashlib.new(algorithm)
        async for batch in gathered(body, GATHERED):
            await asyncio.get_running_loop().run_in_executor(self._threads, _hash, hasher, batch.buffers)
            await writer.add(batch.buffers)
            if batch.broken is not None:
                raise batch.broken
        if f"{algorithm}:{hasher.hexdigest()}" != digest:
            raise MoorageError(ErrorCode.DIGEST_INVALID)


def _key(digest: Digest) -> str:
    return f"{CONTENT}/{blob_key(digest)}"


def _manifest_key(name: str) -> str:
    return f"{MANIFESTS}/{name}{SUFFIX}"


def _hash(hasher: "hashlib._Hash", buffers: Sequence[bytes]) -> None:
    for buffer in buffers:
        hasher.update(buffer)
