"""The ports of verification: all there is is listed, damage is there for nobody, and one process is at a round."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from sqlalchemy import LargeBinary, bindparam, delete, update

from moorage.domain.damage import Fault
from moorage.domain.digest import digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import OCI_MANIFEST
from moorage.metastore.steps import Steps
from moorage.metastore.tables import links, manifests
from moorage.services.accounts import SERVER
from moorage.services.verify_reading import Findings, Reader, lacking
from moorage.services.verify_records import Damaged, Stock, StoredBlob, StoredImage
from tests.contracts.tables import APP, OTHER, OpenTables, Tables

if TYPE_CHECKING:
    from moorage.services.verify_ports import Measuring

LAYER = digest_of(b"layer")
SPOIL = update(manifests).values(body=bindparam("new", type_=LargeBinary))
UNLINK = delete(links).where(links.c.digest == bindparam("gone"))


def same() -> bool:
    return True


def other() -> bool:
    return False


async def stored(tables: Tables) -> StoredBlob:
    found = await tables.contents.blob(LAYER)
    assert found is not None
    return found


async def quarantine(tables: Tables) -> StoredBlob:
    blob = await stored(tables)
    assert await tables.damages.quarantine(blob, Fault.CHANGED, digest_of(b"other"), 5.0, same)
    return replace(blob, is_quarantined=True)


async def spoil(tables: Tables, body: bytes) -> None:
    """Put other bytes into all images."""

    def story() -> Steps[None]:
        yield SPOIL, {"new": body}

    await tables.database.write(story)


async def test_everything_is_listed_once_page_after_page(tables: Tables) -> None:
    pushed = {await tables.image(APP, f"v{at}", layers=[bytes([at])]) for at in range(5)}
    blobs: list[StoredBlob] = []
    after = ""
    while page := await tables.contents.blobs(after, 3):
        blobs += page
        after = page[-1].digest
    images: list[StoredImage] = []
    last = 0
    while some := await tables.contents.images(last, 100, 1):
        assert len(some) == 1
        images += some
        last = some[-1].id
    assert {image.digest for image in images} == pushed
    assert all(digest_of(image.body) == image.digest and lacking(image) == () for image in images)
    assert len(blobs) == 10
    assert blobs == sorted(blobs, key=lambda blob: blob.digest)
    assert await tables.contents.stock() == Stock(5, 10, sum(blob.size for blob in blobs))


async def test_many_images_come_at_once_as_far_as_they_fit(tables: Tables) -> None:
    for at in range(3):
        await tables.image(APP, f"v{at}")
    assert len(await tables.contents.images(0, 100, 1 << 20)) == 3
    assert len(await tables.contents.images(0, 2, 1 << 20)) == 2


async def test_a_blob_in_quarantine_is_there_for_nobody(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.blob(OTHER, b"layer")
    await quarantine(tables)
    for repository in (APP, OTHER):
        found = await tables.blobs.find(repository, LAYER)
        assert found is not None
        assert found.is_damaged
    assert await tables.damages.count() == Damaged(1, 0)


async def test_a_manifest_that_names_a_blob_in_quarantine_is_refused(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.blob(APP, b"{}")
    document = {
        "schemaVersion": 2,
        "config": {"mediaType": "x", "digest": digest_of(b"{}"), "size": 2},
        "layers": [{"mediaType": "x", "digest": LAYER, "size": 5}],
    }
    await quarantine(tables)
    with pytest.raises(MoorageError) as refused:
        await tables.put(APP, document, "application/vnd.oci.image.manifest.v1+json", "latest")
    assert refused.value.error is ErrorCode.MANIFEST_BLOB_UNKNOWN
    await tables.blob(APP, b"layer")
    await tables.put(APP, document, "application/vnd.oci.image.manifest.v1+json", "latest")


async def test_a_push_ends_the_quarantine_for_every_repository(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.blob(OTHER, b"layer")
    await quarantine(tables)
    await tables.blob(OTHER, b"layer")
    for repository in (APP, OTHER):
        found = await tables.blobs.find(repository, LAYER)
        assert found is not None
        assert not found.is_damaged
    assert await tables.damages.count() == Damaged(0, 0)


async def test_an_image_is_damaged_with_what_it_needs_in_every_process(tables: Tables, open_tables: OpenTables) -> None:
    second = await open_tables()
    image = await tables.image(APP, "v1")
    index = await tables.index(APP, "all", children=[image])
    whole = await tables.image(APP, "whole", layers=[b"another layer"])

    async def damaged(process: Tables) -> list[bool]:
        await process.generation()
        found = [await process.manifests.find(APP, reference) for reference in ("v1", image, "all", index, whole)]
        return [record is None or record.is_damaged for record in found]

    for process in (tables, second):
        assert not any(await damaged(process))
    await quarantine(tables)
    for process in (tables, second):
        assert await damaged(process) == [True, True, True, True, False]
    await second.blob(OTHER, b"layer")
    for process in (tables, second):
        assert not any(await damaged(process))


async def test_an_image_that_lacks_a_blob_is_damaged_until_it_is_pushed(tables: Tables) -> None:
    document = {"schemaVersion": 2, "config": {"mediaType": "x", "digest": digest_of(b"{}"), "size": 2}, "layers": []}
    await tables.blob(APP, b"{}")
    digest = await tables.put(APP, document, OCI_MANIFEST, "v1")
    index = await tables.index(APP, children=[digest])
    (image, _) = await tables.contents.images(0, 10, 1 << 20)
    assert await tables.damages.mark(image, Fault.INCOMPLETE)
    for reference in ("v1", digest, index):
        found = await tables.manifests.find(APP, reference)
        assert found is not None
        assert found.is_damaged
    await tables.put(APP, document, OCI_MANIFEST, "v1")
    for reference in ("v1", digest, index):
        found = await tables.manifests.find(APP, reference)
        assert found is not None
        assert not found.is_damaged


async def test_what_is_there_by_now_is_not_what_was_found(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    blob = await stored(tables)
    assert not await tables.damages.quarantine(blob, Fault.CHANGED, None, 5.0, other)
    elsewhere = replace(blob, place="another/place")
    assert not await tables.damages.quarantine(elsewhere, Fault.CHANGED, None, 5.0, same)
    gone = StoredBlob(digest_of(b"gone"), 4, digest_of(b"gone"))
    assert not await tables.damages.quarantine(gone, Fault.MISSING, None, 5.0, same)
    assert await tables.damages.count() == Damaged(0, 0)


async def test_a_blob_on_its_way_here_is_not_missing(tables: Tables) -> None:
    await tables.uploads.claim(LAYER, 5)
    assert not await tables.damages.quarantine(await stored(tables), Fault.MISSING, None, 5.0, same)
    await tables.blob(APP, b"layer")
    assert await tables.damages.quarantine(await stored(tables), Fault.MISSING, None, 5.0, same)


async def test_bytes_that_are_right_again_end_the_quarantine(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    blob = await quarantine(tables)
    assert not await tables.damages.lift(blob, other)
    assert await tables.damages.lift(blob, same)
    assert not await tables.damages.lift(blob, same)
    assert await tables.damages.count() == Damaged(0, 0)


async def test_a_collected_blob_takes_its_damage_with_it(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await quarantine(tables)
    await tables.pass_time(2)
    await tables.collect()
    assert await tables.contents.blob(LAYER) is None
    assert await tables.damages.count() == Damaged(0, 0)


async def test_damage_is_listed_with_the_images_it_breaks(tables: Tables) -> None:
    await tables.image(APP, "one", "two")
    untagged = await tables.image(OTHER)
    await quarantine(tables)
    (damage,) = await tables.damages.every("", 10)
    assert (damage.digest, damage.fault, damage.found_at) == (LAYER, Fault.CHANGED, 5.0)
    assert damage.images == ("dmc/app:one", "dmc/app:two", f"dmc/other@{untagged}")
    assert damage.repositories == ("dmc/app", "dmc/other")
    assert await tables.damages.every(damage.key, 10) == ()


async def test_a_spoilt_manifest_is_served_to_nobody_and_heals_with_its_push(tables: Tables) -> None:
    body = b'{"schemaVersion":2,"manifests":[]}'
    kind = "application/vnd.oci.image.index.v1+json"
    digest = await tables.push(APP, body, kind, "latest")
    await spoil(tables, b"{}")
    for reference in (digest, "latest"):
        with pytest.raises(MoorageError) as missing:
            await tables.manifests.find(APP, reference)
        assert missing.value.error is ErrorCode.MANIFEST_UNKNOWN
    (image,) = await tables.contents.images(0, 10, 1000)
    assert await tables.damages.mark(image, Fault.CHANGED)
    (damage,) = await tables.damages.every("", 10)
    assert (damage.digest, damage.images, damage.repository) == (digest, ("dmc/app:latest",), "dmc/app")
    await tables.push(APP, body, kind)
    found = await tables.manifests.find(APP, "latest")
    assert found is not None
    assert found.body == body
    assert await tables.damages.count() == Damaged(0, 0)
    assert not await tables.damages.mark(image, Fault.CHANGED)


async def test_damage_in_the_trash_is_found_as_it_is_elsewhere(tables: Tables) -> None:
    assert await tables.registries.update("dmc", {"trash_days": 14})
    image = await tables.image(APP, "latest")
    assert await tables.manifests.delete(APP, image, "ann")
    await spoil(tables, b"{}")
    findings = Findings()
    # No blob is read.
    reader = Reader(tables.contents, tables.damages, cast("Measuring", None), SERVER, time.time)
    await reader.images(await tables.contents.images(0, 10, 1000), findings)
    assert [found.content.rpartition("@")[2] for found in findings.new] == [image]
    assert [damage.digest for damage in await tables.damages.every("", 10)] == [image]


async def test_an_image_without_a_link_lacks_a_blob(tables: Tables) -> None:
    await tables.image(APP, "latest")

    def story() -> Steps[None]:
        yield UNLINK, {"gone": LAYER}

    await tables.database.write(story)
    (image,) = await tables.contents.images(0, 10, 10_000)
    assert lacking(image) == (LAYER,)


async def test_one_process_is_at_a_round(tables: Tables) -> None:
    mine = await tables.rounds.begin("", "mine", 100.0)
    further = replace(mine, blob=LAYER, seen_at=110.0, done=Stock(1, 2, 3))
    assert await tables.rounds.advance(further)
    assert await tables.rounds.take(mine, "theirs", 120.0) is None
    taken = await tables.rounds.take(further, "theirs", 120.0)
    assert taken == replace(further, runner="theirs", seen_at=120.0)
    assert not await tables.rounds.advance(further)
    assert await tables.rounds.advance(replace(taken, ended_at=130.0))
    assert not await tables.rounds.advance(taken)
    assert await tables.rounds.latest() == (None, replace(taken, ended_at=130.0))


async def test_a_new_round_takes_the_place_of_one_that_has_not_ended(tables: Tables) -> None:
    before = await tables.rounds.begin("", "mine", 100.0)
    after = await tables.rounds.begin("ann", "mine", 200.0)
    assert not await tables.rounds.advance(before)
    assert await tables.rounds.latest() == (after, None)
