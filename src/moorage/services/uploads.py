"""Uploads: from the first byte to a blob that is linked, leased and durable.

    begin ─▶ append* ─▶ finish      bytes first, then the row: what a crash leaves behind is garbage, never a promise

    finish: body appended, fsynced (store) ─▶ digest compared ─▶ digest claimed (database) ─▶ moved to its content
    address, directory fsynced (store) ─▶ blob, link and lease in one transaction (database) ─▶ 201

The claim comes before the move, so that a collection running beside it leaves the bytes alone (metastore/collect.py).
"""

import secrets
import time
from collections.abc import AsyncIterator

from moorage.domain.access import Caller
from moorage.domain.digest import Algorithm, Digest, algorithm_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.upload import Piece, Upload, check_digest, check_length, check_start
from moorage.services.ports import BlobStore, Uploads


class UploadService:
    """The use cases of upload sessions."""

    def __init__(self, uploads: Uploads, store: BlobStore) -> None:
        self._uploads = uploads
        self._store = store

    async def begin(self, caller: Caller, repository: Repository, algorithm: Algorithm) -> Upload:
        """Start a session."""
        return await self._uploads.begin(secrets.token_urlsafe(18), repository, caller.name, algorithm)

    async def get(self, caller: Caller, repository: Repository, upload_id: str) -> Upload:
        """Return the caller's session in that repository, or raise BLOB_UPLOAD_UNKNOWN."""
        upload = await self._uploads.find(repository, upload_id, caller.name)
        if upload is None:
            raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)
        _check_age(caller, upload)
        return upload

    async def append(
        self, caller: Caller, repository: Repository, upload_id: str, piece: Piece, body: AsyncIterator[bytes]
    ) -> int:
        """Add a piece; return how many bytes the session now holds."""
        await self.get(caller, repository, upload_id)
        with self._store.hold(upload_id):
            upload = await self.get(caller, repository, upload_id)
            size, _ = await self._receive(upload, piece, body)
            return size

    async def finish(
        self,
        caller: Caller,
        repository: Repository,
        upload_id: str,
        digest: Digest,
        piece: Piece,
        body: AsyncIterator[bytes],
    ) -> None:
        """Add the last piece, if any, and make the blob; raise DIGEST_INVALID when the content is another."""
        await self.get(caller, repository, upload_id)
        with self._store.hold(upload_id):
            upload = await self.get(caller, repository, upload_id)
            size, found = await self._receive(upload, piece, body, algorithm_of(digest))
            if found is None or algorithm_of(found) is not algorithm_of(digest):
                found = await self._store.digest(upload.id, algorithm_of(digest), size)
            try:
                check_digest(digest, found)
            except MoorageError:
                await self._discard(upload)
                raise
            await self._uploads.claim(digest, size)
            await self._store.commit(upload.id, digest, size)
            if not await self._uploads.finish(upload, digest, size):
                raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)

    async def cancel(self, caller: Caller, repository: Repository, upload_id: str) -> None:
        """End a session and delete its bytes."""
        upload = await self.get(caller, repository, upload_id)
        with self._store.hold(upload_id):
            await self._discard(upload)

    async def _receive(
        self, upload: Upload, piece: Piece, body: AsyncIterator[bytes], algorithm: Algorithm | None = None
    ) -> tuple[int, Digest | None]:
        """Append a body and record it, also what came of one that broke off; return (size, digest if in one piece)."""
        check_start(upload, piece)
        if piece.length == 0:
            return upload.size, upload.digest
        received = await self._store.append(upload.id, upload.size, body, algorithm or upload.algorithm)
        size = upload.size + received.length
        if received.broken is None:
            check_length(piece, received.length)
        if received.length and not await self._uploads.advance(upload, size, received.digest):
            raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)
        if received.broken is not None:
            raise received.broken
        return size, received.digest if received.length else upload.digest

    async def _discard(self, upload: Upload) -> None:
        await self._store.abandon(upload.id)
        await self._uploads.cancel(upload)


def _check_age(caller: Caller, upload: Upload) -> None:
    """Refuse an expired token, but for an upload that was begun while it had not expired."""
    if caller.scope is None or caller.scope.expires_at >= time.time():
        return
    if not caller.scope.issued_at - 1 <= upload.started_at <= caller.scope.expires_at:
        raise MoorageError(ErrorCode.UNAUTHORIZED, "this token has expired; ask for a new one")
