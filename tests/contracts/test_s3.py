"""What the blob store promises that lies in a bucket, beyond the port. The stores are real, the faults are made."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from itertools import count

import pytest

from moorage.blobstore.s3.bucket import STALL, Bucket
from moorage.blobstore.s3.store import S3BlobStore
from moorage.blobstore.s3.writer import PART
from moorage.domain.access import Caller
from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.upload import Piece
from moorage.services.accounts import SERVER
from moorage.services.blobs import BlobService
from moorage.services.sound import SoundBlobs
from moorage.services.uploads import UploadService
from moorage.services.verify_reading import Reader
from tests.contracts.bodies import Sending, body, content_of, push
from tests.contracts.tables import APP, OpenTables, Tables
from tests.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.s3_servers import COMMANDS, S3Server

pytestmark = pytest.mark.clients

ANN = Caller(1, "ann")
MEGABYTE = 1 << 20
LARGE = bytes(range(256)) * 4 * 1024 * 20
"""Three parts."""

_prefixes = count()


@pytest.fixture(params=list(COMMANDS))
def server(request: pytest.FixtureRequest, s3_servers: Callable[[str], S3Server]) -> S3Server:
    return s3_servers(request.param)


@pytest.fixture
async def proxy(server: S3Server) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def bucket(proxy: FaultProxy, server: S3Server) -> Bucket:
    return Bucket(proxy.endpoint, "moorage", f"s3/{next(_prefixes)}", server.keys)


@pytest.fixture
async def store(bucket: Bucket) -> AsyncIterator[S3BlobStore]:
    store = S3BlobStore(bucket, 4 * PART, threads=2)
    yield store
    await store.close()


def services(tables: Tables, store: S3BlobStore) -> tuple[UploadService, BlobService]:
    reader = Reader(tables.contents, tables.damages, store, SERVER, time.time)
    return UploadService(tables.uploads, store), BlobService(tables.blobs, store, SoundBlobs(reader, lambda _: None))


async def sent(uploads: UploadService, content: bytes) -> Digest:
    """Push a blob as docker does."""
    upload = await uploads.begin(ANN, APP, Algorithm.SHA256)
    pieces = [content[start : start + MEGABYTE] for start in range(0, len(content), MEGABYTE)]
    await uploads.append(ANN, APP, upload.id, Piece(None, len(content)), body(*pieces))
    await uploads.finish(ANN, APP, upload.id, digest_of(content), Piece(None, 0), body())
    return digest_of(content)


async def is_right(blobs: BlobService, content: bytes) -> bool:
    blob = await blobs.promise(APP, digest_of(content))
    return b"".join([piece async for piece in blobs.read(blob, 0, blob.size)]) == content


async def test_a_blob_that_was_there_is_not_looked_for_again_at_once(
    store: S3BlobStore, tables: Tables, proxy: FaultProxy
) -> None:
    uploads, blobs = services(tables, store)
    await sent(uploads, b"looked for")
    for _ in range(3):
        await blobs.promise(APP, digest_of(b"looked for"))
    assert [method for method, _ in proxy.seen] == ["PUT", "HEAD"]


async def test_a_small_blob_costs_one_request_and_its_bytes_travel_once(
    store: S3BlobStore, tables: Tables, proxy: FaultProxy
) -> None:
    uploads, blobs = services(tables, store)
    await sent(uploads, b"content")
    assert [method for method, _ in proxy.seen] == ["PUT"]
    assert await is_right(blobs, b"content")
    assert [method for method, _ in proxy.seen] == ["PUT", "HEAD", "GET"]


async def test_a_large_blob_costs_a_request_for_each_part_and_two(
    store: S3BlobStore, tables: Tables, proxy: FaultProxy
) -> None:
    uploads, blobs = services(tables, store)
    await sent(uploads, LARGE)
    assert sorted(method for method, _ in proxy.seen) == ["POST", "POST", "PUT", "PUT", "PUT"]
    assert await is_right(blobs, LARGE)


async def test_an_append_that_failed_leaves_nothing_in_the_bucket(store: S3BlobStore, bucket: Bucket) -> None:
    with pytest.raises(ZeroDivisionError):
        await store.append("upload", 0, body(LARGE, then=ZeroDivisionError()), Algorithm.SHA256)
    assert await bucket.keys("") == []
    assert await bucket.begun("blobs/up/upload/") == []


async def test_what_a_crash_left_of_an_upload_goes_with_it(
    store: S3BlobStore, bucket: Bucket, server: S3Server
) -> None:
    place = await push(store, b"content", "upload")
    await bucket.put("blobs/up/upload/stray", [b"stray"])
    multipart = await bucket.begin("blobs/up/upload/part")
    await bucket.put_part("blobs/up/upload/part", multipart, 1, [b"part"])
    kept = await push(store, b"content", "upload2")
    await store.reclaim([place])
    assert await bucket.keys("") == [f"blobs/up/{kept}"]
    # MinIO lists no multipart uploads by a prefix; it gives them up by itself after a day.
    assert server.name == "minio" or await bucket.begun("blobs/up/upload/") == []


async def test_an_upload_put_together_of_pieces_leaves_only_the_blob(
    store: S3BlobStore, tables: Tables, bucket: Bucket
) -> None:
    uploads, blobs = services(tables, store)
    upload = await uploads.begin(ANN, APP, Algorithm.SHA256)
    for start in range(0, 3_000_000, 1_000_000):
        await uploads.append(ANN, APP, upload.id, Piece(start, 1_000_000), body(LARGE[start:][:1_000_000]))
    await uploads.finish(ANN, APP, upload.id, digest_of(LARGE[:3_000_000]), Piece(None, 0), body())
    assert await is_right(blobs, LARGE[:3_000_000])
    assert len(await bucket.keys("")) == 1


async def test_a_slow_client_keeps_nobody_waiting(store: S3BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moorage.blobstore.s3.writer.TURN_SECONDS", 0.0)
    monkeypatch.setattr("moorage.blobstore.s3.writer.GATHERED_SECONDS", 0.0)
    has_room, others_came = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        sent = PART // 2
        yield LARGE[:sent]
        has_room.set()
        while not others_came.is_set():
            yield LARGE[sent : sent + 1]
            sent += 1
        yield LARGE[sent:]

    slow_ones = [Sending(store, f"slow{number}") for number in range(4)]
    under_way = [asyncio.create_task(upload.append(0, slow())) for upload in slow_ones]
    await has_room.wait()
    quick = Sending(store, "quick")
    await quick.append(0, body(LARGE))
    others_came.set()
    await asyncio.gather(*under_way)
    for upload in slow_ones:
        assert await content_of(store, await upload.commit(LARGE), 0, len(LARGE)) == LARGE


ANY_DATABASE = pytest.mark.parametrize("open_database", ["sqlite"], indirect=True)
"""For what takes long and has nothing to do with the database."""


@ANY_DATABASE
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault not in {Fault.SILENT, Fault.MUTE}])
async def test_one_fault_anywhere_in_a_push_and_a_pull_is_not_seen(
    store: S3BlobStore, tables: Tables, proxy: FaultProxy, fault: Fault
) -> None:
    uploads, blobs = services(tables, store)
    for number in range(7):
        content = bytes([number]) + LARGE
        proxy.once(fault, number)
        await sent(uploads, content)
        assert await is_right(blobs, content)
    for number in range(2):
        proxy.once(fault, number)
        assert await is_right(blobs, b"\0" + LARGE)


@ANY_DATABASE
@pytest.mark.parametrize("fault", list(Fault))
async def test_a_store_that_does_not_answer_is_an_error_to_come_back_from(
    store: S3BlobStore, tables: Tables, proxy: FaultProxy, fault: Fault
) -> None:
    uploads, blobs = services(tables, store)
    await sent(uploads, LARGE)
    proxy.always(fault)
    with pytest.raises(MoorageError) as pushed:
        await sent(uploads, b"x" + LARGE)
    with pytest.raises(MoorageError) as pulled:
        await is_right(blobs, LARGE)
    assert (pushed.value.error, pulled.value.error) == (ErrorCode.UNAVAILABLE, ErrorCode.UNAVAILABLE)
    assert await tables.blobs.find(APP, digest_of(b"x" + LARGE)) is None
    proxy.always(None)
    await sent(uploads, b"x" + LARGE)
    assert await is_right(blobs, b"x" + LARGE)
    assert await is_right(blobs, LARGE)


async def test_bytes_that_a_slow_store_has_taken_are_not_sent_again(store: S3BlobStore, proxy: FaultProxy) -> None:
    proxy.delay_of = lambda _method, _path: STALL + 0.5
    await push(store, b"content")
    assert [method for method, _ in proxy.seen] == ["PUT"]


def is_end(method: str, path: str) -> bool:
    """Return whether a request puts the parts of an upload together."""
    return method == "POST" and "uploadId" in path


async def test_a_store_that_puts_parts_together_slowly_is_waited_for(store: S3BlobStore, proxy: FaultProxy) -> None:
    proxy.delay_of = lambda method, path: 3 * STALL if is_end(method, path) else 0.0
    place = await push(store, LARGE)
    assert await content_of(store, place, 0, len(LARGE)) == LARGE


async def test_parts_that_were_put_together_are_an_object_though_no_answer_comes(
    store: S3BlobStore, proxy: FaultProxy
) -> None:
    proxy.choose = lambda _number, method, path: Fault.MUTE if is_end(method, path) else None
    place = await push(store, LARGE)
    assert await content_of(store, place, 0, len(LARGE)) == LARGE


async def test_of_two_servers_that_take_a_piece_at_once_one_wins_and_the_content_is_right(
    open_tables: OpenTables, bucket: Bucket
) -> None:
    one, other = await open_tables(), await open_tables()
    await one.registry("DMC")
    stores = S3BlobStore(bucket, 4 * PART), S3BlobStore(bucket, 4 * PART)
    servers = [services(tables, store)[0] for tables, store in zip((one, other), stores, strict=True)]
    for _ in range(5):
        upload = await servers[0].begin(ANN, APP, Algorithm.SHA256)
        pieces = [b"a" * 3_000_000, b"b" * 3_000_000]
        sizes = await asyncio.gather(
            *(
                service.append(ANN, APP, upload.id, Piece(0, len(piece)), body(piece))
                for service, piece in zip(servers, pieces, strict=True)
            ),
            return_exceptions=True,
        )
        (winner,) = [piece for piece, size in zip(pieces, sizes, strict=True) if size == len(piece)]
        await servers[1].finish(ANN, APP, upload.id, digest_of(winner), Piece(None, 0), body())
        assert await is_right(services(one, stores[0])[1], winner)
    for store in stores:
        await store.close()


async def test_an_upload_cancelled_here_is_not_finished_there(open_tables: OpenTables, bucket: Bucket) -> None:
    one, other = await open_tables(), await open_tables()
    await one.registry("DMC")
    stores = S3BlobStore(bucket, 4 * PART), S3BlobStore(bucket, 4 * PART)
    here, there = (services(tables, store)[0] for tables, store in zip((one, other), stores, strict=True))
    for number in range(10):
        content = b"%d" % number
        upload = await here.begin(ANN, APP, Algorithm.SHA256)
        await here.append(ANN, APP, upload.id, Piece(None, 1), body(content))
        done = await asyncio.gather(
            here.cancel(ANN, APP, upload.id),
            there.finish(ANN, APP, upload.id, digest_of(content), Piece(None, 0), body()),
            return_exceptions=True,
        )
        if done[1] is None:
            assert await is_right(services(other, stores[1])[1], content)
        else:
            assert await one.blobs.find(APP, digest_of(content)) is None
    for store in stores:
        await store.close()
