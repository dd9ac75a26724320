"""The port `Garbage`: what is needed or promised stays, and the rest goes, all of it."""

from collections.abc import Sequence

import pytest

from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.services.storage_records import Usage
from tests.contracts.tables import APP, OTHER, OpenTables, Tables

LAYER = digest_of(b"layer")


async def is_linked(tables: Tables, digest: Digest = LAYER) -> bool:
    return await tables.blobs.find(APP, digest) is not None


async def test_a_blob_just_pushed_waits_for_its_image(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.pass_time(0.9)
    await tables.collect()
    assert await is_linked(tables)
    assert tables.discarded == []


async def test_a_blob_that_no_image_came_for_goes_after_its_lease(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.pass_time(1.1)
    await tables.collect()
    assert not await is_linked(tables)
    assert tables.discarded == [LAYER]
    assert await tables.garbage.usage() == Usage(stored=0, linked=0, waiting=0, uploads=0)


async def test_what_an_image_needs_stays_for_ever(tables: Tables) -> None:
    image = await tables.image(APP)
    for _ in range(3):
        await tables.pass_time(10)
        await tables.collect()
    assert tables.discarded == []
    assert await is_linked(tables)
    assert await tables.manifests.find(APP, image) is not None


async def test_the_lease_does_not_follow_the_wall_clock(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    await tables.blob(APP, b"layer")
    monkeypatch.setattr("time.time", lambda: 4e9)
    await tables.collect()
    assert await is_linked(tables)


async def test_a_blob_whose_lease_was_renewed_waits_anew(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.pass_time(0.9)
    blob = await tables.blobs.find(APP, LAYER)
    assert blob is not None
    assert await tables.blobs.renew(blob)
    await tables.pass_time(0.9)
    await tables.collect()
    assert await is_linked(tables)
    assert tables.discarded == []
    for _ in range(2):
        await tables.pass_time(0.2)
        await tables.collect()
    assert tables.discarded == [LAYER]


async def test_a_promise_outlives_the_image_that_needed_the_blob(tables: Tables) -> None:
    image = await tables.image(APP)
    await tables.pass_time(2)
    await tables.collect()
    blob = await tables.blobs.find(APP, LAYER)
    assert blob is not None
    assert blob.needs_lease
    assert await tables.blobs.renew(blob)
    assert await tables.manifests.delete(APP, image, "ann")
    await tables.pass_time(0.9)
    await tables.collect()
    assert await is_linked(tables)
    assert LAYER not in tables.discarded


async def test_a_deleted_image_s_blobs_go_at_the_next_collection_once_their_leases_passed(tables: Tables) -> None:
    image = await tables.image(APP)
    await tables.pass_time(2)
    await tables.collect()
    await tables.manifests.delete(APP, image, "ann")
    await tables.pass_time(0.001)
    await tables.collect()
    assert len(tables.discarded) == 2
    assert (await tables.garbage.usage()).stored == 0


async def test_what_another_image_shares_stays(tables: Tables) -> None:
    gone, kept = await tables.image(APP, "a"), await tables.image(APP, "b")
    elsewhere = await tables.image(OTHER, "c")
    await tables.pass_time(2)
    await tables.collect()
    await tables.manifests.delete(APP, gone, "ann")
    await tables.pass_time(2)
    await tables.collect()
    assert len(tables.discarded) == 1
    assert await is_linked(tables)
    await tables.manifests.delete(APP, kept, "ann")
    await tables.pass_time(2)
    await tables.collect()
    assert not await is_linked(tables)
    assert LAYER not in tables.discarded
    await tables.manifests.delete(OTHER, elsewhere, "ann")
    await tables.pass_time(2)
    await tables.collect()
    assert LAYER in tables.discarded


async def test_what_was_deleted_and_collected_can_be_pushed_again(tables: Tables) -> None:
    for _ in range(2):
        image = await tables.image(APP, "latest")
        await tables.pass_time(2)
        await tables.collect()
        assert LAYER not in tables.discarded
        await tables.manifests.delete(APP, image, "ann")
        await tables.pass_time(2)
        await tables.collect()
        assert LAYER in tables.discarded
        tables.discarded.clear()


async def test_a_claimed_digest_is_not_swept_before_it_is_linked(tables: Tables) -> None:
    upload = await tables.uploads.begin("upload", APP, "ann", Algorithm.SHA256)
    await tables.uploads.claim(LAYER, 5)
    await tables.pass_time(0.5)
    await tables.collect()
    assert tables.discarded == []
    assert await tables.uploads.finish(upload, LAYER, 5)


async def test_a_digest_claimed_again_is_as_safe_as_a_new_one(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.pass_time(1.1)
    await tables.garbage.expire_links(10)
    await tables.uploads.claim(LAYER, 5)
    await tables.collect()
    assert tables.discarded == []


async def test_a_claim_that_nothing_came_of_ends(tables: Tables) -> None:
    await tables.uploads.claim(LAYER, 5)
    await tables.pass_time(1.1)
    await tables.collect()
    assert tables.discarded == [LAYER]


async def test_bytes_that_could_not_be_discarded_are_swept_again(tables: Tables) -> None:
    def fail(digests: Sequence[Digest]) -> None:
        assert list(digests) == [LAYER]
        raise ZeroDivisionError

    await tables.blob(APP, b"layer")
    await tables.pass_time(1.1)
    await tables.garbage.expire_links(10)
    with pytest.raises(ZeroDivisionError):
        await tables.garbage.sweep(10, fail)
    assert (await tables.garbage.usage()).stored == 5
    swept = await tables.garbage.sweep(10, tables.discarded.extend)
    assert (swept.blobs, swept.freed, tables.discarded) == (1, 5, [LAYER])


async def test_an_unlinked_blob_goes_after_its_lease(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.blobs.unlink(APP, LAYER)
    await tables.pass_time(1.1)
    await tables.collect()
    assert tables.discarded == [LAYER]


async def test_an_unlinked_blob_goes_also_when_a_collection_had_found_it_in_use(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.pass_time(0.9)
    blob = await tables.blobs.find(APP, LAYER)
    assert blob is not None
    await tables.blobs.renew(blob)
    await tables.pass_time(0.2)
    await tables.collect()
    await tables.blobs.unlink(APP, LAYER)
    await tables.pass_time(0.1)
    await tables.collect()
    assert tables.discarded == [LAYER]


@pytest.mark.parametrize("what", ["repository", "registry"])
async def test_a_blob_whose_last_place_is_deleted_goes(tables: Tables, what: str) -> None:
    plain = await tables.blob(APP, b"plain")
    await tables.pass_time(0.9)
    blob = await tables.blobs.find(APP, plain)
    assert blob is not None
    await tables.blobs.renew(blob)
    await tables.pass_time(0.2)
    await tables.collect()
    if what == "repository":
        await tables.image(APP)
        await tables.catalog.delete(APP, None, (), "ann")
    else:
        assert await tables.registry_trash.delete("dmc", "ann")
    await tables.pass_time(2)
    await tables.collect()
    assert plain in tables.discarded
    assert (await tables.garbage.usage()).stored == 0


@pytest.mark.parametrize("what", ["repository", "registry"])
async def test_the_bytes_of_an_upload_are_given_back_when_its_place_is_deleted(tables: Tables, what: str) -> None:
    image = await tables.image(APP)
    upload = await tables.uploads.begin("upload", APP, "ann", Algorithm.SHA256)
    assert await tables.uploads.advance(upload, 7, None)
    if what == "repository":
        await tables.catalog.delete(APP, None, (), "ann")
    else:
        await tables.manifests.delete(APP, image, "ann")
        assert await tables.registry_trash.delete("dmc", "ann")
    assert await tables.uploads.find(APP, "upload", "ann") is None
    assert not await tables.uploads.advance(upload, 9, None)
    assert not await tables.uploads.finish(upload, LAYER, 7)
    await tables.pass_time(1.1)
    assert await tables.uploads.expired(10) == ("upload",)


async def test_usage_adds_up_what_is_stored(tables: Tables) -> None:
    await tables.image(APP, layers=[b"x" * 100])
    await tables.image(OTHER, layers=[b"x" * 100])
    waiting = await tables.blob(APP, b"y" * 10)
    await tables.blobs.unlink(APP, waiting)
    upload = await tables.uploads.begin("upload", APP, "ann", Algorithm.SHA256)
    await tables.uploads.advance(upload, 7, None)
    usage = await tables.garbage.usage()
    assert usage.stored == usage.linked + usage.waiting
    assert usage.linked > 100
    assert (usage.linked < 200, usage.waiting, usage.uploads) == (True, 10, 7)


async def test_one_process_s_collection_respects_the_other_s_pushes(open_tables: OpenTables) -> None:
    one, other = await open_tables(), await open_tables()
    await one.registry()
    await one.blob(APP, b"layer")
    await one.pass_time(0.9)
    image = await other.image(APP)
    await one.pass_time(10)
    await one.collect()
    assert one.discarded == []
    await other.manifests.delete(APP, image, "ann")
    await one.pass_time(10)
    await one.collect()
    assert LAYER in one.discarded
    assert await other.blobs.find(APP, LAYER) is None
