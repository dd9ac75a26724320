"""A body becomes an object: one request where it fits into one part, else a multipart upload.

    body ──▶ gathered ──▶ hashed in a thread ──▶ part ──▶ on its way (two at most) ──▶ the store
                                    room is taken ┘              └ given back

Memory is what bounds it: a small body passes freely, a larger one waits for room before more of it is read, in line
with all others of this process. So many uploads at once take turns, and their clients wait, not the memory.
"""

import asyncio
import hashlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass

from moorage.blobstore.s3.bucket import Bucket
from moorage.blobstore.writer import gathered
from moorage.domain.digest import Algorithm, Digest
from moorage.domain.errors import ErrorCode, MoorageError

GATHERED = 256 * 1024
"""Bytes of a body that are worth a hop to a thread, and that need no room."""

PART = 8 * 1024 * 1024
PARTS_OF_A_SIZE = 2000
"""Parts double in size after so many, so that S3's 10,000 parts hold 480 GiB."""

MOST_PARTS = 10_000
UNDER_WAY = 2
"""Parts of one upload on their way at once, while another is being received."""


def part_size(number: int) -> int:
    """Return the size in bytes of a part, counted from 1."""
    return PART << ((number - 1) // PARTS_OF_A_SIZE)


class Room:
    """Bytes of memory that the uploads of a process share; who asks first gets them first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> int:
        """Wait for so many bytes and return them, or all there are where that is less."""
        size = min(size, self._size)
        turn = asyncio.get_running_loop().create_future()
        self._line.append((size, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            raise
        return size

    def give(self, size: int) -> None:
        """Give bytes back."""
        self._free += size
        self._serve()

    def _serve(self) -> None:
        while self._line:
            size, turn = self._line[0]
            if not turn.cancelled():
                if size > self._free:
                    return
                self._free -= size
                turn.set_result(None)
            self._line.popleft()


@dataclass(slots=True)
class Part:
    """What is being gathered, in `room` bytes of memory."""

    buffers: list[bytes | memoryview]
    size: int = 0
    room: int = 0


class ObjectWriter:
    """Writes one body to one object of an upload; `name` is the object's, `length` its bytes, `digest` theirs."""

    def __init__(self, bucket: Bucket, folder: str, algorithm: Algorithm, room: Room, threads: Executor) -> None:
        self.name = secrets.token_urlsafe(9)
        self.length = 0
        self._bucket = bucket
        self._key = folder + self.name
        self._algorithm = algorithm
        self._hasher = hashlib.new(algorithm)
        self._room = room
        self._threads = threads
        self._part = Part([])
        self._multipart: str | None = None
        self._sending: list[asyncio.Task[str]] = []

    @property
    def digest(self) -> Digest:
        """The digest of all that was written."""
        return Digest(f"{self._algorithm}:{self._hasher.hexdigest()}")

    async def write(self, body: AsyncIterator[bytes]) -> MoorageError | None:
        """Write a body, durably, and return the error it broke off with, if it did.

        What fails leaves nothing, as far as the store can be reached; the rest goes with the upload.
        """
        broken: MoorageError | None = None
        try:
            async for batch in gathered(body, GATHERED):
                await self._add(batch.buffers)
                broken = batch.broken
            await self._end()
        except BaseException:
            await self._give_up()
            raise
        return broken

    async def put_nothing(self) -> None:
        """Write an object without bytes."""
        await self._bucket.put(self._key, [])

    async def _add(self, buffers: Sequence[bytes]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._hash, buffers)
        for buffer in buffers:
            left = memoryview(buffer)
            while left:
                space = part_size(len(self._sending) + 1) - self._part.size
                self._part.buffers.append(left[:space])
                self._part.size += len(left[:space])
                left = left[space:]
                if self._part.size == part_size(len(self._sending) + 1):
                    await self._send()
        if self._part.size > GATHERED and not self._part.room:
            self._part.room = await self._room.take(part_size(len(self._sending) + 1))
        self.length += sum(map(len, buffers))

    def _hash(self, buffers: Sequence[bytes]) -> None:
        for buffer in buffers:
            self._hasher.update(buffer)

    async def _send(self) -> None:
        """Send what was gathered as a part, when there are few enough on their way."""
        if len(self._sending) == MOST_PARTS:
            raise MoorageError(ErrorCode.TOO_LARGE, "the store takes no blob that large")
        if self._multipart is None:
            self._multipart = await self._bucket.begin(self._key)
        while len(under_way := [task for task in self._sending if not task.done()]) >= UNDER_WAY:
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        for task in self._sending[-UNDER_WAY:]:
            if task.done():
                task.result()
        part, self._part = self._part, Part([])
        sending = asyncio.create_task(self._put_part(self._multipart, len(self._sending) + 1, part))
        sending.add_done_callback(lambda _: self._room.give(part.room))
        self._sending.append(sending)

    async def _put_part(self, multipart: str, number: int, part: Part) -> str:
        try:
            return await self._bucket.put_part(self._key, multipart, number, part.buffers)
        finally:
            part.buffers.clear()

    async def _end(self) -> None:
        if self._multipart is None:
            if self.length:
                await self._bucket.put(self._key, self._part.buffers)
            self._forget_part()
            return
        if self._part.size:
            await self._send()
        marks = await asyncio.gather(*self._sending)
        await self._bucket.complete(self._key, self._multipart, marks, self.length)

    def _forget_part(self) -> None:
        part, self._part = self._part, Part([])
        self._room.give(part.room)

    async def _give_up(self) -> None:
        """End what is under way, and take back what was sent."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._forget_part()
        if self._multipart is not None:
            with suppress(MoorageError):
                await self._bucket.abort(self._key, self._multipart)
