"""Writing a body as it comes: gathered into pieces worth a hop to a thread, hashed and written there, then synced."""

import hashlib
import math
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from moorage.domain.digest import Algorithm, Digest
from moorage.domain.errors import ErrorCode, MoorageError

PIECE = 1024 * 1024
"""Bytes that are worth a hop to a thread; an upload has two such pieces in memory at most."""

WRITE_BACK = 8 * PIECE
"""Bytes after which the disk is set to work: what the sync at the end waits for is then not the whole body."""

MOST_BUFFERS = 512
"""Buffers in one call: the kernel takes 1024."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Buffers of a body; the last ones come with the error the body broke off with, if it did."""

    buffers: Sequence[bytes]
    is_last: bool = False
    broken: MoorageError | None = None


async def gathered(body: AsyncIterator[bytes], piece: int = PIECE, seconds: float = math.inf) -> AsyncIterator[Batch]:
    """Yield a body in batches of `piece` bytes or more; the last may be smaller, or empty.

    So may one that was `seconds` in coming, counted from what came before it.
    """
    buffers: list[bytes] = []
    size = 0
    broken: MoorageError | None = None
    since = time.monotonic()
    try:
        async for buffer in body:
            buffers.append(buffer)
            size += len(buffer)
            if size >= piece or len(buffers) >= MOST_BUFFERS or time.monotonic() - since > seconds:
                yield Batch(buffers)
                buffers, size, since = [], 0, time.monotonic()
    except MoorageError as error:
        broken = error
    yield Batch(buffers, is_last=True, broken=broken)


class Writer:
    """Writes an upload's file from an offset. Its methods run in a thread, one at a time.

    `length` is how many bytes were written, `digest` theirs if the offset is 0.
    """

    def __init__(self, path: str, offset: int, algorithm: Algorithm) -> None:
        self._path = path
        self._offset = offset
        self._algorithm = algorithm
        self._hasher = hashlib.new(algorithm) if offset == 0 else None
        self._handle: int | None = None
        self._behind = 0
        self.length = 0

    @property
    def digest(self) -> Digest | None:
        """The digest of what was written, if that is the whole upload."""
        return Digest(f"{self._algorithm}:{self._hasher.hexdigest()}") if self._hasher else None

    def write(self, batch: Batch) -> None:
        """Hash and write a batch; the first cuts off what lies behind the offset, the last makes all of it durable.

        Raises BLOB_UPLOAD_UNKNOWN when the file ends before the offset. The file's name is not synced: where a file
        system does not do that with a new file, a power cut can cost the upload, which the client then begins again.
        """
        handle = self._open()
        if self._hasher is not None:
            for buffer in batch.buffers:
                self._hasher.update(buffer)
        left = [buffer for buffer in batch.buffers if buffer]
        while left:
            written = os.pwritev(handle, left, self._offset + self.length)
            self.length += written
            left = _after(left, written)
        if batch.is_last:
            os.fsync(handle)
            self._close()
        elif self.length - self._behind >= WRITE_BACK:
            self._start_write_back(handle)

    def give_up(self) -> None:
        """Take back what was written: it will not count, and the disk may be full."""
        if self._handle is not None:
            with suppress(OSError):
                os.ftruncate(self._handle, min(self._offset, os.fstat(self._handle).st_size))
            self._close()

    def _open(self) -> int:
        if self._handle is None:
            self._handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if os.fstat(self._handle).st_size < self._offset:
                raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)
            os.ftruncate(self._handle, self._offset)
        return self._handle

    def _start_write_back(self, handle: int) -> None:
        """Let Linux begin to write what it keeps in memory; none of it is dropped, as it is not on the disk yet."""
        if sys.platform == "linux":
            os.posix_fadvise(handle, self._offset + self._behind, self.length - self._behind, os.POSIX_FADV_DONTNEED)
        self._behind = self.length

    def _close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _after(buffers: list[bytes], written: int) -> list[bytes]:
    """Return what is left of buffers after the first `written` bytes: a full disk may take less than all."""
    for place, buffer in enumerate(buffers):
        if written < len(buffer):
            return [buffer[written:], *buffers[place + 1 :]]
        written -= len(buffer)
    return []
