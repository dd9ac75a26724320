"""The port `Robots`."""

import pytest

from moorage.domain.access import Role
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.limits import TokenAction
from moorage.services.records import AccountKind, Holder, HolderKind, NewAccessToken
from tests.contracts.tables import Tables

TOKEN = NewAccessToken("ci", "aa", frozenset({TokenAction.PULL}), ("*",), None)
CI = Holder(HolderKind.USER, "ci")


async def test_a_robot_is_an_account_that_no_list_of_people_has(tables: Tables) -> None:
    robot = await tables.robots.create("ci", None)
    assert (robot.kind, robot.registry_id, robot.password_hash, robot.is_admin) == (AccountKind.ROBOT, None, "", False)
    assert await tables.accounts.find("ci") == await tables.accounts.get(robot.id) == robot
    assert await tables.accounts.page("", 9) == ()


async def test_robots_belong_to_a_registry_or_to_the_server(tables: Tables) -> None:
    dmc, other = await tables.registries.find("dmc"), await tables.registry("Other")
    assert dmc is not None
    of_server, b, a = [await tables.robots.create(*robot) for robot in (("z", None), ("b", dmc.id), ("a", dmc.id))]
    assert await tables.robots.page(None, "", 9) == (of_server,)
    assert await tables.robots.page(dmc.id, "", 9) == (a, b)
    assert await tables.robots.page(other.id, "", 9) == ()
    assert await tables.robots.page(dmc.id, "", 1) == (a,)
    assert await tables.robots.page(dmc.id, "a", 1) == (b,)
    assert await tables.robots.page(None, "z", 9) == ()


@pytest.mark.parametrize("name", ["ann", "ci"])
async def test_people_and_robots_share_their_names(tables: Tables, name: str) -> None:
    await tables.accounts.create("ann", "hash", is_admin=False)
    await tables.robots.create("ci", None)
    for make in (tables.robots.create(name, None), tables.accounts.create(name, "hash", is_admin=False)):
        with pytest.raises(MoorageError) as refused:
            await make
        assert refused.value.error is ErrorCode.CONFLICT


async def test_a_deleted_robot_takes_its_roles_and_access_tokens_along(tables: Tables) -> None:
    dmc = await tables.registries.find("dmc")
    assert dmc is not None
    robot = await tables.robots.create("ci", None)
    assert await tables.grants.give(dmc.id, CI, "*", Role.WRITER)
    token = await tables.access_tokens.create(robot.id, TOKEN, "root")
    assert await tables.robots.delete(robot.id)
    assert await tables.access_tokens.get(token.id) is None
    assert await tables.grants.page(dmc.id, "", 50) == ()
    assert not await tables.robots.delete(robot.id)
    assert (await tables.robots.create("ci", None)).id > robot.id


async def test_a_person_is_no_robot_to_delete(tables: Tables) -> None:
    ann = await tables.accounts.create("ann", "hash", is_admin=False)
    assert not await tables.robots.delete(ann.id)
    assert await tables.accounts.get(ann.id) == ann


async def test_a_registry_takes_its_robots_along(tables: Tables) -> None:
    dmc = await tables.registries.find("dmc")
    assert dmc is not None
    robot = await tables.robots.create("ci", dmc.id)
    await tables.registry_trash.delete("dmc", "ann")
    assert await tables.accounts.get(robot.id) is None


async def test_a_robot_of_a_registry_has_roles_there_only(tables: Tables) -> None:
    dmc, other = await tables.registries.find("dmc"), await tables.registry("Other")
    assert dmc is not None
    await tables.robots.create("ci", dmc.id)
    await tables.robots.create("mirror", None)
    assert await tables.grants.give(dmc.id, CI, "*", Role.WRITER)
    assert not await tables.grants.give(other.id, CI, "*", Role.WRITER)
    assert await tables.grants.give(other.id, Holder(HolderKind.USER, "mirror"), "*", Role.WRITER)


async def test_a_robot_of_a_registry_gets_no_roles_from_a_group(tables: Tables) -> None:
    dmc = await tables.registries.find("dmc")
    assert dmc is not None
    await tables.groups.create("ops", None)
    await tables.robots.create("ci", dmc.id)
    assert not await tables.groups.join("ops", "ci")
    assert await tables.groups.members("ops", "", 50) == ()
