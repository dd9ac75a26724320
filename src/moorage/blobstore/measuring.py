"""Files read whole, to compare what is there with what should be; all of this runs in threads."""

import hashlib
import os
from collections.abc import Iterator
from errno import EIO
from types import TracebackType
from typing import Self

from moorage.blobstore import UPLOADS, is_upload
from moorage.domain.damage import Measured
from moorage.domain.digest import DIGEST, Algorithm, Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.leftover_ports import Lying

PIECE = 1024 * 1024
"""Bytes read and hashed in one go, about a millisecond: requests wait no longer for the processor before a rest."""


class MeasuredFile:
    """A file that is being read to its end."""

    def __init__(self, path: str, algorithm: Algorithm) -> None:
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._algorithm = algorithm
        self._hasher = hashlib.new(algorithm)
        self._mark = mark_of_stat(os.fstat(self._handle))
        self._buffer = memoryview(bytearray(PIECE))
        self._size = 0
        self._is_readable = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def read_part(self) -> int:
        """Read on, and return how many bytes came; 0 at the end, and where the disk has lost them."""
        try:
            count = os.readv(self._handle, [self._buffer])
        except OSError as error:
            if error.errno != EIO:
                raise
            self._is_readable = False
            return 0
        self._hasher.update(self._buffer[:count])
        self._size += count
        return count

    def measured(self) -> Measured:
        """Return what was read."""
        digest = Digest(f"{self._algorithm}:{self._hasher.hexdigest()}") if self._is_readable else None
        return Measured(self._size, digest, self._mark)


def opened_to_measure(path: str, root: str, algorithm: Algorithm) -> MeasuredFile | None:
    """Open a file; None where there is none, UNAVAILABLE where the store's own folders are gone."""
    try:
        return MeasuredFile(path, algorithm)
    except FileNotFoundError:
        for folder in (UPLOADS, *Algorithm):
            if not os.path.isdir(f"{root}/{folder}"):
                message = f"the folder {root}/{folder} is gone; is the disk with the blobs mounted?"
                raise MoorageError(ErrorCode.UNAVAILABLE, message) from None
        return None


def mark_of(path: str) -> str | None:
    """Return what the bytes in a file are known by; None where there is none."""
    try:
        return mark_of_stat(os.stat(path))
    except FileNotFoundError:
        return None


def check_unchanged(before: os.stat_result, after: os.stat_result) -> None:
    """Raise UNAVAILABLE where a file was written to; to lose its name, as one that is collected, is no change."""
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise MoorageError(ErrorCode.UNAVAILABLE, "the bytes of this blob were changed while they were read")


def everything_in(folder: str, algorithm: Algorithm | None, before: float) -> tuple[Lying, ...]:
    """Return the uploads in a folder, or the blobs of an algorithm, that were last written before a moment."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                stat = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if max(stat.st_mtime, stat.st_ctime) >= before:
                continue
            digest = f"{algorithm}:{entry.name}"
            if algorithm is None and is_upload(entry.name):
                found.append(Lying(entry.name, stat.st_size, entry.name, entry.name))
            elif algorithm is not None and DIGEST.fullmatch(digest):
                found.append(Lying(digest, stat.st_size))
    return tuple(found)


def folders_in(root: str) -> list[tuple[str, Algorithm | None]]:
    """Return the folders that bytes lie in: of uploads, and of blobs with their algorithms."""
    found: list[tuple[str, Algorithm | None]] = [(f"{root}/{UPLOADS}", None)]
    for algorithm in Algorithm:
        with os.scandir(f"{root}/{algorithm}") as shards:
            found += [(shard.path, algorithm) for shard in shards if shard.is_dir(follow_symlinks=False)]
    return found


def places_of(root: str, sizes: frozenset[int]) -> tuple[str, ...]:
    """Return the places of all files of certain sizes: uploads, then what lies at content addresses."""
    uploads = (name for name in _named(f"{root}/{UPLOADS}", sizes) if is_upload(name))
    return (*uploads, *_addresses(root, sizes))


def _addresses(root: str, sizes: frozenset[int]) -> Iterator[str]:
    for algorithm in Algorithm:
        with os.scandir(f"{root}/{algorithm}") as shards:
            folders = [shard.path for shard in shards if shard.is_dir()]
        names = (f"{algorithm}:{name}" for folder in sorted(folders) for name in _named(folder, sizes))
        yield from (name for name in names if DIGEST.fullmatch(name))


def _named(folder: str, sizes: frozenset[int]) -> list[str]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.stat().st_size in sizes:
                    found.append(entry.name)
            except FileNotFoundError:
                continue
    return sorted(found)


def mark_of_stat(stat: os.stat_result) -> str:
    """Return what the bytes in a file are known by."""
    return f"{stat.st_dev}.{stat.st_ino}.{stat.st_size}.{stat.st_mtime_ns}.{stat.st_ctime_ns}"
