"""A body becomes an object: one request where it fits into one part, else a multipart upload.

    body ──▶ gathered ──▶ hashed in a thread ──▶ part ──▶ on its way (two at most) ──▶ the store
                                    room is taken ┘              └ given back

Memory is what bounds it: a small body passes freely, a larger one waits for room before more of it is read, in line
with all others of this process. So many uploads at once take turns, and their clients wait, not the memory. One whose
client is slow does not keep the others waiting: what it has brought becomes an object, and its room goes to the next.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field

from moorage.blobstore.s3.bucket import Bucket
from moorage.blobstore.s3.places import Piece
from moorage.blobstore.s3.room import Room
from moorage.blobstore.writer import gathered
from moorage.domain.digest import Algorithm, Digest
from moorage.domain.errors import ErrorCode, MoorageError

GATHERED = 128 * 1024
"""Bytes of a body that are worth a hop to a thread, and that need no room."""

GATHERED_SECONDS = 1.0
TURN_SECONDS = 5.0
"""How long an upload may keep room for a part that is not full while others wait."""

PART = 8 * 1024 * 1024
PARTS_OF_A_SIZE = 2000
"""Parts double in size after so many, so that S3's 10,000 parts hold 484 GiB."""

MOST_PARTS = 10_000
ABORT_SECONDS = 0.5
"""How long a store may take to give up what failed; what it keeps goes with the upload."""

UNDER_WAY = 2
"""Parts of one upload on their way at once, while another is being received."""


def part_size(number: int) -> int:
    """Return the size in bytes of a part, counted from 1."""
    return PART << ((number - 1) // PARTS_OF_A_SIZE)


class BodyWriter:
    """Writes one body to objects in a folder: `pieces`, of which there is one unless its client was slow."""

    def __init__(self, bucket: Bucket, folder: str, algorithm: Algorithm, room: Room, threads: Executor) -> None:
        self.pieces: list[Piece] = []
        self._bucket = bucket
        self._folder = folder
        self._algorithm = algorithm
        self._hasher = hashlib.new(algorithm)
        self._room = room
        self._threads = threads

    @property
    def length(self) -> int:
        """The bytes that were written."""
        return sum(piece.length for piece in self.pieces)

    @property
    def digest(self) -> Digest:
        """Their digest."""
        return Digest(f"{self._algorithm}:{self._hasher.hexdigest()}")

    async def write(self, body: AsyncIterator[bytes], *, is_ours: bool = False) -> MoorageError | None:
        """Write a body, durably, and return the error it broke off with, if it did.

        A body that `is_ours` waits for no client and becomes one object. What fails leaves nothing, as far as the
        store can be reached; the rest goes with the upload.
        """
        broken: MoorageError | None = None
        current = self._object()
        try:
            async for batch in gathered(body, GATHERED, GATHERED_SECONDS):
                await asyncio.get_running_loop().run_in_executor(self._threads, self._hash, batch.buffers)
                await current.add(batch.buffers)
                broken = batch.broken
                if current.is_slow and not is_ours:
                    self.pieces.append(await current.end())
                    current = self._object()
            if current.length or is_ours:
                self.pieces.append(await current.end())
        except BaseException:
            await current.give_up()
            raise
        return broken

    def _object(self) -> "ObjectWriter":
        return ObjectWriter(self._bucket, self._folder, self._room)

    def _hash(self, buffers: Sequence[bytes]) -> None:
        for buffer in buffers:
            self._hasher.update(buffer)


@dataclass(slots=True)
class Part:
    """What is being gathered, in `room` bytes of memory, taken at a time `since`."""

    buffers: list[bytes | memoryview] = field(default_factory=list)
    size: int = 0
    room: int = 0
    since: float = 0.0


class ObjectWriter:
    """Writes one object, of a name of its own unless one is given; `length` is its bytes."""

    def __init__(self, bucket: Bucket, folder: str, room: Room, name: str | None = None) -> None:
        self.length = 0
        self._name = name or secrets.token_urlsafe(9)
        self._key = folder + self._name
        self._bucket = bucket
        self._room = room
        self._part = Part()
        self._multipart: str | None = None
        self._sending: list[asyncio.Task[str]] = []
        self._under_way: set[asyncio.Task[str]] = set()

    @property
    def is_slow(self) -> bool:
        """Whether it keeps others waiting."""
        now = asyncio.get_running_loop().time()
        return bool(self._part.room) and now - self._part.since > TURN_SECONDS and self._room.is_wanted

    async def add(self, buffers: Sequence[bytes]) -> None:
        """Take bytes in; a part that is full is sent."""
        for buffer in buffers:
            left = memoryview(buffer)
            self.length += len(left)
            while left:
                size = part_size(len(self._sending) + 1)
                taken = left[: size - self._part.size]
                self._part.buffers.append(taken)
                self._part.size += len(taken)
                left = left[len(taken) :]
                if self._part.size == size:
                    await self._send()
        if self._part.size > GATHERED and not self._part.room:
            self._part.room = await self._room.take(part_size(len(self._sending) + 1))
            self._part.since = asyncio.get_running_loop().time()

    async def end(self) -> Piece:
        """Make what was added an object."""
        if self._multipart is None:
            await self._bucket.put(self._key, self._part.buffers)
            self._forget_part()
            return Piece(self._name, self.length)
        if self._part.size:
            await self._send()
        marks = await asyncio.gather(*self._sending)
        await self._bucket.complete(self._key, self._multipart, marks, self.length)
        return Piece(self._name, self.length)

    async def give_up(self) -> None:
        """End what is under way, and take back what was sent."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._forget_part()
        if self._multipart is not None:
            with suppress(MoorageError, TimeoutError):
                # Who is to be told that the store does not answer must not wait for it once more.
                async with asyncio.timeout(ABORT_SECONDS):
                    await self._bucket.abort(self._key, self._multipart)

    async def _send(self) -> None:
        """Send what was gathered as a part, when there are few enough on their way."""
        if len(self._sending) == MOST_PARTS:
            raise MoorageError(ErrorCode.TOO_LARGE, "the store takes no blob that large")
        if self._multipart is None:
            self._multipart = await self._bucket.begin(self._key)
        while len(self._under_way) >= UNDER_WAY:
            arrived, self._under_way = await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in arrived:
                task.result()
        part, self._part = self._part, Part()
        sending = asyncio.create_task(self._put_part(self._multipart, len(self._sending) + 1, part))
        sending.add_done_callback(lambda _: self._room.give(part.room))
        self._sending.append(sending)
        self._under_way.add(sending)

    async def _put_part(self, multipart: str, number: int, part: Part) -> str:
        mark = await self._bucket.put_part(self._key, multipart, number, part.buffers)
        part.buffers.clear()
        return mark

    def _forget_part(self) -> None:
        part, self._part = self._part, Part()
        self._room.give(part.room)
