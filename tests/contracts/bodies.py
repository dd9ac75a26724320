"""Bodies as clients send them, and what is made of them."""

from collections.abc import AsyncIterator
from pathlib import Path

from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.services.store_port import BlobStore, Received


async def body(*pieces: bytes, then: BaseException | None = None) -> AsyncIterator[bytes]:
    """Send pieces, and break off with an error if one is given."""
    for piece in pieces:
        yield piece
    if then is not None:
        raise then


class Sending:
    """An upload, as a use case goes about it: where it lies is remembered from one append to the next."""

    def __init__(self, store: BlobStore, place: str = "upload") -> None:
        self._store = store
        self.place = place

    async def append(
        self, offset: int, content: AsyncIterator[bytes], algorithm: Algorithm = Algorithm.SHA256
    ) -> Received:
        received = await self._store.append(self.place, offset, content, algorithm)
        self.place = received.place
        return received

    async def digest(self, size: int, algorithm: Algorithm = Algorithm.SHA256) -> Digest:
        return await self._store.digest(self.place, algorithm, size)

    async def commit(self, content: bytes, algorithm: Algorithm = Algorithm.SHA256) -> str:
        """Make the content a blob, give back what is left over, and return the blob's place."""
        digest = digest_of(content, algorithm)
        stored = await self._store.commit(self.place, digest, len(content))
        if stored.leftover is not None:
            await self._store.reclaim([stored.leftover])
        return stored.place or digest


async def drop(store: BlobStore, *places: str) -> None:
    """Take blobs away, as a collection does."""
    store.discard([Digest(place) for place in places if ":" in place])
    await store.reclaim([place for place in places if ":" not in place])


async def push(
    store: BlobStore, content: bytes, upload_id: str = "upload", algorithm: Algorithm = Algorithm.SHA256
) -> str:
    """Upload a blob in one piece; return its place."""
    with store.hold(upload_id):
        upload = Sending(store, upload_id)
        await upload.append(0, body(content), algorithm)
        return await upload.commit(content, algorithm)


async def content_of(store: BlobStore, place: str, offset: int = 0, length: int = 0) -> bytes:
    """Read a part of a blob."""
    return b"".join([piece async for piece in store.read(place, offset, length)])


def content_at(path: str) -> bytes:
    """Read a file that the store says a blob lies in."""
    return Path(path).read_bytes()
