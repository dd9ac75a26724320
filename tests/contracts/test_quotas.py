"""A registry with a quota takes what fits, to the last byte, whoever pushes beside; what it holds always fits."""

import asyncio

import pytest

from moorage.domain.digest import Algorithm, digest_of
from moorage.domain.errors import ErrorCode
from moorage.domain.manifest import OCI_INDEX
from moorage.domain.name import Repository
from moorage.domain.quota import Allowance
from moorage.domain.upload import Wanted
from moorage.metastore.usage import RegistryUsageTable
from tests.contracts.tables import APP, OTHER, OpenTables, Push, Tables, refusal

ELSEWHERE = Repository("web", "site")
ROUNDS = 6
LARGE, SMALL = ErrorCode.TOO_LARGE_FOR_QUOTA, ErrorCode.QUOTA_REACHED


async def limit(tables: Tables, quota: int | None) -> None:
    assert await tables.registries.update("dmc", {"quota": quota})


async def used(tables: Tables) -> int:
    registry = await tables.registries.find("dmc")
    assert registry
    usages = await RegistryUsageTable(tables.database).of([registry.id])
    return usages[registry.id].size


async def test_the_last_byte_fits_and_the_next_does_not(tables: Tables) -> None:
    await limit(tables, 10)
    await tables.blob(APP, b"1234")
    assert await refusal(tables.blob(APP, b"7654321")) is LARGE
    await tables.blob(APP, b"654321")
    assert await refusal(tables.blob(OTHER, b"x")) is SMALL
    assert await used(tables) == 10


async def test_what_was_refused_left_nothing(tables: Tables) -> None:
    await limit(tables, 3)
    upload = await tables.uploads.begin("one", APP, "ann", Algorithm.SHA256)
    digest = digest_of(b"1234")
    assert await refusal(tables.uploads.finish(upload, digest, 4)) is LARGE
    assert await tables.blobs.find(APP, digest) is None
    assert await used(tables) == 0
    assert await tables.uploads.find(APP, "one", "ann")


async def test_a_layer_that_the_registry_holds_fits_though_it_is_full(tables: Tables) -> None:
    digest = await tables.blob(APP, b"shared")
    await limit(tables, 6)
    blob = await tables.blobs.find(APP, digest)
    assert blob
    assert await tables.blobs.mount(blob, OTHER)
    upload = await tables.uploads.begin("one", Repository("dmc", "third"), "ann", Algorithm.SHA256, Wanted(digest, 6))
    await tables.uploads.claim(digest, 6, upload.repository_id)
    assert await tables.uploads.finish(upload, digest, 6)
    assert await used(tables) == 6


async def test_a_layer_of_another_registry_counts_in_this_one(tables: Tables) -> None:
    await tables.registry("Web")
    digest = await tables.blob(ELSEWHERE, b"shared")
    blob = await tables.blobs.find(ELSEWHERE, digest)
    assert blob
    await limit(tables, 5)
    assert await refusal(tables.blobs.mount(blob, APP)) is LARGE
    await limit(tables, 6)
    assert await tables.blobs.mount(blob, APP)


async def test_a_full_registry_lets_no_upload_begin(tables: Tables) -> None:
    await limit(tables, 4)
    assert await refusal(tables.uploads.begin("one", APP, "ann", Algorithm.SHA256, Wanted(None, 5))) is LARGE
    await tables.blob(APP, b"1234")
    assert await refusal(tables.uploads.begin("two", APP, "ann", Algorithm.SHA256)) is SMALL
    await limit(tables, None)
    await tables.uploads.begin("three", APP, "ann", Algorithm.SHA256)


async def test_an_upload_knows_what_its_registry_has_room_for(tables: Tables) -> None:
    await tables.uploads.begin("one", APP, "ann", Algorithm.SHA256)
    found = await tables.uploads.find(APP, "one", "ann")
    assert found
    assert found.allowance is None
    await limit(tables, 10)
    await tables.blob(APP, b"1234")
    found = await tables.uploads.find(APP, "one", "ann")
    assert found
    assert found.allowance
    assert (found.allowance.name, found.allowance.left) == ("DMC", 6)


async def test_a_digest_is_not_claimed_for_what_does_not_fit(tables: Tables) -> None:
    await limit(tables, 4)
    upload = await tables.uploads.begin("one", APP, "ann", Algorithm.SHA256)
    assert await refusal(tables.uploads.claim(digest_of(b"12345"), 5, upload.repository_id)) is LARGE
    await tables.uploads.claim(digest_of(b"1234"), 4, upload.repository_id)


async def test_a_manifest_counts_once_and_comes_again_though_there_is_no_room(tables: Tables) -> None:
    document = {"schemaVersion": 2, "manifests": []}
    await tables.put(APP, document, OCI_INDEX, "v1")
    await limit(tables, await used(tables))
    await tables.put(APP, document, OCI_INDEX, "v2")
    assert await refusal(tables.put(APP, {**document, "annotations": {}}, OCI_INDEX, "v3")) is SMALL
    assert await tables.manifests.tags(APP, "", 9) == ("v1", "v2")


async def test_deleting_makes_room_though_more_is_held_than_may_be(tables: Tables) -> None:
    digest = await tables.blob(APP, b"123456")
    await limit(tables, 3)
    assert await tables.blobs.unlink(APP, digest)
    await tables.blob(APP, b"new")


@pytest.mark.parametrize("kind", ["blobs", "manifests"])
async def test_two_at_once_do_not_both_take_the_last_byte(open_tables: OpenTables, kind: str) -> None:
    one, other = await open_tables(), await open_tables()
    await one.registry()
    for number in range(ROUNDS):
        pushes: list[Push] = []
        before = await used(one)
        if kind == "blobs":
            await limit(one, before + 5)
            for tables, repository, content in ((one, APP, b"one%d"), (other, OTHER, b"two%d")):
                upload = await tables.uploads.begin(f"{content!r} {number}", repository, "ann", Algorithm.SHA256)
                pushes.append(tables.uploads.finish(upload, digest_of(content % number), 4))
        else:
            await limit(one, before + 100)
            for tables, repository in ((one, APP), (other, OTHER)):
                document = {"schemaVersion": 2, "manifests": [], "annotations": {"number": f"{repository} {number}"}}
                pushes.append(tables.put(repository, document, OCI_INDEX))
        outcomes = await asyncio.gather(*map(refusal, pushes))
        assert sorted(map(str, outcomes)) == sorted(map(str, (None, LARGE)))
        assert await used(one) > before


async def test_what_registries_hold_of_their_quotas_is_told_of_those_that_have_one(tables: Tables) -> None:
    await tables.registry("Web")
    await tables.blob(APP, b"1234")
    usages = RegistryUsageTable(tables.database)
    assert await usages.allowances() == {}
    await limit(tables, 5)
    assert await usages.allowances() == {"dmc": Allowance("DMC", 5, 4, 80)}


async def test_what_lies_in_the_trash_takes_no_room(tables: Tables) -> None:
    assert await tables.registries.update("dmc", {"trash_days": 14})
    large, other = b"x" * 10_000, b"y" * 8_000
    image = await tables.image(APP, "latest", layers=(large,))
    await tables.image(OTHER, "latest")
    await limit(tables, await used(tables) + 5_000)
    assert await refusal(tables.blob(OTHER, other)) is LARGE
    assert await tables.manifests.delete(APP, image, "ann")
    # What nothing needs any more is let go of with the next collection after its lease.
    await tables.garbage.tick(2_000)
    await tables.collect()
    await tables.uploads.begin("one", OTHER, "ann", Algorithm.SHA256)
    found = await tables.uploads.find(OTHER, "one", "ann")
    assert found
    assert found.allowance
    assert found.allowance.left >= 15_000
    await tables.blob(OTHER, other)
    # The trash alone has it: here it takes room like anything new.
    assert await refusal(tables.blob(OTHER, large)) is LARGE
    allowances = await RegistryUsageTable(tables.database).allowances()
    assert allowances["dmc"].used == await used(tables)
