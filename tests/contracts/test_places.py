"""Places: what a database keeps of a store that gives each upload and blob one of its own."""

import asyncio

from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.name import Repository
from moorage.domain.upload import Upload
from tests.contracts.tables import APP, OTHER, OpenTables, Tables

LAYER = digest_of(b"layer")


async def begun(tables: Tables, upload_id: str, repository: Repository = APP) -> Upload:
    return await tables.uploads.begin(upload_id, repository, "ann", Algorithm.SHA256)


async def pushed(tables: Tables, upload_id: str, place: str | None, repository: Repository = APP) -> None:
    upload = await begun(tables, upload_id, repository)
    await tables.uploads.claim(LAYER, 5)
    assert await tables.uploads.finish(upload, LAYER, 5, place)


async def place_of(tables: Tables, repository: Repository = APP, digest: Digest = LAYER) -> str:
    blob = await tables.blobs.find(repository, digest)
    assert blob is not None
    return blob.place


async def discarded(tables: Tables) -> set[str]:
    """Take what is to be deleted now, in the smallest batches."""
    found: set[str] = set()
    while places := await tables.garbage.discarded(1):
        assert found.isdisjoint(places)
        found.update(places)
        await tables.garbage.forget(places)
    return found


async def test_an_upload_lies_at_its_id_and_then_where_its_last_piece_put_it(tables: Tables) -> None:
    upload = await begun(tables, "upload")
    assert upload.place == "upload"
    assert await tables.uploads.advance(upload, 7, None, "there")
    moved = await tables.uploads.find(APP, "upload", "ann")
    assert moved is not None
    assert moved.place == "there"
    assert await tables.uploads.advance(moved, 9, None)
    moved = await tables.uploads.find(APP, "upload", "ann")
    assert moved is not None
    assert moved.place == "there"


async def test_of_two_pieces_at_once_the_place_is_that_of_the_one_that_counts(open_tables: OpenTables) -> None:
    one, other = await open_tables(), await open_tables()
    await one.registry("DMC")
    upload = await begun(one, "upload")
    moved = await asyncio.gather(
        one.uploads.advance(upload, 7, None, "one"), other.uploads.advance(upload, 7, None, "other")
    )
    found = await one.uploads.find(APP, "upload", "ann")
    assert found is not None
    assert sorted(moved) == [False, True]
    assert found.place == ("one" if moved[0] else "other")


async def test_a_blob_lies_where_it_was_put_or_at_its_digest(tables: Tables) -> None:
    await pushed(tables, "first", None)
    assert await place_of(tables) == LAYER
    await pushed(tables, "second", "there", OTHER)
    assert await place_of(tables) == await place_of(tables, OTHER) == "there"


async def test_a_blob_that_comes_again_leaves_its_place_to_its_readers_for_the_length_of_a_lease(
    tables: Tables,
) -> None:
    await pushed(tables, "first", "here")
    await pushed(tables, "second", "there")
    await pushed(tables, "third", "there")
    assert await place_of(tables) == "there"
    assert await discarded(tables) == set()
    await tables.pass_time(1.1)
    assert await discarded(tables) == {"here"}


async def test_a_collected_blobs_place_is_deleted_and_nothing_is_taken_from_its_address(tables: Tables) -> None:
    await pushed(tables, "upload", "there")
    await tables.blobs.unlink(APP, LAYER)
    await tables.pass_time(1.1)
    await tables.collect()
    assert await discarded(tables) == {"there"}
    assert tables.discarded == []


async def test_a_cancelled_uploads_place_is_deleted_and_a_finished_ones_is_not(tables: Tables) -> None:
    cancelled, finished = await begun(tables, "cancelled"), await begun(tables, "finished")
    assert await tables.uploads.finish(finished, LAYER, 5, "finished/place")
    assert await tables.uploads.cancel(cancelled)
    assert not await tables.uploads.cancel(cancelled)
    assert not await tables.uploads.cancel(finished)
    assert await discarded(tables) == {"cancelled"}


async def test_only_what_is_still_expired_is_forgotten(tables: Tables) -> None:
    await begun(tables, "expired")
    active, finished = await begun(tables, "active"), await begun(tables, "finished")
    await tables.pass_time(1.1)
    assert len(await tables.uploads.expired(10)) == 3
    assert await tables.uploads.advance(active, 7, None)
    assert await tables.uploads.finish(finished, LAYER, 5, "finished/place")
    assert await tables.uploads.forget(["active", "expired", "finished", "unheard of"]) == ("expired",)
    assert await discarded(tables) == {"expired"}
