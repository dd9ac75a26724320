"""The port `Cleanups`: every server knows what the last collection did, and what each registry alone has."""

from moorage.domain.digest import Algorithm
from moorage.domain.name import Repository
from moorage.metastore.cleanups import KEPT, CleanupTable
from moorage.services.storage_records import Cleanup
from tests.contracts.tables import APP, OTHER, OpenTables, Tables

SITE = Repository("web", "site")


async def test_what_ended_last_is_known_to_every_process(open_tables: OpenTables) -> None:
    one, other = CleanupTable((await open_tables()).database), CleanupTable((await open_tables()).database)
    assert await one.latest() == (None, None)
    for number in range(KEPT + 3):
        await one.note(Cleanup("", number, number + 0.5, blobs=number))
    assert await other.latest() == (None, Cleanup("", KEPT + 2, KEPT + 2.5, blobs=KEPT + 2))


async def test_who_asks_is_noted_until_a_run_has_ended(tables: Tables) -> None:
    cleanups = CleanupTable(tables.database)
    await cleanups.ask("ann", 1.0)
    await cleanups.ask("bob", 2.0)
    asked, last = await cleanups.latest()
    assert (asked, last) == (Cleanup("ann", 1.0), None)
    run = Cleanup("ann", 3.0, 4.0, 1, 2, 3, 4)
    await cleanups.note(run)
    assert await cleanups.latest() == (None, run)


async def test_blobs_that_a_lease_still_holds_are_counted(tables: Tables) -> None:
    cleanups = CleanupTable(tables.database)
    digest = await tables.blob(APP, b"layer")
    assert await cleanups.skipped() == 0
    await tables.blobs.unlink(APP, digest)
    assert await cleanups.skipped() == 1
    await tables.pass_time(1.1)
    await tables.collect()
    assert await cleanups.skipped() == 0


async def test_unfinished_uploads_are_counted_with_the_oldest(tables: Tables) -> None:
    cleanups = CleanupTable(tables.database)
    assert (await cleanups.unfinished()).oldest is None
    first = await tables.uploads.begin("one", APP, "ann", Algorithm.SHA256)
    await tables.uploads.begin("two", APP, "ann", Algorithm.SHA256)
    assert await tables.uploads.advance(first, 7, None)
    found = await cleanups.unfinished()
    assert (found.uploads, found.bytes, found.oldest) == (2, 7, first.started_at)


async def test_only_here_is_what_no_other_registry_has_in_use(tables: Tables) -> None:
    web = await tables.registry("Web")
    dmc = await tables.registries.find("dmc")
    assert dmc is not None
    cleanups = CleanupTable(tables.database)
    assert await cleanups.only_here() is None
    await tables.blob(APP, b"own")
    await tables.blob(OTHER, b"own")
    shared = await tables.blob(APP, b"shared")
    await tables.blob(SITE, b"shared")
    await cleanups.add_up(10.0, 0)
    found = await cleanups.only_here()
    assert found is not None
    assert (found.at, found.bytes) == (10.0, {dmc.id: 3, web.id: 0})
    # Nothing changed: the time stays that of when it was added up.
    await cleanups.add_up(20.0, 0)
    assert await cleanups.only_here() == found
    await tables.blobs.unlink(SITE, shared)
    await cleanups.add_up(30.0, 25.0)
    assert await cleanups.only_here() == found
    await cleanups.add_up(40.0, 25.0)
    found = await cleanups.only_here()
    assert found is not None
    assert found.bytes == {dmc.id: 9, web.id: 0}


async def test_what_only_the_trash_of_others_has_is_still_only_here(tables: Tables) -> None:
    web = await tables.registry("Web")
    await tables.registries.update("web", {"trash_days": 14})
    await tables.blob(APP, b"shared")
    await tables.image(SITE, "v1", layers=[b"shared"])
    await tables.catalog.delete(SITE, None, (), "ann")
    cleanups = CleanupTable(tables.database)
    await cleanups.add_up(10.0, 0)
    found = await cleanups.only_here()
    assert found is not None
    assert found.bytes[web.id] == 0
    assert sum(found.bytes.values()) == len(b"shared")
    await tables.registry_trash.delete("dmc", "ann")
    await cleanups.add_up(20.0, 0)
    found = await cleanups.only_here()
    assert found is not None
    assert found.bytes == {web.id: 0}
