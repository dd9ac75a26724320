"""Restoring where things have gone on meanwhile: what is there stays, and nothing that could come back is lost."""

import pytest

from moorage.domain.digest import digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.trash_records import DeletionKind
from tests.contracts.tables import APP, Tables
from tests.contracts.test_trash import entries, keeping, rest


async def test_a_tag_that_points_elsewhere_meanwhile_is_left_and_named(tables: Tables) -> None:
    registry = await keeping(tables)
    old = await tables.image(APP, "latest", "1.0")
    gone = await tables.catalog.delete(APP, (old,), (), "mara")
    new = await tables.image(APP, "latest")
    assert gone is not None
    assert gone.entry is not None
    restored = await tables.trash.restore(registry.id, gone.entry, "mara")
    assert restored is not None
    assert (restored.tags, restored.left, restored.missing) == (("1.0",), ("latest",), ())
    for tag, digest in (("latest", new), ("1.0", old)):
        found = await tables.tags.find(APP, tag)
        assert found is not None
        assert found.digest == digest


async def test_an_image_that_was_pushed_again_is_no_obstacle(tables: Tables) -> None:
    registry = await keeping(tables)
    body = {"schemaVersion": 2, "manifests": []}
    digest = await tables.put(APP, body, "application/x", "1.0", "old")
    gone = await tables.catalog.delete(APP, (digest,), (), "mara")
    assert await tables.put(APP, body, "application/x", "1.0") == digest
    assert gone is not None
    assert gone.entry is not None
    restored = await tables.trash.restore(registry.id, gone.entry, "mara")
    assert restored is not None
    assert (restored.tags, restored.left) == (("1.0", "old"), ())
    assert await tables.manifests.tags(APP, "", 10) == ("1.0", "old")
    await rest(tables)
    assert await tables.manifests.find(APP, "old") is not None


async def test_a_repository_comes_back_into_the_one_that_has_its_name(tables: Tables) -> None:
    registry = await keeping(tables)
    old = await tables.image(APP, "1.0", "latest", layers=[b"old", b"shared"])
    await tables.catalog.describe(APP, "images")
    gone = await tables.catalog.delete(APP, None, (), "mara")
    new = await tables.image(APP, "2.0", "latest", layers=[b"new", b"shared"])
    assert gone is not None
    assert gone.entry is not None
    restored = await tables.trash.restore(registry.id, gone.entry, "mara")
    assert restored is not None
    assert (restored.tags, restored.left) == (("1.0",), ("latest",))
    await rest(tables)
    pointing = {
        tag.name: tag.digest for tag in (await tables.catalog.tags(APP, order="name", after=None, limit=9)).rows
    }
    assert pointing == {"1.0": old, "2.0": new, "latest": new}
    for layer in (b"old", b"new", b"shared"):
        assert await tables.blobs.find(APP, digest_of(layer)) is not None
    assert not {digest_of(b"old"), digest_of(b"new"), digest_of(b"shared")} & set(tables.discarded)


async def test_an_image_comes_back_where_its_repository_has_gone_since(tables: Tables) -> None:
    registry = await keeping(tables)
    digest = await tables.image(APP, "1.0", layers=[b"own"])
    await tables.image(APP, "2.0")
    first = await tables.catalog.delete(APP, (digest,), (), "mara")
    await tables.catalog.delete(APP, None, (), "mara")
    assert first is not None
    assert first.entry is not None
    await tables.trash.restore(registry.id, first.entry, "mara")
    assert await tables.manifests.tags(APP, "", 10) == ("1.0",)
    (entry,) = await entries(tables)
    await tables.trash.restore(registry.id, entry.id, "mara")
    assert await tables.manifests.tags(APP, "", 10) == ("1.0", "2.0")


async def test_a_tag_whose_image_has_gone_since_waits_for_it(tables: Tables) -> None:
    registry = await keeping(tables)
    digest = await tables.image(APP, "1.0")
    await tables.image(APP, "2.0")
    await tables.tags.delete(APP, "1.0", "mara")
    await tables.catalog.delete(APP, (digest,), (), "mara")
    image, tag = await entries(tables)
    assert (image.kind, tag.kind) == (DeletionKind.IMAGES, DeletionKind.TAGS)
    with pytest.raises(MoorageError) as refused:
        await tables.trash.restore(registry.id, tag.id, "mara")
    assert refused.value.error is ErrorCode.CONFLICT
    assert await entries(tables) == (image, tag)
    await tables.trash.restore(registry.id, image.id, "mara")
    await tables.trash.restore(registry.id, tag.id, "mara")
    assert await tables.manifests.tags(APP, "", 10) == ("1.0", "2.0")


async def test_a_tag_alone_that_points_elsewhere_is_refused(tables: Tables) -> None:
    registry = await keeping(tables)
    await tables.image(APP, "1.0")
    await tables.tags.delete(APP, "1.0", "mara")
    (entry,) = await entries(tables)
    await tables.image(APP, "1.0")
    with pytest.raises(MoorageError, match="point elsewhere"):
        await tables.trash.restore(registry.id, entry.id, "mara")


async def test_the_history_of_tags_says_that_they_went_and_came(tables: Tables) -> None:
    registry = await keeping(tables)
    digest = await tables.image(APP, "1.0")
    await tables.catalog.delete(APP, (digest,), (), "mara")
    (entry,) = await entries(tables)
    assert (entry.some, entry.why, entry.deleted_by) == (("1.0",), "", "mara")
    restored = await tables.trash.restore(registry.id, entry.id, "kim")
    assert restored is not None
    (move,) = await tables.tags.point(APP, "1.0", await tables.image(APP), "ann") or ()
    assert move.previous == digest
