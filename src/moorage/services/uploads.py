"""Uploads: from the first byte to a blob that is linked, leased and durable.

    begin ─▶ append* ─▶ finish      bytes first, then the row: what a crash leaves behind is garbage, never a promise

    finish: body appended, fsynced (store) ─▶ digest compared ─▶ digest claimed (database) ─▶ moved to its content
    address, directory fsynced (store) ─▶ blob, link and lease in one transaction (database) ─▶ 201

The claim comes before the move, so that a collection running beside it leaves the bytes alone (metastore/collect.py).
"""

import secrets
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

from moorage.domain.access import Caller
from moorage.domain.digest import Algorithm, Digest, algorithm_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.quota import Allowance
from moorage.domain.upload import UNKNOWN, Piece, Upload, Wanted, check_digest, check_length, check_start
from moorage.services.open_uploads import UploadLimit
from moorage.services.sound import SoundBlobs
from moorage.services.store_port import BlobStore, Stored
from moorage.services.upload_ports import Uploads

FINAL = frozenset({ErrorCode.DIGEST_INVALID, ErrorCode.QUOTA_REACHED, ErrorCode.TOO_LARGE_FOR_QUOTA})
"""Why an upload that has come to its end is given up: its bytes are of no use to anyone."""


class UploadService:
    """The use cases of upload sessions."""

    def __init__(
        self, uploads: Uploads, store: BlobStore, limit: UploadLimit | None = None, sound: SoundBlobs | None = None
    ) -> None:
        self._uploads = uploads
        self._store = store
        self._limit = limit
        self._sound = sound

    async def begin(
        self, caller: Caller, repository: Repository, algorithm: Algorithm, wanted: Wanted = UNKNOWN
    ) -> Upload:
        """Start a session; raise TOO_MANY where the caller has too many open.

        Raise QUOTA_REACHED or TOO_LARGE_FOR_QUOTA where the registry's quota has no room for what is wanted.
        """
        if self._limit is not None:
            await self._limit.check(caller.name)
        return await self._uploads.begin(secrets.token_urlsafe(18), repository, caller.name, algorithm, wanted)

    async def get(self, caller: Caller, repository: Repository, upload_id: str) -> Upload:
        """Return the caller's session in that repository, or raise BLOB_UPLOAD_UNKNOWN."""
        upload = await self._uploads.find(repository, upload_id, caller.name)
        if upload is None:
            raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)
        _check_age(caller, upload)
        return upload

    def foresee(self, repository: Repository, upload_id: str) -> None:
        """Begin to find a session for a request that will `get` it."""
        self._uploads.foresee(repository, upload_id)

    async def append(
        self, caller: Caller, repository: Repository, upload_id: str, piece: Piece, body: AsyncIterator[bytes]
    ) -> int:
        """Add a piece; return how many bytes the session now holds."""
        upload = await self.get(caller, repository, upload_id)
        with self._store.hold(upload_id, upload.size) as is_longer:
            if is_longer:
                upload = await self.get(caller, repository, upload_id)
            try:
                return (await self._receive(upload, piece, body)).size
            except MoorageError as error:
                if error.error is ErrorCode.BLOB_UPLOAD_UNKNOWN:
                    # It went while it was not held yet; or it only went on, in a store that didn't see that.
                    check_start(await self.get(caller, repository, upload_id), Piece(upload.size))
                raise

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
        upload = await self.get(caller, repository, upload_id)
        with self._store.hold(upload_id, upload.size) as is_longer:
            if is_longer:
                upload = await self.get(caller, repository, upload_id)
            limited_in = upload.repository_id if upload.allowance is not None else None
            await self._fit(upload, digest, piece)
            upload = await self._receive(replace(upload, allowance=None), piece, body, algorithm_of(digest))
            found = upload.digest
            if found is None or algorithm_of(found) is not algorithm_of(digest):
                found = await self._store.digest(upload.place, algorithm_of(digest), upload.size)
            try:
                check_digest(digest, found)
                stored = await self._store_as(upload, digest, limited_in)
            except MoorageError as error:
                if error.error in FINAL:
                    await self._discard(upload)
                raise
        if stored.leftover is not None:
            # What fails here goes with the blob.
            with suppress(MoorageError):
                await self._store.reclaim([stored.leftover])

    async def cancel(self, caller: Caller, repository: Repository, upload_id: str) -> None:
        """End a session and delete its bytes."""
        upload = await self.get(caller, repository, upload_id)
        with self._store.hold(upload_id):
            await self._discard(upload)

    async def _fit(self, upload: Upload, digest: Digest, piece: Piece) -> None:
        """Refuse what has no room before it is sent; a blob that the registry holds already has room."""
        size = upload.size + (piece.length or 0)
        if upload.allowance is None or size <= upload.allowance.left:
            return
        try:
            await self._uploads.claim(digest, size, upload.repository_id)
        except MoorageError as error:
            if error.error in FINAL:
                await self._discard(upload)
            raise

    async def _store_as(self, upload: Upload, digest: Digest, limited_in: int | None) -> Stored:
        """Move an upload's bytes to their address, and link them; `limited_in` is the repository if it has a quota."""
        await self._uploads.claim(digest, upload.size, limited_in)
        stored = await self._store.commit(upload.place, digest, upload.size)
        if not await self._uploads.finish(upload, digest, upload.size, stored.place):
            raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)
        if self._sound is not None and stored.mark is not None:
            self._sound.note(digest, stored.mark)
        return stored

    async def _receive(
        self, upload: Upload, piece: Piece, body: AsyncIterator[bytes], algorithm: Algorithm | None = None
    ) -> Upload:
        """Append a body and record it, also what came of one that broke off; return the upload as it is then."""
        check_start(upload, piece)
        if piece.length == 0:
            return upload
        if upload.allowance is not None:
            upload.allowance.check(upload.size + (piece.length or 0))
            body = _bounded(body, upload.allowance, upload.size)
        received = await self._store.append(upload.place, upload.size, body, algorithm or upload.algorithm)
        if received.broken is None:
            check_length(piece, received.length)
        after = upload
        if received.length:
            size = upload.size + received.length
            after = replace(upload, size=size, digest=received.digest, place=received.place)
            if not await self._uploads.advance(upload, size, received.digest, received.place):
                # The bytes are nobody's.
                await self._store.append(upload.place, upload.size, _nothing(), upload.algorithm)
                raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)
        if received.broken is not None:
            raise received.broken
        return after

    async def _discard(self, upload: Upload) -> None:
        """End a session: first the row, as another server may be about to finish it, then the bytes.

        A crash between the two leaves them to the next collection.
        """
        if await self._uploads.cancel(upload):
            await self._store.reclaim([upload.id])


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


async def _bounded(body: AsyncIterator[bytes], allowance: Allowance, size: int) -> AsyncIterator[bytes]:
    """Stream a body for as long as an upload of it would have room, so that no more than that is sent in vain."""
    async for some in body:
        size += len(some)
        allowance.check(size, is_all=False)
        yield some


def _check_age(caller: Caller, upload: Upload) -> None:
    """Refuse an expired token, but for an upload that was begun while it had not expired."""
    if caller.scope is None or caller.scope.expires_at >= time.time():
        return
    if not caller.scope.issued_at - 1 <= upload.started_at <= caller.scope.expires_at:
        raise MoorageError(ErrorCode.UNAUTHORIZED, "this token has expired; ask for a new one")
