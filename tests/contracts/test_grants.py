"""The port `Grants`."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage.domain.access import Grant, Role, Visibility
from moorage.domain.name import Repository
from moorage.domain.pattern import matches
from moorage.services.records import GrantRecord, Holder, HolderKind
from tests.contracts.tables import Tables

ANN, OPS = Holder(HolderKind.USER, "ann"), Holder(HolderKind.GROUP, "ops")
PATHS = ("app", "team", "team/app", "team/a_b", "team/axb", "team/a/b", "teams", "other")


async def dmc(tables: Tables) -> int:
    found = await tables.registries.find("dmc")
    assert found is not None
    return found.id


async def test_a_holder_has_one_role_for_each_pattern(tables: Tables) -> None:
    registry, ann = await dmc(tables), await tables.person("ann")
    for pattern, role in (("*", Role.READER), ("team/*", Role.READER), ("team/*", Role.OWNER)):
        assert await tables.grants.give(registry, ANN, pattern, role)
    assert await tables.grants.page(registry, "", 50) == (
        GrantRecord(ANN, "*", Role.READER),
        GrantRecord(ANN, "team/*", Role.OWNER),
    )
    assert await tables.grants.of(registry, ann.id) == (Grant(Role.READER), Grant(Role.OWNER, "team/*"))
    assert await tables.grants.take(registry, ANN, "*")
    assert not await tables.grants.take(registry, ANN, "*")
    assert await tables.grants.of(registry, ann.id) == (Grant(Role.OWNER, "team/*"),)


async def test_what_a_group_holds_counts_for_those_in_it(tables: Tables) -> None:
    registry, ann, tom = await dmc(tables), await tables.person("ann"), await tables.person("tom")
    await tables.groups.create("ops")
    await tables.groups.join("ops", "ann")
    await tables.grants.give(registry, OPS, "*", Role.WRITER)
    await tables.grants.give(registry, ANN, "*", Role.READER)
    assert await tables.grants.of(registry, ann.id) == (Grant(Role.READER), Grant(Role.WRITER, "*", "ops"))
    assert await tables.grants.of(registry, tom.id) == ()
    assert await tables.grants.page(registry, "", 50) == (
        GrantRecord(OPS, "*", Role.WRITER),
        GrantRecord(ANN, "*", Role.READER),
    )
    await tables.groups.delete("ops")
    assert await tables.grants.of(registry, ann.id) == (Grant(Role.READER),)
    assert await tables.grants.page(registry, "", 50) == (GrantRecord(ANN, "*", Role.READER),)


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_pages_of_grants_go_by_key_and_hold_each_once(tables: Tables, limit: int) -> None:
    registry, other = await dmc(tables), await tables.registry("other")
    for name in ("ann", "ann-b", "ann.c", "tom"):
        await tables.person(name)
    await tables.groups.create("ops")
    await tables.groups.create("ann")
    holders = [
        *(Holder(HolderKind.GROUP, name) for name in ("ann", "ops")),
        *(Holder(HolderKind.USER, name) for name in ("ann", "ann-b", "ann.c", "tom")),
    ]
    for holder in reversed(holders):
        for pattern in ("team/*", "*"):
            await tables.grants.give(registry, holder, pattern, Role.READER)
        await tables.grants.give(other.id, holder, "*", Role.READER)
    found: list[GrantRecord] = []
    while page := await tables.grants.page(registry, found[-1].key if found else "", limit):
        assert len(page) <= limit
        found += page
    assert found == [GrantRecord(holder, pattern, Role.READER) for holder in holders for pattern in ("*", "team/*")]
    assert (await tables.grants.page(registry, "h", 50))[0].holder == ANN
    assert await tables.grants.page(registry, "v", 50) == ()


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_members_are_the_accounts_with_a_role_on_the_whole_registry(tables: Tables, limit: int) -> None:
    registry = await dmc(tables)
    await tables.groups.create("ops")
    await tables.grants.give(registry, OPS, "*", Role.WRITER)
    for name, pattern in (("tom", "*"), ("eve", "team/*"), ("ann", "*"), ("bob", "*")):
        await tables.person(name)
        await tables.grants.give(registry, Holder(HolderKind.USER, name), pattern, Role.READER)
    found: list[str] = []
    while page := await tables.grants.members(registry, found[-1] if found else "", limit):
        assert len(page) <= limit
        found += (grant.holder.name for grant in page)
    assert found == ["ann", "bob", "tom"]


async def test_nobody_holds_a_grant_who_does_not_exist(tables: Tables) -> None:
    registry = await dmc(tables)
    for holder in (Holder(HolderKind.USER, "ops"), Holder(HolderKind.GROUP, "ann")):
        assert not await tables.grants.give(registry, holder, "*", Role.READER)
        assert not await tables.grants.take(registry, holder, "*")
    assert await tables.grants.page(registry, "", 50) == ()


async def test_a_grant_counts_in_its_registry_alone(tables: Tables) -> None:
    registry, ann, other = await dmc(tables), await tables.person("ann"), await tables.registry("d_c")
    await tables.grant(registry, "ann", Role.OWNER)
    await tables.grant(other.id, "ann", Role.READER, "team/*")
    assert await tables.grants.of(other.id, ann.id) == (Grant(Role.READER, "team/*"),)
    await tables.image(Repository("d_c", "team/app"))
    await tables.image(Repository("d_c", "app"))
    await tables.registry("dxc")
    await tables.image(Repository("dxc", "team/app"))
    assert await tables.catalog.names(ann.id, "", 10, sees_all=False) == ("d_c/team/app",)


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_lists_hold_what_a_pattern_matches_in_exact_pages(tables: Tables, limit: int) -> None:
    registry, ann = await dmc(tables), await tables.person("ann")
    await tables.registry("open", Visibility.PUBLIC)
    for path in PATHS:
        for name in ("dmc", "open"):
            await tables.put(Repository(name, path), {"manifests": []}, "application/x", "latest")
    await tables.groups.create("ops")
    await tables.groups.join("ops", "ann")
    await tables.grants.give(registry, OPS, "team/a_b", Role.READER)
    await tables.grants.give(registry, ANN, "*ther", Role.OWNER)
    names: list[str] = []
    while page := await tables.catalog.names(ann.id, names[-1] if names else "", limit, sees_all=False):
        names.extend(page)
    assert names == ["dmc/other", "dmc/team/a_b", *sorted(f"open/{path}" for path in PATHS)]
    listed: list[str] = []
    after = ""
    while records := await tables.catalog.repositories(registry, ann.id, after, limit, sees_all=False):
        listed.extend(record.name.path for record in records)
        after = listed[-1]
    assert listed == ["other", "team/a_b"]


@given(pattern=st.text("ab_/.*", min_size=1, max_size=6))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_lists_and_decisions_read_a_pattern_alike(tables: Tables, pattern: str) -> None:
    registry = await dmc(tables)
    ann = await tables.accounts.find("ann") or await tables.person("ann")
    paths = ("a", "ab", "a_b", "a.b", "axb", "a/b", "b/a/b", "bab")
    if not await tables.catalog.names(None, "", 1, sees_all=True):
        for path in paths:
            await tables.put(Repository("dmc", path), {"manifests": []}, "application/x")
    await tables.grant(registry, "ann", Role.READER, pattern)
    names = await tables.catalog.names(ann.id, "", 100, sees_all=False)
    await tables.grants.take(registry, ANN, pattern)
    assert names == tuple(sorted(f"dmc/{path}" for path in paths if matches(pattern, path)))
