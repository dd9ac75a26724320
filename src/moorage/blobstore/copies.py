"""Copies of blobs in a folder that is not the store's: another data folder, its blobs, or a backup of either."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from moorage.blobstore import blob_key
from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError

PIECE = 1024 * 1024
UNDER = ("", "blobs")
"""Where blobs lie in it, at the addresses that are their digests."""


class FolderCopies:
    """The port `Copies` over a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def blob(self, digest: Digest, repositories: Sequence[str]) -> AsyncIterator[bytes]:
        """See `Copies`; whose blob it is doesn't matter."""
        del repositories
        handle = await asyncio.to_thread(self._open, digest)
        try:
            while piece := await asyncio.to_thread(os.read, handle, PIECE):
                yield piece
        except OSError as error:
            raise MoorageError(ErrorCode.UNAVAILABLE, f"{self._root} can't be read: {error.strerror}") from error
        finally:
            os.close(handle)

    async def manifest(self, digest: Digest, repository: str) -> bytes | None:
        """See `Copies`; manifests are in a database, but some keep them as files beside the blobs."""
        del repository
        try:
            return b"".join([piece async for piece in self.blob(digest, ())])
        except MoorageError:
            return None

    def _open(self, digest: Digest) -> int:
        for folder in UNDER:
            for name in (blob_key(digest), digest.replace(":", "/", 1)):
                try:
                    return os.open(self._root / folder / name, os.O_RDONLY | os.O_CLOEXEC)
                except OSError:
                    continue
        raise MoorageError(ErrorCode.BLOB_UNKNOWN)
