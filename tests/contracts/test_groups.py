"""The port `Groups`."""

import pytest

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.records import Mirrored, Moves
from tests.contracts.tables import OpenTables, Tables


async def memberships(tables: Tables, user: str) -> list[str]:
    return [group.name for group in await tables.groups.page("", 9) if await tables.groups.holds(group.name, user)]


async def test_a_name_is_taken_once(tables: Tables) -> None:
    made = await tables.groups.create("ops")
    assert (made.name, made.mirrored, made.members) == ("ops", None, 0)
    assert await tables.groups.find("ops") == made
    assert await tables.groups.find("dev") is None
    with pytest.raises(MoorageError) as failed:
        await tables.groups.create("ops", Mirrored("ldap", "cn=ops"))
    assert failed.value.error is ErrorCode.CONFLICT
    assert await tables.groups.page("", 9) == (made,)
    other = await tables.groups.create("dev")
    assert await tables.groups.page("", 1) == (other,)
    assert await tables.groups.page("dev", 9) == (made,)


async def test_who_joins_is_in_until_they_leave(tables: Tables) -> None:
    for name in ("tom", "ann"):
        await tables.person(name)
    await tables.groups.create("ops")
    for name in ("tom", "ann", "ann"):
        assert await tables.groups.join("ops", name)
    assert await tables.groups.members("ops", "", 50) == ("ann", "tom")
    assert await tables.groups.members("ops", "", 1) == ("ann",)
    assert await tables.groups.members("ops", "ann", 1) == ("tom",)
    assert await tables.groups.holds("ops", "tom")
    assert not await tables.groups.holds("ops", "ghost")
    found = await tables.groups.find("ops")
    assert found is not None
    assert found.members == 2
    assert await tables.groups.leave("ops", "ann")
    assert not await tables.groups.leave("ops", "ann")
    assert await tables.groups.members("ops", "", 50) == ("tom",)


async def test_only_who_exists_joins_or_leaves_what_exists(tables: Tables) -> None:
    await tables.person("ann")
    await tables.groups.create("ops")
    for group, user in (("ops", "ghost"), ("ghosts", "ann")):
        assert not await tables.groups.join(group, user)
        assert not await tables.groups.leave(group, user)
    assert await tables.groups.members("ghosts", "", 50) == ()


async def test_a_deleted_group_is_empty_when_it_is_made_again(tables: Tables) -> None:
    await tables.person("ann")
    await tables.groups.create("ops")
    await tables.groups.join("ops", "ann")
    assert await tables.groups.delete("ops")
    assert not await tables.groups.delete("ops")
    await tables.groups.create("ops")
    assert await tables.groups.members("ops", "", 50) == ()


async def test_a_directory_decides_who_is_in_its_groups_and_in_no_other(tables: Tables) -> None:
    ann, _ = await tables.person("ann"), await tables.person("tom")
    for name, mirrored in (
        ("own", None),
        ("dev", Mirrored("ldap", "cn=dev")),
        ("ops", Mirrored("ldap", "cn=ops")),
        ("qa", Mirrored("ldap", "cn=qa")),
        ("web", Mirrored("oidc", "cn=dev")),
    ):
        made = await tables.groups.create(name, mirrored)
        assert made.mirrored == mirrored
    await tables.groups.join("own", "ann")
    assert await tables.groups.mirror("ldap", ann.id, ["cn=dev", "cn=ops", "cn=unknown"]) == Moves(("dev", "ops"), ())
    assert await memberships(tables, "ann") == ["dev", "ops", "own"]
    await tables.groups.mirror("oidc", ann.id, ["cn=dev"])
    assert await tables.groups.mirror("ldap", ann.id, ["cn=ops", "cn=qa", "cn=qa"]) == Moves(("qa",), ("dev",))
    assert await tables.groups.mirror("ldap", ann.id, ["cn=ops", "cn=qa"]) == Moves((), ())
    assert await memberships(tables, "ann") == ["ops", "own", "qa", "web"]
    await tables.groups.mirror("ldap", ann.id, [])
    assert await memberships(tables, "ann") == ["own", "web"]
    assert await memberships(tables, "tom") == []


async def test_mirroring_what_is_so_already_writes_nothing(open_tables: OpenTables) -> None:
    one, other = await open_tables(), await open_tables()
    ann = await one.person("ann")
    await one.groups.create("dev", Mirrored("ldap", "cn=dev"))
    await one.groups.mirror("ldap", ann.id, ["cn=dev"])
    before = await other.generation()
    await one.groups.mirror("ldap", ann.id, ["cn=dev"])
    assert await other.generation() == before
    await one.groups.mirror("ldap", ann.id, [])
    assert await other.generation() != before
