"""The port `Manifests`: images and tags, whole or not at all."""

import asyncio
import json

import pytest

from moorage.domain.digest import digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import OCI_MANIFEST
from moorage.domain.name import Repository
from tests.contracts.tables import APP, OTHER, OpenTables, Tables

LAYER = digest_of(b"layer")
NAMES = sorted([*(f"v{number}" for number in range(120)), "math", "math-voila", "math.x", "math_x", "Math", "0", "_"])


async def digest_at(tables: Tables, reference: str, repository: Repository = APP) -> str | None:
    found = await tables.manifests.find(repository, reference)
    return found.digest if found else None


async def test_an_image_is_read_back_byte_for_byte_by_tag_and_by_digest(tables: Tables) -> None:
    body = b'{ "schemaVersion":2,\n\t"config":{"digest":"%s","size":5}, "layers":[] }\n\n' % LAYER.encode()
    await tables.blob(APP, b"layer")
    digest = await tables.push(APP, body, OCI_MANIFEST, "latest")
    by_digest, by_tag = await tables.manifests.find(APP, digest), await tables.manifests.find(APP, "latest")
    assert by_digest is not None
    assert (by_digest.body, by_digest.media_type, by_digest.digest) == (body, OCI_MANIFEST, digest_of(body))
    assert by_tag == by_digest


async def test_an_image_is_its_repository_s_alone(tables: Tables) -> None:
    image = await tables.image(APP, "latest")
    await tables.image(OTHER, "other")
    assert await digest_at(tables, image, OTHER) is None
    assert await digest_at(tables, "latest", OTHER) is None
    assert not await tables.manifests.delete(OTHER, image, "ann")
    assert not await tables.manifests.delete_tag(OTHER, "latest", "ann")
    assert await digest_at(tables, "latest") == image


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_an_image_whose_blobs_are_not_linked_here_leaves_nothing(tables: Tables, *, elsewhere: bool) -> None:
    before = await tables.image(APP, "latest", layers=[])
    if elsewhere:
        await tables.blob(OTHER, b"layer")
    document = {"config": {"digest": LAYER, "size": 5}, "layers": []}
    with pytest.raises(MoorageError) as failed:
        await tables.put(APP, document, OCI_MANIFEST, "latest", "new")
    assert failed.value.error is ErrorCode.MANIFEST_BLOB_UNKNOWN
    assert LAYER in json.dumps(failed.value.detail)
    assert await tables.manifests.tags(APP, "", 10) == ("latest",)
    assert await digest_at(tables, "latest") == before
    assert await digest_at(tables, digest_of(json.dumps(document).encode())) is None


async def test_an_image_in_no_registry_is_refused(tables: Tables) -> None:
    with pytest.raises(MoorageError) as failed:
        await tables.put(Repository("none", "app"), {"manifests": []}, "application/x", "latest")
    assert failed.value.error is ErrorCode.NAME_UNKNOWN


async def test_foreign_layers_subjects_and_children_need_not_be_here(tables: Tables) -> None:
    missing = {"digest": digest_of(b"missing"), "size": 7}
    await tables.blob(APP, b"layer")
    config = {"digest": LAYER, "size": 5}
    foreign = {"config": config, "layers": [{**missing, "urls": ["https://example.org"]}], "subject": missing}
    await tables.put(APP, foreign, OCI_MANIFEST, "foreign")
    await tables.index(APP, "sparse", children=[digest_of(b"missing")])
    assert await tables.manifests.tags(APP, "", 10) == ("foreign", "sparse")


async def test_a_tag_moves_and_leaves_the_image_it_pointed_to(tables: Tables) -> None:
    first, second = await tables.image(APP, "latest", "v1"), await tables.image(APP, "latest")
    assert await digest_at(tables, "latest") == second
    assert await digest_at(tables, "v1") == first
    assert await digest_at(tables, first) == first
    assert await tables.manifests.tags(APP, "", 10) == ("latest", "v1")


async def test_a_tag_says_when_it_was_pushed(tables: Tables) -> None:
    await tables.image(APP, "old")
    first = await tables.manifests.find(APP, "old")
    assert first is not None
    await tables.push(APP, first.body, OCI_MANIFEST, "new")
    old, new = await tables.manifests.find(APP, "old"), await tables.manifests.find(APP, "new")
    assert old is not None
    assert new is not None
    assert (old.digest, old.pushed_at) == (new.digest, first.pushed_at)
    assert new.pushed_at > old.pushed_at


async def test_deleting_a_tag_leaves_the_image_and_its_other_tags(tables: Tables) -> None:
    image = await tables.image(APP, "a", "b")
    assert await tables.manifests.delete_tag(APP, "a", "ann")
    assert not await tables.manifests.delete_tag(APP, "a", "ann")
    assert await digest_at(tables, "a") is None
    assert await digest_at(tables, "b") == await digest_at(tables, image) == image


async def test_deleting_an_image_takes_its_tags_at_once(tables: Tables) -> None:
    image, other = await tables.image(APP, "a", "b"), await tables.image(APP, "c")
    assert await tables.manifests.delete(APP, image, "ann")
    assert not await tables.manifests.delete(APP, image, "ann")
    assert [await digest_at(tables, reference) for reference in ("a", "b", image)] == [None, None, None]
    assert await tables.manifests.tags(APP, "", 10) == ("c",)
    assert await digest_at(tables, "c") == other


async def test_what_was_deleted_can_be_pushed_again(tables: Tables) -> None:
    image = await tables.image(APP, "latest")
    found = await tables.manifests.find(APP, image)
    assert found is not None
    await tables.manifests.delete(APP, image, "ann")
    assert await tables.push(APP, found.body, OCI_MANIFEST, "latest") == image
    assert await digest_at(tables, "latest") == image


async def test_tags_of_a_repository_without_images_are_not_those_of_no_repository(tables: Tables) -> None:
    assert await tables.manifests.tags(APP, "", 10) is None
    image = await tables.image(APP)
    assert await tables.manifests.tags(APP, "", 10) == ()
    await tables.manifests.delete(APP, image, "ann")
    assert await tables.manifests.tags(APP, "", 10) == ()


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_pages_of_tags_are_all_tags_in_byte_order(tables: Tables, limit: int) -> None:
    await tables.image(APP, *reversed(NAMES))
    pages: list[str] = []
    while page := await tables.manifests.tags(APP, pages[-1] if pages else "", limit):
        assert len(page) <= limit
        pages.extend(page)
    assert pages == sorted(NAMES, key=str.encode)


async def test_a_page_begins_after_a_tag_whether_or_not_it_exists(tables: Tables) -> None:
    await tables.image(APP, "a", "c", "d")
    assert await tables.manifests.tags(APP, "b", 10) == ("c", "d")
    assert await tables.manifests.tags(APP, "c", 10) == ("d",)
    assert await tables.manifests.tags(APP, "z", 10) == ()
    assert await tables.manifests.tags(APP, "", 0) == ()


async def test_referrers_are_listed_whether_or_not_their_subject_exists(tables: Tables) -> None:
    subject = digest_of(b"not pushed yet")
    assert await tables.manifests.referrers(APP, subject, "") == ((), None)
    pushed = sorted([await tables.image(APP, "signature", subject=subject), await tables.image(APP, subject=subject)])
    await tables.image(APP, subject=digest_of(b"another"))
    await tables.image(OTHER, subject=subject)
    found, _ = await tables.manifests.referrers(APP, subject, "")
    assert [record.digest for record in found] == pushed
    manifest = await tables.manifests.find(APP, pushed[0])
    assert manifest is not None
    assert (found[0].media_type, found[0].size) == (OCI_MANIFEST, len(manifest.body))
    await tables.manifests.delete(APP, pushed[0], "ann")
    assert [record.digest for record in (await tables.manifests.referrers(APP, subject, ""))[0]] == pushed[1:]


async def test_a_tag_that_moves_always_points_to_a_whole_image(open_tables: OpenTables) -> None:
    writer, reader = await open_tables(), await open_tables()
    await writer.registry()
    images = {await writer.image(APP, "latest")}
    moving = True

    async def read() -> int:
        reads = 0
        while moving:
            found = await reader.manifests.find(APP, "latest")
            assert found is not None
            assert found.digest in images
            assert digest_of(found.body) == found.digest
            reads += 1
            await asyncio.sleep(0)
        return reads

    task = asyncio.create_task(read())
    for _ in range(20):
        new = await writer.image(APP)
        images.add(new)
        manifest = await writer.manifests.find(APP, new)
        assert manifest is not None
        await writer.push(APP, manifest.body, OCI_MANIFEST, "latest")
    moving = False
    assert await task > 20
