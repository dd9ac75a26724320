"""A folder of backups.

content/…              as the blob store has it, without anything that is discarded
backups/NAME.json      a manifest; `.NAME.json` is one that is being written
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from moorage.blobstore import UPLOADS, blob_key
from moorage.blobstore.files import make_folder, remove, remove_all, size_of, sync_folder, write_file
from moorage.blobstore.filesystem import FileBlobStore, errors_mapped
from moorage.domain.backup import NAME
from moorage.domain.digest import Algorithm, Digest, algorithm_of
from moorage.domain.errors import ErrorCode, MoorageError

CONTENT = "content"
MANIFESTS = "backups"
SUFFIX = ".json"


class FolderShelf:
    """See `Shelf`; with `is_read` it is for reading alone."""

    def __init__(self, root: Path, *, is_read: bool = False) -> None:
        self._content = str(root / CONTENT)
        self._manifests = root / MANIFESTS
        if not is_read:
            # First: it tells a place of backups from any other folder.
            make_folder(self._manifests)
        self._files = FileBlobStore(root / CONTENT, makes_folders=not is_read)

    def close(self) -> None:
        """End the threads."""
        self._files.close()

    def tidy(self) -> None:
        """Remove what a run that was killed has left; nobody else may write meanwhile."""
        with errors_mapped():
            remove_all(f"{self._content}/{UPLOADS}")
            for begun in self._manifests.glob(".*"):
                remove(str(begun))

    async def put(self, digest: Digest, body: AsyncIterator[bytes]) -> int:
        """See `Shelf`."""
        upload_id = secrets.token_urlsafe(18)
        received = await self._files.append(upload_id, 0, body, algorithm_of(digest))
        if received.broken is not None or received.digest != digest:
            await self._files.reclaim([upload_id])
            raise received.broken or MoorageError(ErrorCode.DIGEST_INVALID)
        await self._files.commit(upload_id, digest, received.length)
        return received.length

    async def size(self, digest: Digest) -> int | None:
        """See `Shelf`."""
        with errors_mapped():
            return size_of(self._at(digest))

    def read(self, digest: Digest, size: int) -> AsyncIterator[bytes]:
        """See `Shelf`."""
        return self._files.read(digest, 0, size)

    async def digests(self) -> AsyncIterator[Sequence[Digest]]:
        """See `Shelf`; a folder at a time."""
        folders = self._folders()
        while (found := await asyncio.to_thread(next, folders, None)) is not None:
            yield found

    async def remove(self, digests: Sequence[Digest]) -> None:
        """See `Shelf`; a removal that a crash undoes is done again by the next pruning."""
        with errors_mapped():
            for digest in digests:
                await asyncio.to_thread(remove, self._at(digest))

    async def names(self) -> tuple[str, ...]:
        """See `Shelf`."""
        with errors_mapped(), suppress(FileNotFoundError):
            found = (name.removesuffix(SUFFIX) for name in os.listdir(self._manifests) if name.endswith(SUFFIX))
            return tuple(sorted(name for name in found if NAME.fullmatch(name)))
        return ()

    async def load(self, name: str) -> bytes:
        """See `Shelf`."""
        with errors_mapped():
            try:
                return await asyncio.to_thread((self._manifests / f"{name}{SUFFIX}").read_bytes)
            except FileNotFoundError:
                raise MoorageError(ErrorCode.NOT_FOUND, f"there is no backup {name} here") from None

    async def save(self, name: str, content: bytes) -> None:
        """See `Shelf`."""
        await asyncio.to_thread(self._save, name, content)

    async def drop(self, name: str) -> None:
        """See `Shelf`."""
        with errors_mapped():
            remove(str(self._manifests / f"{name}{SUFFIX}"))
            sync_folder(str(self._manifests))

    def _at(self, digest: Digest) -> str:
        return f"{self._content}/{blob_key(digest)}"

    def _save(self, name: str, content: bytes) -> None:
        begun = self._manifests / f".{name}{SUFFIX}"
        with errors_mapped():
            write_file(begun, content)
            os.rename(begun, self._manifests / f"{name}{SUFFIX}")
            sync_folder(str(self._manifests))

    def _folders(self) -> Iterator[Sequence[Digest]]:
        for algorithm in Algorithm:
            for folder in sorted(Path(self._content, algorithm).glob("??")):
                yield [Digest(f"{algorithm}:{name}") for name in os.listdir(folder)]
