"""Blobs are compared with their digest before the last of their bytes is sent, and seldom more than once."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from moorage.blobstore.filesystem import FileBlobStore
from moorage.domain.access import Caller
from moorage.domain.damage import Fault, Measured
from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.blobs import SMALL, BlobService
from moorage.services.records import BlobRecord
from moorage.services.sound import MOST, SECONDS, SoundBlobs
from moorage.services.store_port import BlobStore, Located, Seen
from moorage.services.verify_ports import Contents, Damages, IsSame, Measuring, Spend
from moorage.services.verify_reading import Found, Reader
from moorage.services.verify_records import StoredBlob
from tests.contracts.bodies import content_at, push

if TYPE_CHECKING:
    from moorage.services.ports import Blobs

SYSTEM = Caller(0, "moorage", is_admin=True)
LARGE = os.urandom(SMALL + 300_000)
LITTLE = b"little"
PIECE = 256 * 1024


class Files(FileBlobStore):
    """Files, of which is noted which are read whole; they are, as soon as `gate` is set."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, threads=4)
        self.measured: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def measure(self, place: str, algorithm: Algorithm, spend: Spend) -> Measured | None:
        self.measured.append(place)
        await self.gate.wait()
        return await super().measure(place, algorithm, spend)


class Objects:
    """A place without files, of one object, with an ETag."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.measured = 0

    async def locate(self, _place: str, _size: int) -> Located | None:
        return None

    async def read(self, _place: str, offset: int, length: int, seen: Seen | None = None) -> AsyncIterator[bytes]:
        if seen is not None:
            seen(hashlib.md5(self.content).hexdigest())  # noqa: S324  as stores do
        content = self.content[offset : offset + length]
        for start in range(0, len(content), 100_000):
            yield content[start : start + 100_000]

    async def measure(self, _place: str, algorithm: Algorithm, _spend: Spend) -> Measured | None:
        self.measured += 1
        return Measured(len(self.content), digest_of(self.content, algorithm))

    def is_same(self, _place: str, _found: Measured | None) -> bool:
        return True


class Marks:
    """A database that keeps what is in quarantine, and says that nothing is."""

    def __init__(self) -> None:
        self.quarantined: list[tuple[Digest, Fault]] = []

    async def blob(self, digest: Digest) -> StoredBlob | None:
        return StoredBlob(digest, 0, digest, digest in dict(self.quarantined))

    async def quarantine(
        self, blob: StoredBlob, fault: Fault, _found: Digest | None, _at: float, is_same: IsSame
    ) -> bool:
        assert is_same()
        self.quarantined.append((blob.digest, fault))
        return True


class World:
    """A server over a place for bytes, with a clock that passes when it is told to."""

    def __init__(self, store: Files | Objects) -> None:
        self.now = 0.0
        self.told: list[Found] = []
        self.marks = Marks()
        reader = Reader(
            cast("Contents", self.marks), cast("Damages", self.marks), cast("Measuring", store), SYSTEM, lambda: 0.0
        )
        self.sound = SoundBlobs(reader, self.told.append, lambda: self.now)
        self.service = BlobService(cast("Blobs", None), cast("BlobStore", store), self.sound)

    async def get(self, blob: BlobRecord, offset: int = 0, length: int | None = None) -> bytes:
        """Get what a client gets of a blob before its answer ends or breaks off; all of it raises nothing."""
        path = await self.service.locate(blob)
        if path is not None:
            return content_at(path)[offset:][:length]
        found = b""
        async for piece in self.service.read(blob, offset, blob.size - offset if length is None else length):
            found += piece
        return found


def record_of(content: bytes) -> BlobRecord:
    digest = digest_of(content)
    return BlobRecord(1, digest, len(content), needs_lease=False, place=digest)


def flip(store: Path, digest: Digest) -> None:
    """Change one bit of a blob, as somebody does who writes to its file; its time is another for sure."""
    path = store / "sha256" / digest[7:9] / digest[7:]
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    os.utime(path, (0, 0))


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    store = Files(tmp_path)
    yield store
    store.close()


@pytest.mark.parametrize("content", [LARGE, LITTLE])
async def test_a_blob_is_read_once_for_all_who_pull_it(files: Files, content: bytes) -> None:
    await push(files, content)
    world, blob = World(files), record_of(content)
    assert await asyncio.gather(*[world.get(blob) for _ in range(20)]) == [content] * 20
    for _ in range(20):
        assert await world.get(blob) == content
        assert await world.get(blob, 2, 3) == content[2:5]
    assert files.measured == [blob.digest]
    assert await world.service.locate(blob) is not None


@pytest.mark.parametrize("content", [LARGE, LITTLE])
async def test_what_was_just_written_is_not_read_again(files: Files, content: bytes) -> None:
    world, blob = World(files), record_of(content)
    with files.hold("upload"):
        received = await files.append("upload", 0, _body(content), Algorithm.SHA256)
        stored = await files.commit(received.place, blob.digest, blob.size)
    assert stored.mark is not None
    world.sound.note(blob.digest, stored.mark)
    assert await world.get(blob) == content
    assert files.measured == []


@pytest.mark.parametrize(("offset", "length"), [(0, None), (0, 1), (2, 10), (1, SMALL), (SMALL + 9, None)])
@pytest.mark.parametrize("content", [LARGE, LITTLE + bytes(SMALL - 6)])
async def test_no_answer_ends_with_bytes_that_are_not_those_of_the_digest(
    files: Files, tmp_path: Path, content: bytes, offset: int, length: int | None
) -> None:
    await push(files, content)
    world, blob = World(files), record_of(content)
    flip(tmp_path, blob.digest)
    with pytest.raises(MoorageError) as failed:
        await world.get(blob, offset, length)
    assert failed.value.error is ErrorCode.BLOB_UNKNOWN
    assert world.marks.quarantined == [(blob.digest, Fault.CHANGED)]
    assert world.told == [Found(blob.digest, Fault.CHANGED)]


async def test_a_large_blob_is_sent_meanwhile_but_for_its_end(files: Files) -> None:
    await push(files, LARGE)
    world, blob = World(files), record_of(LARGE)
    files.gate.clear()
    stream, got = world.service.read(blob, 0, blob.size), b""
    while len(got) < len(LARGE) - PIECE:
        got += await anext(stream)
    last = asyncio.ensure_future(anext(stream))
    await asyncio.wait([last], timeout=0.1)
    assert not last.done()
    files.gate.set()
    assert got + await last == LARGE


async def test_a_file_that_has_changed_is_read_again(files: Files, tmp_path: Path) -> None:
    await push(files, LARGE)
    world, blob = World(files), record_of(LARGE)
    await world.get(blob)
    flip(tmp_path, blob.digest)
    with pytest.raises(MoorageError):
        await world.get(blob)
    await push(files, LARGE, "again")
    assert await world.get(blob) == LARGE
    assert len(files.measured) == 3


async def test_nothing_is_taken_for_sound_longer_than_a_day(files: Files) -> None:
    await push(files, LITTLE)
    world, blob = World(files), record_of(LITTLE)
    for now, times in ((0.0, 1), (SECONDS - 1, 1), (SECONDS + 1, 2), (2 * SECONDS - 1, 2)):
        world.now = now
        await world.get(blob)
        assert len(files.measured) == times


async def test_who_goes_away_does_not_end_the_reading_for_others(files: Files) -> None:
    await push(files, LARGE)
    world, blob = World(files), record_of(LARGE)
    files.gate.clear()
    first = asyncio.ensure_future(world.get(blob))
    second = asyncio.ensure_future(world.get(blob))
    await asyncio.sleep(0.05)
    first.cancel()
    await asyncio.wait([first])
    files.gate.set()
    assert await second == LARGE
    assert len(files.measured) == 1


async def test_bytes_that_came_in_place_of_others_meanwhile_are_served_and_right(files: Files, tmp_path: Path) -> None:
    await push(files, LITTLE)
    world, blob = World(files), record_of(LITTLE)
    flip(tmp_path, blob.digest)
    files.gate.clear()
    early = asyncio.ensure_future(world.get(blob))
    await asyncio.sleep(0.05)
    await push(files, LITTLE, "again")
    files.gate.set()
    assert await early == await world.get(blob) == LITTLE
    assert world.marks.quarantined == []


async def test_damage_that_another_process_found_is_not_told_twice(files: Files, tmp_path: Path) -> None:
    await push(files, LITTLE)
    one, other, blob = World(files), World(files), record_of(LITTLE)
    other.marks = one.marks
    other.sound._reader._contents = cast("Contents", one.marks)  # noqa: SLF001  one database
    flip(tmp_path, blob.digest)
    for world in (one, other):
        with pytest.raises(MoorageError):
            await world.get(blob)
    assert one.marks.quarantined == [(blob.digest, Fault.CHANGED)]
    assert other.told == []


async def test_what_is_known_is_bounded(files: Files) -> None:
    world = World(files)
    digests = [Digest(f"sha256:{at:064x}") for at in range(MOST + 10)]
    for digest in digests:
        world.sound.note(digest, "mark")
    assert [world.sound.knows(digest, "mark") for digest in (digests[0], digests[9])] == [False, False]
    assert all(world.sound.knows(digest, "mark") for digest in digests[10:])


async def test_what_comes_from_a_bucket_is_compared_as_it_passes_and_then_known() -> None:
    objects = Objects(LARGE)
    world, blob = World(objects), record_of(LARGE)
    assert await world.get(blob) == LARGE
    etag = hashlib.md5(LARGE).hexdigest()  # noqa: S324  as stores do
    assert world.sound.knows(blob.digest, etag)
    assert await world.get(blob) == LARGE
    assert objects.measured == 0


async def test_wrong_bytes_from_a_bucket_never_come_to_their_end() -> None:
    objects = Objects(LARGE[:-1] + bytes([LARGE[-1] ^ 1]))
    world, blob = World(objects), record_of(LARGE)
    got = b""
    stream = world.service.read(blob, 0, blob.size)
    while len(got) < len(LARGE) - 100_000:
        got += await anext(stream)
    with pytest.raises(MoorageError) as failed:
        await anext(stream)
    assert failed.value.error is ErrorCode.BLOB_UNKNOWN
    assert world.marks.quarantined == [(blob.digest, Fault.CHANGED)]


async def _body(content: bytes) -> AsyncIterator[bytes]:
    yield content
