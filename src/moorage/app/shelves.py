"""Where backups are kept, opened and closed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from moorage.app.locks import sole
from moorage.app.stores import UPLOAD_MEMORY, bucket_at, check_bucket
from moorage.blobstore.files import make_folder
from moorage.blobstore.folder_shelf import MANIFESTS, FolderShelf
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.backup_ports import Shelf
from moorage.settings import Settings
from moorage.settings.storage import BucketAddress

LOCK = "lock"


@asynccontextmanager
async def open_shelf(place: Settings, *, to_write: bool = False) -> AsyncIterator[Shelf]:
    """Open what `storage_url` names; with `to_write` it is made if missing, and others are kept off it.

    Raises IN_USE where a backup is being made or other things lie, NOT_FOUND where there is no folder to read,
    UNAVAILABLE where a bucket can't be used, and OSError.
    """
    blobs = place.blobs
    if isinstance(blobs, BucketAddress):
        opened = _bucket(place, blobs, to_write=to_write)
    else:
        opened = _written(blobs) if to_write else _read(blobs)
    async with opened as shelf:
        yield shelf


@asynccontextmanager
async def _read(folder: Path) -> AsyncIterator[Shelf]:
    _check_there(folder)
    shelf = FolderShelf(folder, is_read=True)
    try:
        yield shelf
    finally:
        shelf.close()


@asynccontextmanager
async def _written(folder: Path) -> AsyncIterator[Shelf]:
    make_folder(folder)
    _check_ours(folder)
    with sole(folder / LOCK) as is_ours:
        if not is_ours:
            raise MoorageError(ErrorCode.IN_USE, f"another backup is being made in {folder}; wait for it, or end it")
        shelf = FolderShelf(folder)
        try:
            shelf.tidy()
            yield shelf
        finally:
            shelf.close()


@asynccontextmanager
async def _bucket(place: Settings, address: BucketAddress, *, to_write: bool) -> AsyncIterator[Shelf]:
    # Imported here: most servers and commands ask no bucket.
    from moorage.blobstore.s3.shelf import BucketShelf  # noqa: PLC0415

    bucket = bucket_at(place, address, place.s3_endpoint)
    shelf = BucketShelf(bucket, UPLOAD_MEMORY)
    try:
        await check_bucket(bucket, address)
        if to_write:
            await shelf.tidy()
        yield shelf
    finally:
        await shelf.close()


def _check_there(folder: Path) -> None:
    if not folder.is_dir():
        raise MoorageError(ErrorCode.NOT_FOUND, f"there is no folder {folder}")


def _check_ours(folder: Path) -> None:
    """Raise IN_USE where other things lie: it may be a data folder, and what a pruning does not know, it removes."""
    if not (folder / MANIFESTS).is_dir() and {path.name for path in folder.iterdir()} - {LOCK}:
        message = f"{folder} is not empty, and no place of backups: name an empty folder, or one that has backups"
        raise MoorageError(ErrorCode.IN_USE, message)
