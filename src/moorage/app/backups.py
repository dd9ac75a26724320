"""Backups put together: of what the settings name, to and from a shelf."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from moorage.app.databases import bulk_of, hold_for_backup, hold_for_move, open_database
from moorage.app.locks import SERVER_LOCK, sole
from moorage.app.shelves import open_shelf
from moorage.app.stores import open_store
from moorage.blobstore.files import make_folder, sync_folder, write_file
from moorage.domain.backup import BackupManifest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.backup import JsonRows, SQLiteScratch
from moorage.metastore.moving import MovedSource, OtherDatabase
from moorage.services.backup import ShelfDestination, ShelvedBlobs
from moorage.services.backup_shelf import Pruned, ShelfService, manifest_of, unpack
from moorage.services.move import MoveService, Report
from moorage.services.move_blobs import Progress, Stores
from moorage.settings import Settings

TLS = "tls"
DIRECTORIES = "directories.toml"
SCRATCH = "restoring.db"

FULL = "the disk of the backup is full; make room and run it again: earlier backups are whole"
FULL_HERE = "the disk that is restored to is full; make room and run it again: it goes on where it was"
USED = (
    "the database that is restored to is in use: a server has used it, or something else has written to it. "
    "Name an empty data folder, or an empty database; or, if nothing in it is needed, delete it first"
)


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made, and what went for it."""

    manifest: BackupManifest
    report: Report
    pruned: Pruned


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of a restoration; `kept` are files that were there already and stay as they are."""

    manifest: BackupManifest
    report: Report
    kept: tuple[str, ...]


async def make_backup(
    settings: Settings, place: Settings, progress: Progress, *, keep: int | None, reads_again: bool
) -> Made:
    """Back up what the settings name, and then remove all but the newest `keep` backups, unless anything was damaged.

    Raises a MoorageError or an OSError with a line for the person who asks.
    """
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(open_database(settings))
        await opened.enter_async_context(hold_for_backup(settings))
        shelf = await opened.enter_async_context(open_shelf(place, to_write=True))
        store = await opened.enter_async_context(open_store(settings))
        destination = ShelfDestination(shelf, JsonRows(), _files(settings.data))
        source = MovedSource(bulk_of(settings), _never)
        stores = Stores(store, ShelvedBlobs(shelf))
        with _told_where_it_is_full(FULL):
            report = await MoveService(source, destination, stores, progress, reads_again=reads_again).move()
        assert destination.manifest is not None  # noqa: S101  it returns when it is made
        pruned = Pruned()
        if keep is not None and not (report.damaged or report.damaged_images):
            pruned = await ShelfService(shelf, progress).prune(keep)
        return Made(destination.manifest, report, pruned)


@asynccontextmanager
async def open_backups(place: Settings, progress: Progress) -> AsyncIterator[ShelfService]:
    """Open backups for reading."""
    async with open_shelf(place) as shelf:
        yield ShelfService(shelf, progress)


async def restore(
    place: Settings, settings: Settings, progress: Progress, *, name: str | None, takes_damaged: bool
) -> Restored:
    """Restore a backup, None for the newest, into the empty place that the settings name.

    Raises a MoorageError or an OSError with a line for the person who asks; IN_USE where the place is not empty.
    """
    async with AsyncExitStack() as opened:
        shelf = await opened.enter_async_context(open_shelf(place))
        manifest = await manifest_of(shelf, name)
        make_folder(settings.data)
        if settings.database_file is not None:
            make_folder(settings.database_file.parent)
        if not opened.enter_context(sole(settings.data / SERVER_LOCK)):
            raise MoorageError(ErrorCode.IN_USE, f"a server runs on {settings.data}; restore to an empty data folder")
        there = await opened.enter_async_context(open_database(settings))
        await opened.enter_async_context(hold_for_move(settings))
        destination = OtherDatabase(there.database, bulk_of(settings), has_other_store=True, used=USED)
        await destination.check()
        scratch = SQLiteScratch(settings.data / SCRATCH)
        opened.callback(scratch.remove)
        opened.enter_context(_told_where_it_is_full(FULL_HERE))
        files = await unpack(shelf, manifest, scratch)
        store = await opened.enter_async_context(open_store(settings))
        source = MovedSource(scratch.bulk, _always)
        stores = Stores(ShelvedBlobs(shelf), store)
        service = MoveService(source, destination, stores, progress, takes_damaged=takes_damaged)
        report = await service.move()
        kept = _put_back(settings.data, files) if report.has_rows else ()
        return Restored(manifest, report, kept)


async def _never() -> bool:
    return False


async def _always() -> bool:
    return True


@contextmanager
def _told_where_it_is_full(message: str) -> Iterator[None]:
    """Say which of the disks it is."""
    try:
        yield
    except MoorageError as error:
        if error.error is ErrorCode.DISK_FULL:
            raise MoorageError(ErrorCode.DISK_FULL, message) from error
        raise


def _files(data: Path) -> Mapping[str, bytes]:
    """Read what a data folder has besides the database and blobs."""
    found = sorted((data / TLS).glob("*")) if (data / TLS).is_dir() else []
    paths = [path for path in (*found, data / DIRECTORIES) if path.is_file()]
    return {str(path.relative_to(data)): path.read_bytes() for path in paths}


def _put_back(data: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Write files that are not there, durably, and return those that were there with another content."""
    kept = []
    for name, content in files.items():
        path = data / name
        if not path.resolve().is_relative_to(data.resolve()):
            raise MoorageError(ErrorCode.VALUE_INVALID, f"the backup has a file outside of the data folder: {name}")
        if path.exists():
            kept += [] if path.read_bytes() == content else [name]
            continue
        make_folder(path.parent)
        begun = path.with_name(f".{path.name}")
        write_file(begun, content)
        begun.rename(path)
        sync_folder(str(path.parent))
    return tuple(kept)
