"""The port `Blobs`: seen only through a repository's own link."""

import pytest

from moorage.domain.digest import digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.services.records import BlobRecord
from tests.contracts.tables import APP, OTHER, OpenTables, Tables

LAYER = digest_of(b"layer")


async def found(tables: Tables, repository: Repository = APP) -> BlobRecord:
    blob = await tables.blobs.find(repository, LAYER)
    assert blob is not None
    return blob


async def test_another_repository_s_blob_does_not_exist(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.blob(OTHER, b"other")
    assert (await found(tables)).size == 5
    assert await tables.blobs.find(OTHER, LAYER) is None
    assert await tables.blobs.find(Repository("dmc", "ap"), LAYER) is None
    assert not await tables.blobs.unlink(OTHER, LAYER)


async def test_deleting_here_does_not_hide_it_there(open_tables: OpenTables) -> None:
    one, other = await open_tables(), await open_tables()
    await one.registry()
    await one.blob(APP, b"layer")
    await one.blob(OTHER, b"layer")
    await found(other)
    await found(other, OTHER)
    assert await one.blobs.unlink(APP, LAYER)
    assert not await one.blobs.unlink(APP, LAYER)
    await found(other, OTHER)
    assert await other.blobs.find(APP, LAYER) is None


async def test_a_mounted_blob_is_the_target_s_own(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    source = await found(tables)
    assert await tables.blobs.mount(source, OTHER)
    assert await tables.blobs.mount(source, OTHER)
    assert await tables.blobs.unlink(APP, LAYER)
    mounted = await found(tables, OTHER)
    assert (mounted.size, mounted.needs_lease) == (5, False)


async def test_a_blob_that_went_meanwhile_is_not_mounted(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    source = await found(tables)
    await tables.blobs.unlink(APP, LAYER)
    assert not await tables.blobs.mount(source, OTHER)
    assert not await tables.blobs.renew(source)
    assert await tables.blobs.find(OTHER, LAYER) is None


async def test_a_mount_needs_a_registry(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    with pytest.raises(MoorageError) as failed:
        await tables.blobs.mount(await found(tables), Repository("none", "app"))
    assert failed.value.error is ErrorCode.NAME_UNKNOWN


async def test_a_blob_that_an_image_needs_is_not_unlinked(tables: Tables) -> None:
    image = await tables.image(APP)
    await tables.blob(OTHER, b"layer")
    with pytest.raises(MoorageError) as failed:
        await tables.blobs.unlink(APP, LAYER)
    assert failed.value.error is ErrorCode.IN_USE
    assert image in failed.value.message
    assert await tables.blobs.unlink(OTHER, LAYER)
    await tables.manifests.delete(APP, image, "ann")
    assert await tables.blobs.unlink(APP, LAYER)


async def test_a_lease_asks_to_be_renewed_before_it_ends(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    assert not (await found(tables)).needs_lease
    await tables.pass_time(0.5)
    blob = await found(tables)
    assert blob.needs_lease
    assert await tables.blobs.renew(blob)
    assert not (await found(tables)).needs_lease


async def test_a_blob_that_rests_in_an_image_asks_for_a_lease(tables: Tables) -> None:
    await tables.image(APP)
    await tables.pass_time(2)
    await tables.collect()
    assert (await found(tables)).needs_lease
