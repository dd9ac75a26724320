"""The port `RegistryTrash`: a registry that is deleted is nowhere, and comes back whole until its time is over."""

import pytest

from moorage.domain.access import Role, Visibility
from moorage.domain.digest import Algorithm
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.retention import Rule
from moorage.services.records import Holder, HolderKind, Registry
from moorage.services.retention_records import RuleChanges
from moorage.services.trash_records import DeletionKind, hidden_address
from tests.contracts.tables import APP, OTHER, Tables
from tests.contracts.test_trash import DAYS_14, content, empty, keeping, rest


async def filled(tables: Tables) -> Registry:
    """Fill DMC with some of all that a registry can have, and let it keep what is deleted."""
    registry = await keeping(tables)
    await tables.person("ann")
    await tables.grant(registry.id, "ann", Role.OWNER)
    await tables.robots.create("ci", registry.id)
    rule = await tables.rules.create(registry.id, "ten", Rule(newest=10), "ann")
    await tables.rules.note_preview([rule])
    await tables.rules.change(registry.id, rule.id, RuleChanges(is_paused=False))
    first = await tables.image(APP, "1", "latest", layers=(b"own", b"shared"))
    await tables.index(APP, "all", children=[first])
    await tables.image(APP, subject=first)
    await tables.image(OTHER, "1", layers=(b"shared",))
    await tables.image(APP, "old", layers=(b"old",))
    await tables.catalog.delete(APP, (), ("old",), "ann")
    found = await tables.registries.find("dmc")
    assert found is not None
    return found


async def everything(tables: Tables) -> object:
    """Return all there is to see of DMC."""
    registry = await tables.registries.find("dmc")
    assert registry is not None
    summary = await tables.registries.summary("dmc", None, sees_all=True)
    trash = await tables.trash.page(registry.id, None, 100)
    rules = await tables.rules.every(registry.id)
    robots = await tables.robots.page(registry.id, "", 10)
    grants = await tables.grants.page(registry.id, "", 50)
    return registry, summary, trash, rules, robots, grants, await content(tables), await content(tables, OTHER)


async def deleted(tables: Tables, address: str = "dmc") -> int:
    gone = await tables.registry_trash.delete(address, "mara")
    assert gone is not None
    return gone.entry.id


async def test_a_registry_comes_back_as_it_was(tables: Tables) -> None:
    await filled(tables)
    before = await everything(tables)
    entry = await deleted(tables)
    await rest(tables)
    assert await tables.registry_trash.restore(entry)
    assert await everything(tables) == before
    assert await tables.registry_trash.page(None, 10) == ()
    assert tables.discarded == []


async def test_what_was_deleted_in_it_before_can_still_be_restored_after_it_has_come_back(tables: Tables) -> None:
    registry = await filled(tables)
    await tables.registry_trash.restore(await deleted(tables))
    (entry,) = await tables.trash.page(registry.id, None, 10)
    restored = await tables.trash.restore(registry.id, entry.id, "ann")
    assert restored is not None
    assert restored.tags == ("old",)


async def test_a_deleted_registry_is_nowhere(tables: Tables) -> None:
    registry = await filled(tables)
    await tables.registries.update("dmc", {"visibility": Visibility.PUBLIC.value, "quota": 10**9})
    ann, ci = await tables.accounts.find("ann"), await tables.accounts.find("ci")
    assert ann is not None
    assert ci is not None
    upload = await tables.uploads.begin("upload", APP, "ann", Algorithm.SHA256)
    entry = await deleted(tables)
    hidden = hidden_address(entry)
    for address in ("dmc", hidden):
        assert await tables.registries.find(address) is None
        assert await tables.registries.summary(address, None, sees_all=True) is None
    for sees_all in (True, False):
        assert await tables.registries.summaries(ann.id, sees_all=sees_all) == ()
        assert await tables.catalog.names(ann.id, "", 10, sees_all=sees_all) == ()
        assert await tables.catalog.repositories(registry.id, ann.id, "", 10, sees_all=sees_all) == ()
    assert await tables.manifests.find(APP, "1") is None
    assert await tables.uploads.find(APP, "upload", "ann") is None
    assert not await tables.uploads.advance(upload, 7, None)
    assert await tables.line.registries() == ()
    robot = await tables.accounts.get(ci.id)
    assert robot is not None
    assert robot.is_disabled


async def test_a_robot_is_let_in_again_with_its_registry(tables: Tables) -> None:
    registry = await keeping(tables)
    robot = await tables.robots.create("ci", registry.id)
    await tables.registry_trash.restore(await deleted(tables))
    found = await tables.accounts.get(robot.id)
    assert found is not None
    assert not found.is_disabled


async def test_its_entry_says_what_went(tables: Tables) -> None:
    registry = await filled(tables)
    frees = (await tables.registry_trash.contents(registry.id)).frees
    gone = await tables.registry_trash.delete("dmc", "mara", frees=frees)
    assert gone is not None
    assert (gone.entry.kind, gone.entry.name, gone.entry.deleted_by) == (DeletionKind.REGISTRY, "dmc", "mara")
    assert (gone.entry.repositories, gone.entry.tags, gone.entry.images) == (2, 4, 5)
    assert gone.entry.some == ("app", "other")
    assert (gone.entry.frees, gone.registry) == (frees, registry)
    assert await tables.registry_trash.find(gone.entry.id) is not None


async def test_its_contents_count_what_nothing_elsewhere_needs(tables: Tables) -> None:
    registry = await filled(tables)
    alone = await tables.registry_trash.contents(registry.id)
    assert (alone.repositories, alone.tags, alone.images, alone.deletions) == (2, 4, 5, 1)
    assert (alone.grants, alone.robots, alone.pulled_at, alone.pulled_by) == (1, 1, None, None)
    await tables.registry("Two")
    await tables.image(Repository("two", "app"), "1", layers=(b"shared",))
    assert alone.frees - (await tables.registry_trash.contents(registry.id)).frees == len(b"shared")
    await tables.registries.update("two", {"trash_days": 14})
    await deleted(tables, "two")
    assert await tables.registry_trash.contents(registry.id) == alone


async def test_another_registry_of_its_name_can_be_made_and_is_in_the_way_of_its_return(tables: Tables) -> None:
    await filled(tables)
    before = await everything(tables)
    entry = await deleted(tables)
    await tables.registry("dmc")
    await tables.registries.update("dmc", {"trash_days": 14})
    await tables.image(APP, "new")
    with pytest.raises(MoorageError) as failed:
        await tables.registry_trash.restore(entry)
    assert failed.value.error is ErrorCode.CONFLICT
    second = await deleted(tables)
    assert [each.entry.id for each in await tables.registry_trash.page(None, 10)] == [second, entry]
    await tables.registry_trash.restore(entry)
    assert await everything(tables) == before


async def test_its_repositories_are_listed_from_any_place_on(tables: Tables) -> None:
    await filled(tables)
    entry = await deleted(tables)
    every = await tables.registry_trash.repositories(entry, "", 10)
    assert [each.name.path for each in every] == ["app", "other"]
    assert [each.name.path for each in await tables.registry_trash.repositories(entry, "app", 10)] == ["other"]
    assert [each.name.path for each in await tables.registry_trash.repositories(entry, "", 1)] == ["app"]
    assert await tables.registry_trash.repositories(entry + 1, "", 10) == ()


async def test_deleted_registries_are_listed_the_newest_first(tables: Tables) -> None:
    made = []
    for name in ("one", "two", "three"):
        await tables.registry(name)
        await tables.registries.update(name, {"trash_days": 14})
        made.append(await deleted(tables, name))
    found = [each.entry.id for each in await tables.registry_trash.page(None, 2)]
    assert found == made[:0:-1]
    assert [each.entry.id for each in await tables.registry_trash.page(found[-1], 2)] == made[:1]


async def test_when_its_time_is_over_it_is_gone_with_all_it_had(tables: Tables) -> None:
    registry = await filled(tables)
    entry = await deleted(tables)
    await tables.pass_time(DAYS_14 + 1)
    assert await tables.registry_trash.find(entry) is None
    assert await tables.registry_trash.page(None, 10) == ()
    assert await tables.registry_trash.restore(entry) is None
    await rest(tables)
    assert (await tables.garbage.usage()).stored == 0
    assert await tables.grants.page(registry.id, "", 50) == ()
    assert await tables.rules.every(registry.id) == ()
    assert await tables.accounts.find("ci") is None
    assert await tables.trash.page(registry.id, None, 10) == ()


async def test_it_can_be_freed_before_its_time_and_not_twice(tables: Tables) -> None:
    await filled(tables)
    entry = await deleted(tables)
    assert await tables.registry_trash.expire(entry)
    assert await tables.registry_trash.expire(entry) is None
    assert await tables.registry_trash.restore(entry) is None
    await rest(tables)
    assert (await tables.garbage.usage()).stored == 0


async def test_what_a_new_registry_shares_with_a_freed_one_stays(tables: Tables) -> None:
    await filled(tables)
    entry = await deleted(tables)
    await tables.registry("dmc")
    image = await tables.image(APP, "1", layers=(b"shared",))
    before = await content(tables)
    await tables.registry_trash.expire(entry)
    await rest(tables)
    assert await content(tables) == before
    assert await tables.manifests.find(APP, image) is not None
    assert (await tables.garbage.usage()).trash == 0


async def test_without_days_it_is_gone_at_once(tables: Tables) -> None:
    registry = await tables.registries.find("dmc")
    assert registry is not None
    await tables.robots.create("ci", registry.id)
    await tables.image(APP, "1")
    gone = await tables.registry_trash.delete("dmc", "mara")
    assert gone is not None
    assert await tables.registry_trash.find(gone.entry.id) is None
    assert await tables.registry_trash.page(None, 10) == ()
    await tables.registry("dmc")
    await tables.robots.create("ci", None)
    await empty(tables)
    await rest(tables)
    assert (await tables.garbage.usage()).stored == 0


async def test_a_registry_with_an_immutable_tag_stays_unless_that_is_overridden(tables: Tables) -> None:
    await filled(tables)
    await tables.registries.update("dmc", {"immutable_tags": "1 @other"})
    before = await everything(tables)
    with pytest.raises(MoorageError) as failed:
        await tables.registry_trash.delete("dmc", "mara")
    assert failed.value.error is ErrorCode.TAG_IMMUTABLE
    assert await everything(tables) == before
    assert await tables.registry_trash.delete("dmc", "mara", overrides=True)
    assert await tables.registries.find("dmc") is None


async def test_rules_that_hold_none_of_its_tags_are_not_in_the_way(tables: Tables) -> None:
    await filled(tables)
    await tables.registries.update("dmc", {"immutable_tags": "v*"})
    assert await tables.registry_trash.delete("dmc", "mara")


async def test_rules_look_at_all_of_a_registry_that_is_back(tables: Tables) -> None:
    await filled(tables)
    (ruled,) = await tables.line.registries()
    await tables.line.set_mark(ruled, "mark")
    await tables.registry_trash.restore(await deleted(tables))
    assert await tables.line.registries() == (ruled,)


async def test_a_check_stops_each_change(tables: Tables) -> None:
    def refuse(_: object) -> None:
        raise MoorageError(ErrorCode.PRECONDITION_FAILED)

    await filled(tables)
    before = await everything(tables)
    with pytest.raises(MoorageError):
        await tables.registry_trash.delete("dmc", "mara", refuse)
    assert await everything(tables) == before
    entry = await deleted(tables)
    for change in (tables.registry_trash.restore, tables.registry_trash.expire):
        with pytest.raises(MoorageError):
            await change(entry, refuse)
    assert await tables.registry_trash.find(entry) is not None


async def test_a_deleted_registry_takes_no_grants(tables: Tables) -> None:
    registry = await filled(tables)
    await deleted(tables)
    made = await tables.registry("dmc")
    assert made.id != registry.id
    assert await tables.grants.find(made.id, Holder(HolderKind.USER, "ann"), "*") is None


async def test_the_last_registry_of_a_name_is_found_by_it_until_its_time_is_over(tables: Tables) -> None:
    await keeping(tables)
    assert await tables.registry_trash.named("dmc") is None
    await deleted(tables)
    await tables.registry("DMC")
    await keeping(tables)
    last = await deleted(tables)
    found = await tables.registry_trash.named("dmc")
    assert found is not None
    assert (found.entry.id, found.registry.name) == (last, "DMC")
    assert await tables.registry_trash.named("dm") is None
    await tables.pass_time(DAYS_14 + 1)
    assert await tables.registry_trash.named("dmc") is None
