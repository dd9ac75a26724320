"""The blob store in a folder, by plain os calls in threads."""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from errno import EDQUOT, ENOSPC
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from moorage.blobstore import DISCARDED, UPLOADS, blob_key, discarded_key, is_upload, upload_key
from moorage.blobstore.files import is_at, make_folder, remove, remove_all, size_of, stat_of, sync_folder
from moorage.blobstore.measuring import (
    check_unchanged,
    everything_in,
    folders_in,
    mark_of,
    mark_of_stat,
    opened_to_measure,
    places_of,
)
from moorage.blobstore.writer import Writer, gathered
from moorage.domain.damage import Measured
from moorage.domain.digest import Algorithm, Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.leftover_ports import Lying
from moorage.services.store_port import Located, Received, Seen, Stored
from moorage.services.verify_ports import Spend

P = ParamSpec("P")
T = TypeVar("T")

READ_PIECE = 256 * 1024

HASH_PIECE = 1024 * 1024
HASH_PART = 16 * HASH_PIECE
"""Bytes read again in one hop, so that a large upload does not keep a thread from all others."""


def _has_room() -> bool:
    return True


class FileBlobStore:
    """See `BlobStore`. `threads` do the hashing, writing and reading of all requests.

    Others, one for each processor, measure: nobody's request waits in line behind what is read whole.
    Where `makes_folders` is false it is for reading alone: what it reads may be where nobody can write. `has_room` is
    asked before anything is taken in.
    """

    def __init__(
        self, root: Path, threads: int = 8, *, makes_folders: bool = True, has_room: Callable[[], bool] = _has_room
    ) -> None:
        self._root = str(root)
        self._has_room = has_room
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="blobs")
        self._measuring = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="measuring")
        self._durable_shards: set[str] = set()
        for folder in (UPLOADS, DISCARDED, *Algorithm) if makes_folders else ():
            make_folder(root / folder)

    def close(self) -> None:
        """End the threads; what they have begun is finished first."""
        self._threads.shutdown()
        self._measuring.shutdown()

    @contextmanager
    def hold(self, upload_id: str, size: int = 0) -> Iterator[bool]:
        """See `BlobStore`; the lock is the file's own, so it also holds against other processes."""
        path = self._at(upload_key(upload_id))
        with errors_mapped():
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(handle, path)
            try:
                yield os.fstat(handle).st_size > size
            finally:
                if os.fstat(handle).st_size == 0 and is_at(handle, path):
                    remove(path)
        finally:
            os.close(handle)

    async def append(self, place: str, offset: int, body: AsyncIterator[bytes], algorithm: Algorithm) -> Received:
        """See `BlobStore`; a thread hashes and writes a batch while the next one is being received."""
        if not self._has_room():
            raise MoorageError(ErrorCode.DISK_FULL)
        writer = Writer(self._at(upload_key(place)), offset, algorithm)
        writing: asyncio.Future[None] | None = None
        broken: MoorageError | None = None
        try:
            async for batch in gathered(body):
                if writing is not None:
                    await _ended(writing)
                writing = self._begin(writer.write, batch)
                broken = batch.broken
            if writing is not None:
                await _ended(writing)
        except BaseException:
            if writing is not None:
                await _settled(writing)
            await self._run(writer.give_up)
            raise
        return Received(writer.length, writer.digest, place, broken)

    async def digest(self, place: str, algorithm: Algorithm, size: int) -> Digest:
        """See `BlobStore`."""
        path = self._at(upload_key(place))
        hasher = hashlib.new(algorithm)
        for offset in range(0, size, HASH_PART):
            await self._run(_hash_part, path, hasher.update, offset, min(size - offset, HASH_PART))
        return Digest(f"{algorithm}:{hasher.hexdigest()}")

    async def commit(self, place: str, digest: Digest, size: int) -> Stored:
        """See `BlobStore`; the bytes are moved to their content address."""
        mark = await self._run(self._move, self._at(upload_key(place)), self._at(blob_key(digest)), size)
        return Stored(None, mark=mark)

    async def locate(self, place: str, size: int) -> Located | None:
        """See `BlobStore`."""
        path = self._at(blob_key(place))
        with errors_mapped():
            found = stat_of(path)
        if found is None or found.st_size != size:
            raise MoorageError(ErrorCode.BLOB_UNKNOWN, f"the bytes of {place} are damaged here; push them again")
        return Located(path, mark_of_stat(found))

    async def ensure(self, place: str, size: int) -> None:
        """See `BlobStore`."""
        await self.locate(place, size)

    def read(self, place: str, offset: int, length: int, seen: Seen | None = None) -> AsyncIterator[bytes]:
        """See `BlobStore`."""
        return self._read(self._at(blob_key(place)), place, offset, length, seen)

    async def _read(
        self, path: str, place: str, offset: int, length: int, seen: Seen | None = None
    ) -> AsyncIterator[bytes]:
        with errors_mapped():
            handle = _open_blob(path)
        try:
            before = os.fstat(handle)
            if seen is not None:
                seen(mark_of_stat(before))
            while length > 0:
                piece = await self._run(os.pread, handle, min(length, READ_PIECE), offset)
                if not piece:
                    raise MoorageError(ErrorCode.UNAVAILABLE, f"the bytes of {place} end early here; push them again")
                offset += len(piece)
                length -= len(piece)
                if not length and seen is not None:
                    check_unchanged(before, os.fstat(handle))
                yield piece
        finally:
            os.close(handle)

    async def measure(self, place: str, algorithm: Algorithm, spend: Spend) -> Measured | None:
        """See `Measuring`."""
        path = self._path_of(place)
        opened = await self._measure(opened_to_measure, path, self._root, algorithm)
        if opened is None:
            return None
        with opened:
            while (count := await self._measure(opened.read_part)) > 0:
                await spend(count)
            return opened.measured()

    def is_same(self, place: str, found: Measured | None) -> bool:
        """See `Measuring`."""
        with errors_mapped():
            return mark_of(self._path_of(place)) == (found.mark if found else None)

    def pieces(self, place: str, size: int) -> AsyncIterator[bytes]:
        """See `Measuring`."""
        return self._read(self._path_of(place), place, 0, size)

    async def has(self, place: str) -> bool:
        """See `Measuring`."""
        return await self._run(size_of, self._path_of(place)) is not None

    async def leftovers(self, sizes: Collection[int]) -> tuple[str, ...]:
        """See `Measuring`."""
        return await self._run(places_of, self._root, frozenset(sizes))

    async def everything(self, before: float) -> AsyncIterator[tuple[Lying, ...]]:
        """See `Inventory`; what was discarded goes with the next collection anyway."""
        for folder, algorithm in await self._measure(folders_in, self._root):
            yield await self._measure(everything_in, folder, algorithm, before)

    def discard(self, digests: Sequence[Digest]) -> Callable[[], None]:
        """See `BlobStore`."""
        moves = [(self._at(blob_key(digest)), self._at(discarded_key(digest))) for digest in digests]
        _rename_all(moves)
        # Who has pushed one again meanwhile has the same bytes there.
        return partial(_rename_all, [(discarded, blob) for blob, discarded in moves])

    async def reclaim(self, places: Sequence[str] = ()) -> tuple[str, ...]:
        """See `BlobStore`; uploads alone have places here."""
        ours = tuple(filter(is_upload, places))
        for place in ours:
            await self._run(remove, self._at(upload_key(place)))
        await self._run(remove_all, self._at(DISCARDED))
        return ours

    def _path_of(self, place: str) -> str:
        return self._at(upload_key(place) if is_upload(place) else blob_key(place))

    def _at(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _move(self, source: str, target: str, size: int) -> str | None:
        """Rename, durably: an append has synced the bytes, so what is left are the folders' entries.

        Return the mark of what was moved, None where it had been moved already.
        """
        shard = os.path.dirname(target)
        self._make_shard(shard)
        mark = None
        if (size_of(source) or 0) >= size:
            _cut(source, size)
            os.rename(source, target)
            mark = mark_of(target)
        elif size_of(target) != size:
            raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)
        sync_folder(shard)
        return mark

    def _make_shard(self, shard: str) -> None:
        """Make a folder of blobs and its name durable: once a process, another's may have stopped in between."""
        if shard not in self._durable_shards:
            with suppress(FileExistsError):
                os.mkdir(shard, 0o700)
            sync_folder(os.path.dirname(shard))
            self._durable_shards.add(shard)

    def _begin(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
        return _begun_in(self._threads, partial(work, *args, **kwargs))

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await _ended(self._begin(work, *args, **kwargs))

    async def _measure(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await _ended(_begun_in(self._measuring, partial(work, *args, **kwargs)))


def _begun_in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> "asyncio.Future[T]":
    def mapped() -> T:
        with errors_mapped():
            return work()

    return asyncio.get_running_loop().run_in_executor(threads, mapped)


async def _ended(work: "asyncio.Future[T]") -> T:
    """Return what a thread's work returns; who is cancelled waits for its end too, as it uses what is held or open."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await _settled(work)
        raise


async def _settled(work: "asyncio.Future[T]") -> None:
    while not work.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([work])
    work.exception()


def _rename_all(moves: Sequence[tuple[str, str]]) -> None:
    for source, target in moves:
        with errors_mapped(), suppress(FileNotFoundError):
            os.rename(source, target)


@contextmanager
def errors_mapped() -> Iterator[None]:
    """Tell the client whether to try again; nothing is ever retried here into a success."""
    try:
        yield
    except OSError as error:
        if error.errno in {ENOSPC, EDQUOT}:
            raise MoorageError(ErrorCode.DISK_FULL) from error
        raise MoorageError(ErrorCode.UNAVAILABLE, f"the disk does not answer: {error.strerror}") from error


def _lock(handle: int, path: str) -> None:
    """Lock an upload's file, or raise UPLOAD_BUSY; also when its last holder has just moved or removed it."""
    with errors_mapped():
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MoorageError(ErrorCode.UPLOAD_BUSY) from None
        if not is_at(handle, path):
            raise MoorageError(ErrorCode.UPLOAD_BUSY)


def _hash_part(path: str, update: Callable[[memoryview], None], offset: int, length: int) -> None:
    buffer = memoryview(bytearray(min(length, HASH_PIECE)))
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(offset)
            while count := file.readinto(buffer[: min(length, len(buffer))]):
                update(buffer[:count])
                length -= count
    except FileNotFoundError:
        raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN) from None
    if length:
        raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)


def _cut(path: str, size: int) -> None:
    """Cut off what a request that came to nothing left behind an upload's bytes."""
    if size_of(path) == size:
        return
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(handle, size)
        os.fsync(handle)
    finally:
        os.close(handle)


def _open_blob(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise MoorageError(ErrorCode.BLOB_UNKNOWN) from None
