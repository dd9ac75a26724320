"""The port `Uploads`: a session is its repository's and its user's, and moves on one step at a time."""

import asyncio

import pytest

from moorage.domain.digest import Algorithm, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.upload import Upload
from moorage.metastore.uploads import UploadTable
from tests.contracts.tables import APP, OTHER, OpenTables, Tables

CONTENT = b"content"
DIGEST = digest_of(CONTENT)
SHA256, SHA512 = Algorithm


async def begin(tables: Tables, upload_id: str = "upload", user: str = "ann") -> Upload:
    return await tables.uploads.begin(upload_id, APP, user, SHA256)


async def test_a_session_begins_empty(tables: Tables) -> None:
    upload = await tables.uploads.begin("upload", APP, "ann", SHA512)
    assert (upload.id, upload.user, upload.size, upload.digest, upload.algorithm) == ("upload", "ann", 0, None, SHA512)
    assert await tables.uploads.find(APP, "upload", "ann") == upload


async def test_a_session_needs_a_registry(tables: Tables) -> None:
    with pytest.raises(MoorageError) as failed:
        await tables.uploads.begin("upload", Repository("none", "app"), "ann", SHA256)
    assert failed.value.error is ErrorCode.NAME_UNKNOWN


async def test_a_session_is_only_its_repository_s_and_its_user_s(tables: Tables) -> None:
    await begin(tables)
    await tables.uploads.begin("theirs", OTHER, "ann", SHA256)
    assert await tables.uploads.find(OTHER, "upload", "ann") is None
    assert await tables.uploads.find(APP, "upload", "tom") is None
    assert await tables.uploads.find(APP, "upload", "") is None
    assert await tables.uploads.find(APP, "theirs", "ann") is None
    assert await tables.uploads.find(APP, "another", "ann") is None


async def test_a_session_moves_on_from_where_it_was_read(tables: Tables) -> None:
    upload = await begin(tables)
    assert await tables.uploads.advance(upload, 7, DIGEST)
    moved = await tables.uploads.find(APP, "upload", "ann")
    assert moved is not None
    assert (moved.size, moved.digest) == (7, DIGEST)
    assert not await tables.uploads.advance(upload, 9, None)
    assert await tables.uploads.advance(moved, 9, None)
    moved = await tables.uploads.find(APP, "upload", "ann")
    assert moved is not None
    assert (moved.size, moved.digest) == (9, None)


async def test_a_blob_has_more_bytes_than_32_bits_count(tables: Tables) -> None:
    size = 6 << 30
    assert await tables.uploads.advance(await begin(tables), size, DIGEST)
    moved = await tables.uploads.find(APP, "upload", "ann")
    assert moved is not None
    assert moved.size == size
    await tables.uploads.claim(DIGEST, size)
    assert await tables.uploads.finish(moved, DIGEST, size)
    blob = await tables.blobs.find(APP, DIGEST)
    assert blob is not None
    assert blob.size == size


async def test_of_two_processes_that_move_a_session_one_wins(open_tables: OpenTables) -> None:
    one, other = await open_tables(), await open_tables()
    await one.registry()
    upload = await begin(one)
    moved = await asyncio.gather(one.uploads.advance(upload, 7, None), other.uploads.advance(upload, 9, None))
    assert sorted(moved) == [False, True]
    found = await one.uploads.find(APP, "upload", "ann")
    assert found is not None
    assert found.size == (7 if moved[0] else 9)


async def test_a_finished_session_is_a_blob_of_its_repository_alone(tables: Tables) -> None:
    upload = await begin(tables)
    assert await tables.uploads.finish(upload, DIGEST, 7)
    blob = await tables.blobs.find(APP, DIGEST)
    assert blob is not None
    assert (blob.digest, blob.size, blob.needs_lease) == (DIGEST, 7, False)
    assert await tables.blobs.find(OTHER, DIGEST) is None
    assert await tables.uploads.find(APP, "upload", "ann") is None


async def test_a_session_ends_once(tables: Tables) -> None:
    finished, cancelled = await begin(tables), await begin(tables, "cancelled")
    assert await tables.uploads.finish(finished, DIGEST, 7)
    assert not await tables.uploads.finish(finished, DIGEST, 7)
    await tables.uploads.cancel(cancelled)
    await tables.uploads.cancel(cancelled)
    other = digest_of(b"never finished")
    assert not await tables.uploads.finish(cancelled, other, 7)
    assert not await tables.uploads.advance(cancelled, 7, None)
    assert await tables.blobs.find(APP, other) is None


async def test_a_session_makes_no_repository_that_anybody_sees(tables: Tables) -> None:
    upload = await begin(tables)
    await tables.uploads.finish(upload, DIGEST, 7)
    assert await tables.catalog.repository(APP) is None
    assert await tables.catalog.names(None, "", 10, sees_all=True) == ()
    assert await tables.manifests.tags(APP, "", 10) is None


async def test_a_session_that_nothing_came_for_expires(tables: Tables) -> None:
    for name in ("a", "b", "c"):
        await begin(tables, name)
    await tables.pass_time(0.9)
    assert await tables.uploads.expired(10) == ()
    active = await tables.uploads.find(APP, "b", "ann")
    assert active is not None
    assert await tables.uploads.advance(active, 7, None)
    await tables.pass_time(0.2)
    assert len(await tables.uploads.expired(1)) == 1
    assert sorted(await tables.uploads.expired(10)) == ["a", "c"]
    await tables.uploads.forget(["a", "c"])
    assert await tables.uploads.expired(10) == ()
    assert await tables.uploads.find(APP, "a", "ann") is None
    assert await tables.uploads.find(APP, "b", "ann") is not None


async def test_many_pushers_of_one_blob_all_finish(open_tables: OpenTables) -> None:
    views = [await open_tables(), await open_tables()]
    await views[0].registry()

    async def push(number: int) -> bool:
        tables = views[number % 2]
        repository = Repository("dmc", f"app{number % 5}")
        upload = await tables.uploads.begin(f"upload-{number}", repository, "ann", SHA256)
        await tables.uploads.claim(DIGEST, 7)
        return await tables.uploads.finish(upload, DIGEST, 7)

    assert all(await asyncio.gather(*(push(number) for number in range(50))))
    assert (await views[0].garbage.usage()).stored == 7


async def test_open_uploads_of_an_account_are_counted_as_far_as_asked(tables: Tables) -> None:
    open_uploads = UploadTable(tables.database, 1000.0)
    assert await open_uploads.count("ann", 5) == 0
    uploads = [await begin(tables, f"upload {number}") for number in range(3)]
    await begin(tables, "toms", "tom")
    assert await open_uploads.count("ann", 5) == 3
    assert await open_uploads.count("ann", 2) == 2
    assert await tables.uploads.cancel(uploads[0])
    assert await open_uploads.count("ann", 5) == 2
