"""Uploads over real stores: what a crash between two steps leaves is garbage, never a wrong blob."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from moorage.blobstore.filesystem import FileBlobStore
from moorage.domain.access import Caller, Visibility
from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.upload import Piece, Upload
from moorage.metastore.blobs import BlobTable
from moorage.metastore.migrations import migrate
from moorage.metastore.registries import RegistryTable
from moorage.metastore.sqlite import SQLite
from moorage.metastore.uploads import UploadTable
from moorage.services.store_port import Received
from moorage.services.uploads import UploadService
from tests.contracts.bodies import body, content_at, content_of

ANN, APP = Caller(1, "ann"), Repository("dmc", "app")
CONTENT = b"content"
DIGEST = digest_of(CONTENT)
LEASE = 1000.0


class FullTable(UploadTable):
    """Sessions in a database that has no room for the last step."""

    async def finish(self, upload: Upload, digest: Digest, size: int, place: str | None = None) -> bool:
        """See `Uploads`."""
        raise MoorageError(
            ErrorCode.DISK_FULL, None, {"upload": upload.id, "digest": digest, "size": size, "at": place}
        )


class SlowTable(UploadTable):
    """Sessions of which the first one found is told only when something else was done."""

    def __init__(self, database: SQLite, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(database, LEASE)
        self.meanwhile: Callable[[], Awaitable[object]] | None = meanwhile

    async def find(self, repository: Repository, upload_id: str, user: str) -> Upload | None:
        """See `Uploads`."""
        found = await super().find(repository, upload_id, user)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return found


class BlindStore(FileBlobStore):
    """A store that sees no other server, as a bucket is: each request's bytes have a place of their own."""

    @contextmanager
    def hold(self, upload_id: str, size: int = 0) -> Iterator[bool]:
        """See `BlobStore`."""
        del upload_id, size
        yield False

    async def append(self, place: str, offset: int, body: AsyncIterator[bytes], algorithm: Algorithm) -> Received:
        """See `BlobStore`."""
        del offset, algorithm
        return Received(sum([len(piece) async for piece in body]), None, f"{place}+")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLite]:
    migrate(tmp_path / "moorage.db")
    database = SQLite(tmp_path / "moorage.db")
    await database.start()
    await RegistryTable(database).create("DMC", "", Visibility.PRIVATE, "root")
    yield database
    await database.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FileBlobStore]:
    store = FileBlobStore(tmp_path / "blobs", threads=2)
    yield store
    store.close()


@pytest.fixture
def service(database: SQLite, store: FileBlobStore) -> UploadService:
    return UploadService(UploadTable(database, LEASE), store)


async def sent(service: UploadService) -> Upload:
    """Begin an upload and send all of it in one piece."""
    upload = await service.begin(ANN, APP, Algorithm.SHA256)
    assert await service.append(ANN, APP, upload.id, Piece(None, len(CONTENT)), body(CONTENT)) == len(CONTENT)
    return upload


async def test_an_upload_can_be_finished_again_when_the_last_step_failed(
    database: SQLite, store: FileBlobStore, service: UploadService
) -> None:
    upload = await sent(service)
    full = UploadService(FullTable(database, LEASE), store)
    for _ in range(2):
        with pytest.raises(MoorageError) as failed:
            await full.finish(ANN, APP, upload.id, DIGEST, Piece(None, 0), body())
        assert failed.value.error is ErrorCode.DISK_FULL
        assert await BlobTable(database, LEASE).find(APP, DIGEST) is None
    await service.finish(ANN, APP, upload.id, DIGEST, Piece(None, 0), body())
    assert await BlobTable(database, LEASE).find(APP, DIGEST) is not None
    assert await content_of(store, DIGEST, 0, len(CONTENT)) == CONTENT


async def test_a_chunk_that_was_cut_off_is_no_part_of_the_blob(store: FileBlobStore, service: UploadService) -> None:
    upload = await sent(service)
    # What a killed process leaves: bytes that no row knows of.
    await store.append(upload.id, len(CONTENT), body(b" and more"), Algorithm.SHA256)
    await service.finish(ANN, APP, upload.id, DIGEST, Piece(None, 0), body())
    found = await store.locate(DIGEST, len(CONTENT))
    assert found is not None
    assert content_at(found.path) == CONTENT


async def test_an_upload_whose_bytes_are_lost_harms_no_blob(store: FileBlobStore, service: UploadService) -> None:
    first, second = await sent(service), await sent(service)
    await service.finish(ANN, APP, first.id, DIGEST, Piece(None, 0), body())
    await store.reclaim([second.id])
    with pytest.raises(MoorageError) as failed:
        await service.append(ANN, APP, second.id, Piece(None, 4), body(b"more"))
    assert failed.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN
    assert await content_of(store, DIGEST, 0, len(CONTENT)) == CONTENT


async def test_of_two_pieces_at_once_one_wins_and_the_content_is_right(
    store: FileBlobStore, service: UploadService
) -> None:
    upload = await service.begin(ANN, APP, Algorithm.SHA256)
    pieces = [b"a" * 3_000_000, b"b" * 3_000_000]
    sizes = await asyncio.gather(
        *(service.append(ANN, APP, upload.id, Piece(0, len(piece)), body(piece)) for piece in pieces),
        return_exceptions=True,
    )
    (winner,) = [piece for piece, size in zip(pieces, sizes, strict=True) if size == len(piece)]
    errors = [error.error for error in sizes if isinstance(error, MoorageError)]
    assert errors in ([ErrorCode.UPLOAD_BUSY], [ErrorCode.RANGE_INVALID])
    await service.finish(ANN, APP, upload.id, digest_of(winner), Piece(None, 0), body())
    assert await content_of(store, digest_of(winner), 0, len(winner)) == winner


async def test_a_piece_that_was_acknowledged_in_between_stays(
    database: SQLite, store: FileBlobStore, service: UploadService
) -> None:
    upload = await service.begin(ANN, APP, Algorithm.SHA256)

    async def meanwhile() -> None:
        await service.append(ANN, APP, upload.id, Piece(0, len(CONTENT)), body(CONTENT))

    slow = UploadService(SlowTable(database, meanwhile), store)
    with pytest.raises(MoorageError) as failed:
        await slow.append(ANN, APP, upload.id, Piece(0, 5), body(b"other"))
    assert failed.value.error is ErrorCode.RANGE_INVALID
    await service.finish(ANN, APP, upload.id, DIGEST, Piece(None, 0), body())
    assert await content_of(store, DIGEST, 0, len(CONTENT)) == CONTENT


async def test_a_piece_of_a_session_that_was_ended_in_between_leaves_no_bytes(
    database: SQLite, store: FileBlobStore, service: UploadService, tmp_path: Path
) -> None:
    upload = await service.begin(ANN, APP, Algorithm.SHA256)
    slow = UploadService(SlowTable(database, lambda: service.cancel(ANN, APP, upload.id)), store)
    with pytest.raises(MoorageError) as failed:
        await slow.append(ANN, APP, upload.id, Piece(None, len(CONTENT)), body(CONTENT))
    assert failed.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN
    assert list((tmp_path / "blobs" / "uploads").iterdir()) == []


async def test_of_two_pieces_that_a_store_could_not_keep_apart_the_second_is_told_where_the_upload_stands(
    database: SQLite, tmp_path: Path
) -> None:
    store = BlindStore(tmp_path / "blind")
    service = UploadService(UploadTable(database, LEASE), store)
    upload = await service.begin(ANN, APP, Algorithm.SHA256)

    async def meanwhile() -> None:
        await service.append(ANN, APP, upload.id, Piece(0, 4), body(b"mano"))

    slow = UploadService(SlowTable(database, meanwhile), store)
    with pytest.raises(MoorageError) as failed:
        await slow.append(ANN, APP, upload.id, Piece(None, 5), body(b"metre"))
    assert failed.value.error is ErrorCode.RANGE_INVALID
    assert failed.value.detail == {"range": "0-3"}
    store.close()


async def test_a_body_that_broke_off_counts_and_goes_on(service: UploadService) -> None:
    upload = await service.begin(ANN, APP, Algorithm.SHA256)
    gone = MoorageError(ErrorCode.BLOB_UPLOAD_INVALID, "the client went away")
    with pytest.raises(MoorageError) as failed:
        await service.append(ANN, APP, upload.id, Piece(None, len(CONTENT)), body(CONTENT[:3], then=gone))
    assert failed.value is gone
    assert (await service.get(ANN, APP, upload.id)).size == 3
    await service.finish(ANN, APP, upload.id, DIGEST, Piece(3, 4), body(CONTENT[3:]))


async def test_another_content_than_announced_ends_the_session(store: FileBlobStore, service: UploadService) -> None:
    upload = await sent(service)
    with pytest.raises(MoorageError) as failed:
        await service.finish(ANN, APP, upload.id, digest_of(b"other"), Piece(None, 0), body())
    assert failed.value.error is ErrorCode.DIGEST_INVALID
    with pytest.raises(MoorageError) as gone:
        await service.get(ANN, APP, upload.id)
    assert gone.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN
    with pytest.raises(MoorageError) as missing:
        await store.locate(digest_of(b"other"), len(b"other"))
    assert missing.value.error is ErrorCode.BLOB_UNKNOWN
