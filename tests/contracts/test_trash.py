"""The port `Trash`: what is deleted can be brought back whole until its time is over, and then leaves the disk."""

from collections.abc import Awaitable, Callable

import pytest

from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.metastore.usage import RegistryUsageTable
from moorage.services.records import Registry
from moorage.services.trash_records import DeletedEntry, DeletionKind
from moorage.services.usage_ports import RegistryUsage
from tests.contracts.tables import APP, LEASE, OTHER, Tables

DAYS_14 = 14 * 86_400 / LEASE
"""In leases."""


async def keeping(tables: Tables, days: int = 14) -> Registry:
    """Let the registry keep what is deleted."""
    found = await tables.registries.update("dmc", {"trash_days": days})
    assert found is not None
    return found


async def content(tables: Tables, repository: Repository = APP) -> object:
    """Return all there is to see of a repository, but how often it was pushed to."""
    found = await tables.catalog.repository(repository)
    tags = (await tables.catalog.tags(repository, order="name", after=None, limit=1000)).rows
    images = (await tables.catalog.images(repository, untagged=False, after=None, limit=1000)).rows
    whole = [await tables.catalog.image(repository, image.digest) for image in images]
    bodies = {}
    for image in (each for family in whole for each in family):
        record = await tables.manifests.find(repository, image.digest)
        bodies[image.digest] = record and record.body
    referrers = [await tables.manifests.referrers(repository, image.digest, "") for image in images]
    return found and (found.description, found.created_at, found.tags, found.size), tags, whole, bodies, referrers


async def entries(tables: Tables) -> tuple[DeletedEntry, ...]:
    registry = await tables.registries.find("dmc")
    assert registry is not None
    return await tables.trash.page(registry.id, None, 100)


async def empty(tables: Tables) -> None:
    """Empty the trash in steps as small as they get."""
    while await tables.trash.empty(1):
        pass


async def rest(tables: Tables) -> None:
    """Let all leases pass and everything unneeded go."""
    await tables.pass_time(2)
    await tables.collect()


async def by_protocol(tables: Tables, digest: Digest) -> object:
    return await tables.manifests.delete(APP, digest, "mara")


async def in_a_list(tables: Tables, digest: Digest) -> object:
    return await tables.catalog.delete(APP, (digest,), (), "mara")


async def its_repository(tables: Tables, _: Digest) -> object:
    return await tables.catalog.delete(APP, None, (), "mara")


DELETIONS: dict[str, Callable[[Tables, Digest], Awaitable[object]]] = {
    "by a container client": by_protocol,
    "in a list": in_a_list,
    "with its repository": its_repository,
}


@pytest.mark.parametrize("delete", DELETIONS.values(), ids=DELETIONS.keys())
async def test_an_image_comes_back_as_it_was(
    tables: Tables, delete: Callable[[Tables, Digest], Awaitable[object]]
) -> None:
    registry = await keeping(tables)
    digest = await tables.image(APP, "1.0", "latest", layers=[b"shared", b"own"])
    await tables.image(APP, "2.0", layers=[b"shared"])
    before = await content(tables)
    assert await delete(tables, digest)
    assert await tables.manifests.find(APP, digest) is None
    assert await tables.manifests.find(APP, "latest") is None
    await rest(tables)
    (entry,) = await entries(tables)
    assert (entry.name, entry.deleted_by) == ("dmc/app", "mara")
    restored = await tables.trash.restore(registry.id, entry.id, "mara")
    assert restored is not None
    assert {"1.0", "latest"} <= set(restored.tags)
    assert await content(tables) == before
    assert await entries(tables) == ()
    await rest(tables)
    assert await content(tables) == before
    for layer in (b"shared", b"own"):
        assert await tables.blobs.find(APP, digest_of(layer)) is not None
    assert digest_of(b"own") not in tables.discarded


async def test_an_index_comes_back_with_platforms_and_signatures(tables: Tables) -> None:
    registry = await keeping(tables)
    children = [await tables.image(APP, layers=[name]) for name in (b"amd64", b"arm64")]
    index = await tables.index(APP, "latest", children=children)
    signature = await tables.image(APP, layers=[b"signature"], subject=index)
    before = await content(tables)
    gone = await tables.catalog.delete(APP, (index,), (), "mara")
    assert gone is not None
    assert set(gone.images) == {index, *children, signature}
    (entry,) = await entries(tables)
    assert (entry.kind, entry.tags, entry.images, entry.frees) == (DeletionKind.IMAGES, 1, 4, gone.frees)
    assert gone.entry == entry.id
    assert [
        image.digest for image in (await tables.catalog.images(entry.hidden, untagged=False, after=None, limit=9)).rows
    ] == [index]
    await tables.trash.restore(registry.id, entry.id, "mara")
    assert await content(tables) == before


async def test_a_tag_alone_goes_and_comes_back_and_its_image_stays(tables: Tables) -> None:
    registry = await keeping(tables)
    digest = await tables.image(APP, "1.0")
    before = await content(tables)
    for delete in (
        lambda: tables.tags.delete(APP, "1.0", "mara"),
        lambda: tables.manifests.delete_tag(APP, "1.0", "mara"),
        lambda: tables.catalog.delete(APP, (), ("1.0",), "mara"),
    ):
        assert await delete()
        assert await tables.tags.find(APP, "1.0") is None
        assert await tables.manifests.find(APP, digest) is not None
        (entry,) = await entries(tables)
        assert (entry.kind, entry.some, entry.images, entry.frees) == (DeletionKind.TAGS, ("1.0",), 0, 0)
        await tables.trash.restore(registry.id, entry.id, "mara")
        assert await content(tables) == before


async def test_what_is_deleted_is_reached_by_no_name(tables: Tables) -> None:
    await keeping(tables)
    digest = await tables.image(APP, "1.0", layers=[b"secret"])
    await tables.catalog.delete(APP, (digest,), (), "mara")
    await tables.image(OTHER, "1.0")
    await tables.catalog.delete(OTHER, None, (), "mara")
    registry = await tables.registries.find("dmc")
    assert registry is not None
    await rest(tables)
    assert await tables.catalog.names(None, "", 100, sees_all=True) == ("dmc/app",)
    found = await tables.catalog.repositories(registry.id, None, "", 100, sees_all=True)
    assert [each.name for each in found] == [APP]
    assert await tables.manifests.find(APP, digest) is None
    assert await tables.blobs.find(APP, digest_of(b"secret")) is None
    (summary,) = await tables.registries.summaries(None, sees_all=True)
    assert (summary.repositories, summary.size) == (1, 0)
    assert await tables.manifests.referrers(APP, digest, "") == ((), None)


async def test_a_registry_that_keeps_nothing_has_nothing_to_restore(tables: Tables) -> None:
    await keeping(tables, 0)
    digest = await tables.image(APP, "1.0", layers=[b"own"])
    gone = await tables.catalog.delete(APP, (digest,), (), "mara")
    assert gone is not None
    assert gone.entry is None
    assert await entries(tables) == ()
    await rest(tables)
    assert digest_of(b"own") in tables.discarded


async def test_an_entry_lasts_its_days_in_the_servers_own_time(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = await keeping(tables)
    digest = await tables.image(APP, "1.0", layers=[b"own"])
    await tables.catalog.delete(APP, (digest,), (), "mara")
    (entry,) = await entries(tables)
    assert entry.expires_at - entry.deleted_at == 14 * 86_400
    monkeypatch.setattr("time.time", lambda: entry.deleted_at + 365 * 86_400)
    await empty(tables)
    await tables.pass_time(DAYS_14 - 1)
    await empty(tables)
    await tables.collect()
    assert await entries(tables) == (entry,)
    await tables.pass_time(1)
    assert await entries(tables) == ()
    assert await tables.trash.restore(registry.id, entry.id, "mara") is None
    assert tables.discarded == []
    await empty(tables)
    await tables.collect()
    assert digest_of(b"own") in tables.discarded


async def test_what_is_freed_is_off_the_disk_with_the_next_collection(tables: Tables) -> None:
    registry = await keeping(tables)
    digest = await tables.image(APP, "1.0", layers=[b"own", b"shared"])
    await tables.image(OTHER, "1.0", layers=[b"shared"])
    await rest(tables)
    await tables.catalog.delete(APP, (digest,), (), "mara")
    await rest(tables)
    (entry,) = await entries(tables)
    assert await tables.trash.expire(registry.id, entry.id) == (entry,)
    assert await tables.trash.find(registry.id, entry.id) is None
    assert await tables.trash.expire(registry.id, entry.id) == ()
    await empty(tables)
    await tables.collect()
    assert digest_of(b"own") in tables.discarded
    assert digest_of(b"shared") not in tables.discarded
    assert (await tables.garbage.usage()).waiting == 0


async def test_all_entries_of_a_registry_go_at_once_and_others_stay(tables: Tables) -> None:
    registry, other = await keeping(tables), await tables.registry("other")
    await tables.registries.update("other", {"trash_days": 1})
    elsewhere = Repository("other", "app")
    for repository in (APP, OTHER, elsewhere):
        await tables.image(repository, "1.0", layers=[str(repository).encode()])
        await tables.catalog.delete(repository, None, (), "mara")
    assert len(await tables.trash.expire(registry.id)) == 2
    assert await entries(tables) == ()
    assert len(await tables.trash.page(other.id, None, 10)) == 1
    await empty(tables)
    await rest(tables)
    assert digest_of(b"dmc/app") in tables.discarded
    assert digest_of(b"other/app") not in tables.discarded


async def test_a_blob_that_was_promised_outlives_the_trash(tables: Tables) -> None:
    registry = await keeping(tables)
    digest = await tables.image(APP, "1.0", layers=[b"own"])
    await rest(tables)
    await tables.blob(OTHER, b"own")
    await tables.catalog.delete(APP, (digest,), (), "mara")
    await tables.trash.expire(registry.id)
    await empty(tables)
    await tables.collect()
    assert digest_of(b"own") not in tables.discarded
    assert await tables.blobs.find(OTHER, digest_of(b"own")) is not None


async def test_a_check_that_raises_leaves_everything(tables: Tables) -> None:
    registry = await keeping(tables)
    digest = await tables.image(APP, "1.0")
    await tables.catalog.delete(APP, (digest,), (), "mara")
    (entry,) = await entries(tables)

    def refuse(shown: DeletedEntry) -> None:
        assert shown == entry
        raise MoorageError(ErrorCode.PRECONDITION_FAILED)

    with pytest.raises(MoorageError):
        await tables.trash.restore(registry.id, entry.id, "mara", refuse)
    with pytest.raises(MoorageError):
        await tables.trash.expire(registry.id, entry.id, refuse)
    assert await entries(tables) == (entry,)


async def test_an_immutable_tag_is_not_deleted_into_the_trash(tables: Tables) -> None:
    await keeping(tables)
    digest = await tables.image(APP, "v1")
    await tables.registries.update("dmc", {"immutable_tags": "v*"})
    for delete in DELETIONS.values():
        with pytest.raises(MoorageError) as refused:
            await delete(tables, digest)
        assert refused.value.error is ErrorCode.TAG_IMMUTABLE
    assert await entries(tables) == ()
    assert await tables.manifests.find(APP, "v1") is not None


async def test_another_registrys_entries_are_none(tables: Tables) -> None:
    registry, other = await keeping(tables), await tables.registry("other")
    digest = await tables.image(APP, "1.0")
    await tables.catalog.delete(APP, (digest,), (), "mara")
    (entry,) = await entries(tables)
    assert await tables.trash.find(other.id, entry.id) is None
    assert await tables.trash.restore(other.id, entry.id, "mara") is None
    assert await tables.trash.expire(other.id, entry.id) == ()
    assert await tables.trash.find(registry.id, entry.id) == entry


async def test_pages_go_from_the_newest_to_the_oldest(tables: Tables) -> None:
    registry = await keeping(tables)
    await tables.image(APP, *(f"t{number}" for number in range(5)))
    for number in range(5):
        await tables.tags.delete(APP, f"t{number}", "mara")
    every = [entry.some[0] for entry in await entries(tables)]
    assert every == ["t4", "t3", "t2", "t1", "t0"]
    paged: list[DeletedEntry] = []
    while page := await tables.trash.page(registry.id, paged[-1].id if paged else None, 2):
        paged.extend(page)
    assert [entry.some[0] for entry in paged] == every


async def test_what_shares_layers_frees_them_with_the_last_of_them(tables: Tables) -> None:
    await keeping(tables)
    first = await tables.image(APP, "1", layers=[b"x" * 1000])
    second = await tables.image(APP, "2", layers=[b"x" * 1000])
    one = await tables.catalog.delete(APP, (first,), (), "mara")
    two = await tables.catalog.delete(APP, (second,), (), "mara")
    assert one is not None
    assert two is not None
    assert one.frees < 1000 < two.frees


async def test_an_upload_to_a_repository_that_is_deleted_has_ended(tables: Tables) -> None:
    await keeping(tables)
    await tables.image(APP, "1.0")
    upload = await tables.uploads.begin("upload", APP, "ann", Algorithm.SHA256)
    await tables.catalog.delete(APP, None, (), "mara")
    assert await tables.uploads.find(APP, "upload", "ann") is None
    assert not await tables.uploads.finish(upload, digest_of(b"late"), 4)
    await tables.pass_time(2)
    assert await tables.uploads.expired(10) == ("upload",)


async def test_a_blob_of_a_deleted_repository_is_neither_promised_nor_mounted(tables: Tables) -> None:
    await keeping(tables)
    await tables.image(APP, "1.0", layers=[b"own"])
    blob = await tables.blobs.find(APP, digest_of(b"own"))
    assert blob is not None
    await tables.catalog.delete(APP, None, (), "mara")
    assert not await tables.blobs.renew(blob)
    assert not await tables.blobs.mount(blob, OTHER)


async def test_what_only_the_trash_needs_is_told_apart(tables: Tables) -> None:
    registry = await keeping(tables)
    digest = await tables.image(APP, "1.0", layers=[b"x" * 1000, b"shared" * 100])
    await tables.image(APP, "2.0", layers=[b"shared" * 100])
    await rest(tables)
    before = await tables.garbage.usage()
    gone = await tables.catalog.delete(APP, (digest,), (), "mara")
    assert gone is not None
    after = await tables.garbage.usage()
    assert (after.stored, after.linked, before.trash) == (before.stored, before.linked, 0)
    assert 1000 <= after.trash < 1100
    repository = await tables.catalog.repository(APP)
    assert repository is not None
    assert repository.deleted == gone.frees == await frees(tables)
    assert repository.size + await tables.trash.bytes_beside(APP) == await stored(tables)
    await rest(tables)
    assert (await tables.garbage.usage()).trash == after.trash
    await tables.trash.expire(registry.id)
    repository = await tables.catalog.repository(APP)
    assert repository is not None
    assert repository.deleted == await frees(tables) == await tables.trash.bytes_beside(APP) == 0
    await empty(tables)
    await tables.collect()
    usage = await tables.garbage.usage()
    assert (usage.trash, usage.stored) == (0, before.stored - after.trash)


async def test_what_comes_free_is_added_up_until_its_time_is_over_or_it_is_back(tables: Tables) -> None:
    registry = await keeping(tables)
    assert await frees(tables) == 0
    gone = []
    for name in ("1", "2"):
        await tables.image(APP, name, layers=(name.encode() * 1000,))
        gone.append(await tables.catalog.delete(APP, None, (), "mara"))
    one, other = filter(None, gone)
    assert await frees(tables) == one.frees + other.frees
    assert one.entry is not None
    await tables.trash.restore(registry.id, one.entry, "mara")
    assert await frees(tables) == other.frees
    await tables.trash.expire(registry.id)
    assert await frees(tables) == 0


async def usage_of(tables: Tables) -> RegistryUsage:
    registry = await tables.registries.find("dmc")
    assert registry is not None
    return (await RegistryUsageTable(tables.database).of([registry.id]))[registry.id]


async def frees(tables: Tables) -> int:
    return (await usage_of(tables)).frees


async def stored(tables: Tables) -> int:
    return (await usage_of(tables)).stored
