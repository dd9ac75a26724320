"""Blobs: read through a repository's link only; another repository's blob does not exist."""

from collections.abc import AsyncIterator

from moorage.domain.access import Caller
from moorage.domain.activity import Change, Kind, image_name
from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.services.ports import Blobs
from moorage.services.recording import recorded
from moorage.services.records import BlobRecord
from moorage.services.store_port import BlobStore

DAMAGED = "the bytes of this blob are damaged here; push it again"


class BlobService:
    """The use cases of blobs."""

    def __init__(self, blobs: Blobs, store: BlobStore) -> None:
        self._blobs = blobs
        self._store = store

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
        """Return the path of a blob, where the store has files; raise BLOB_UNKNOWN when its bytes are not all there."""
        return await self._store.locate(blob.place, blob.size)

    def read(self, blob: BlobRecord, offset: int, length: int) -> AsyncIterator[bytes]:
        """Stream a part of a blob."""
        return self._store.read(blob.place, offset, length)
