"""A server with a quota takes what fits, to the last byte, into whichever registry; every layer counts once."""

import asyncio
from dataclasses import replace

import pytest

from moorage.domain.damage import Fault
from moorage.domain.digest import Algorithm, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.upload import Wanted
from moorage.metastore.uploads import UploadTable
from moorage.metastore.usage import ServerUsageTable
from tests.contracts.tables import APP, LEASE, OTHER, OpenTables, Push, Tables, refusal

SITE = Repository("web", "site")
ROUNDS = 6
LARGE, FULL = ErrorCode.TOO_LARGE_FOR_QUOTA, ErrorCode.QUOTA_REACHED


def limited(tables: Tables, quota: int) -> Tables:
    return replace(tables, uploads=UploadTable(tables.database, LEASE, quota))


async def used(tables: Tables) -> int:
    return await ServerUsageTable(tables.database).used()


@pytest.fixture
async def shop(tables: Tables) -> Tables:
    """Return a database with a second registry."""
    await tables.registry("Web")
    return tables


async def test_the_last_byte_fits_and_the_next_does_not_wherever(shop: Tables) -> None:
    tables = limited(shop, 10)
    await tables.blob(APP, b"1234")
    assert await refusal(tables.blob(SITE, b"7654321")) is LARGE
    await tables.blob(SITE, b"654321")
    assert await refusal(tables.blob(OTHER, b"x")) is FULL
    assert await used(tables) == 10


async def test_the_message_says_whose_quota_it_is_and_who_can_do_what(shop: Tables) -> None:
    tables = limited(shop, 3)
    with pytest.raises(MoorageError, match=r"4 B does not fit into this server.* an administrator of the server can"):
        await tables.blob(APP, b"1234")


async def test_what_was_refused_left_nothing(shop: Tables) -> None:
    tables = limited(shop, 3)
    upload = await tables.uploads.begin("one", APP, "ann", Algorithm.SHA256)
    digest = digest_of(b"1234")
    assert await tables.uploads.advance(upload, 4, digest)
    upload = replace(upload, size=4, digest=digest)
    assert await refusal(tables.uploads.claim(digest, 4, upload.repository_id)) is LARGE
    assert await refusal(tables.uploads.finish(upload, digest, 4)) is LARGE
    assert await tables.blobs.find(APP, digest) is None
    assert await used(tables) == 0
    await tables.blob(APP, b"123")


async def test_a_layer_of_two_registries_counts_once(shop: Tables) -> None:
    digest = await shop.blob(APP, b"shared")
    await shop.blob(SITE, b"shared")
    blob = await shop.blobs.find(APP, digest)
    assert blob
    assert await shop.blobs.mount(blob, Repository("web", "other"))
    assert await used(shop) == 6


async def test_what_the_registry_holds_fits_though_the_server_is_full(shop: Tables) -> None:
    digest = await shop.blob(APP, b"shared")
    tables = limited(shop, 6)
    blob = await tables.blobs.find(APP, digest)
    assert blob
    assert await tables.blobs.mount(blob, SITE)
    upload = await tables.uploads.begin("one", OTHER, "ann", Algorithm.SHA256, Wanted(digest, 6))
    await tables.uploads.claim(digest, 6, upload.repository_id)
    assert await tables.uploads.finish(upload, digest, 6)
    assert await used(tables) == 6


async def test_a_full_server_does_not_tell_what_other_registries_hold(shop: Tables) -> None:
    held, unknown = await shop.blob(APP, b"secret"), digest_of(b"others")
    tables = limited(shop, 6)
    for number, digest in enumerate((held, unknown)):
        wanted = Wanted(digest, 6)
        assert await refusal(tables.uploads.begin(f"{number}", SITE, "ann", Algorithm.SHA256, wanted)) is FULL


async def test_a_full_server_lets_no_upload_begin(shop: Tables) -> None:
    tables = limited(shop, 4)
    assert await refusal(tables.uploads.begin("one", APP, "ann", Algorithm.SHA256, Wanted(None, 5))) is LARGE
    await tables.blob(APP, b"1234")
    assert await refusal(tables.uploads.begin("two", SITE, "ann", Algorithm.SHA256)) is FULL
    await shop.uploads.begin("three", SITE, "ann", Algorithm.SHA256)


async def test_an_upload_knows_what_there_is_room_for_in_whichever_quota_is_tighter(shop: Tables) -> None:
    tables = limited(shop, 10)
    await tables.blob(SITE, b"1234")
    await tables.uploads.begin("one", APP, "ann", Algorithm.SHA256)
    found = await tables.uploads.find(APP, "one", "ann")
    assert found
    assert found.allowance
    assert (found.allowance.name, found.allowance.left) == ("this server", 6)
    assert await tables.registries.update("dmc", {"quota": 5})
    found = await tables.uploads.find(APP, "one", "ann")
    assert found
    assert found.allowance
    assert (found.allowance.name, found.allowance.left) == ("DMC", 5)


async def test_what_was_deleted_counts_until_the_collection_has_let_go_of_its_bytes(shop: Tables) -> None:
    assert await shop.registries.update("dmc", {"trash_days": 14})
    image = await shop.image(APP, "latest", layers=(b"x" * 10_000,))
    held = await used(shop)
    assert held > 10_000
    assert await shop.manifests.delete(APP, image, "ann")
    await shop.garbage.tick(2 * LEASE)
    await shop.collect()
    assert await used(shop) == held
    registry = await shop.registries.find("dmc")
    assert registry
    assert await shop.trash.expire(registry.id)
    while await shop.trash.empty(100):
        pass
    assert await used(shop) == held
    await shop.garbage.tick(2 * LEASE)
    await shop.collect()
    assert await used(shop) == 0
    await limited(shop, 10_000).blob(SITE, b"x" * 10_000)


async def test_a_blob_that_turns_out_to_have_another_size_counts_with_that(shop: Tables) -> None:
    digest = await shop.blob(APP, b"1234")
    blob = await shop.contents.blob(digest)
    assert blob
    assert await shop.damages.quarantine(blob, Fault.CHANGED, None, 5.0, lambda: True)
    upload = await shop.uploads.begin("again", APP, "ann", Algorithm.SHA256)
    assert await shop.uploads.finish(upload, digest, 7)
    assert await used(shop) == 7


async def test_two_at_once_do_not_both_take_the_last_byte(open_tables: OpenTables) -> None:
    one, other = await open_tables(), await open_tables()
    await one.registry()
    await one.registry("Web")
    for number in range(ROUNDS):
        before = await used(one)
        pushes: list[Push] = []
        for tables, repository, content in ((one, APP, b"one%d"), (other, SITE, b"two%d")):
            uploads = UploadTable(tables.database, LEASE, before + 5)
            upload = await uploads.begin(f"{content!r} {number}", repository, "ann", Algorithm.SHA256)
            pushes.append(uploads.finish(upload, digest_of(content % number), 4))
        outcomes = await asyncio.gather(*map(refusal, pushes))
        assert sorted(map(str, outcomes)) == sorted(map(str, (None, LARGE)))
        assert await used(one) == before + 4
