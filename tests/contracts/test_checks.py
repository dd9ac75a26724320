"""A check is shown what is about to be changed, and what it refuses is not changed."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NoReturn

import pytest

from moorage.domain.access import Role
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.limits import TokenAction
from moorage.services.ports import Check
from moorage.services.records import Holder, HolderKind, NewAccessToken
from tests.contracts.tables import APP, Tables

DAY = 86400.0
ANN, OPS = Holder(HolderKind.USER, "ann"), Holder(HolderKind.GROUP, "ops")
LAPTOP = NewAccessToken("laptop", "0" * 64, frozenset({TokenAction.PULL}), ("*",), DAY)
Change = Callable[[Tables, Check[Any]], Awaitable[object]]
Look = Callable[[Tables], Awaitable[object]]


async def dmc(tables: Tables) -> int:
    registry = await tables.registries.find("dmc")
    return registry.id if registry else 0


async def ann(tables: Tables, name: str = "ann") -> int:
    account = await tables.accounts.find(name)
    return account.id if account else 0


async def grant(tables: Tables, holder: Holder, pattern: str) -> object:
    return await tables.grants.find(await dmc(tables), holder, pattern)


async def give(tables: Tables, holder: Holder, pattern: str, check: Check[Any]) -> bool:
    return await tables.grants.give(await dmc(tables), holder, pattern, Role.OWNER, check)


async def take(tables: Tables, check: Check[Any]) -> bool:
    return await tables.grants.take(await dmc(tables), ANN, "team/*", check)


async def linked(tables: Tables) -> object:
    return await tables.identities.linked(await ann(tables)) or None


async def unlink(tables: Tables, check: Check[Any]) -> bool:
    return await tables.identities.unlink(await ann(tables), "corp", lambda parting: check(parting.gone))


async def robot(tables: Tables) -> object:
    return await tables.accounts.find("ci")


async def delete_robot(tables: Tables, check: Check[Any]) -> bool:
    return await tables.robots.delete(await ann(tables, "ci"), check)


async def token(tables: Tables) -> object:
    return await tables.access_tokens.named(await ann(tables), "laptop")


async def revoke(tables: Tables, check: Check[Any]) -> bool:
    return await tables.access_tokens.delete(await ann(tables), "laptop", check)


async def member(tables: Tables, name: str = "ann") -> object:
    return name if await tables.groups.holds("ops", name) else None


REPOSITORY: Look = lambda tables: tables.catalog.repository(APP)  # noqa: E731  a row of the table below
REGISTRY: Look = lambda tables: tables.registries.find("dmc")  # noqa: E731  likewise
ACCOUNT: Look = lambda tables: tables.accounts.find("ann")  # noqa: E731  likewise
CHANGES: dict[str, tuple[Look, Change]] = {
    "describe a registry": (REGISTRY, lambda t, check: t.registries.update("dmc", {"description": "new"}, check)),
    "delete a registry": (REGISTRY, lambda t, check: t.registry_trash.delete("dmc", "ann", check)),
    "describe a repository": (REPOSITORY, lambda t, check: t.catalog.describe(APP, "new", check)),
    "delete a repository": (REPOSITORY, lambda t, check: t.catalog.delete(APP, None, (), "ann", check)),
    "disable an account": (ACCOUNT, lambda t, check: t.accounts.change("ann", is_disabled=True, check=check)),
    "give another role": (partial(grant, holder=ANN, pattern="team/*"), lambda t, check: give(t, ANN, "team/*", check)),
    "give a first role": (partial(grant, holder=OPS, pattern="team/*"), lambda t, check: give(t, OPS, "team/*", check)),
    "take a role": (partial(grant, holder=ANN, pattern="team/*"), take),
    "delete a group": (lambda t: t.groups.find("ops"), lambda t, check: t.groups.delete("ops", check)),
    "join a group": (partial(member, name="tom"), lambda t, check: t.groups.join("ops", "tom", check)),
    "leave a group": (member, lambda t, check: t.groups.leave("ops", "ann", check)),
    "unlink an account": (linked, unlink),
    "delete a robot": (robot, delete_robot),
    "revoke an access token": (token, revoke),
}


def refuse(_: object) -> NoReturn:
    raise MoorageError(ErrorCode.PRECONDITION_FAILED)


async def fill(tables: Tables, what: str) -> None:
    for name in ("ann", "tom"):
        await tables.person(name)
    await tables.groups.create("ops")
    await tables.groups.join("ops", "ann")
    await tables.robots.create("ci", None)
    await tables.access_tokens.create(await ann(tables), LAPTOP, "ann")
    await tables.identities.link(await ann(tables), "corp", "uuid-1")
    await tables.grants.give(await dmc(tables), ANN, "team/*", Role.READER)
    if what != "delete a registry":
        await tables.image(APP, "1")


@pytest.mark.parametrize("what", CHANGES)
async def test_a_check_sees_what_is_there_and_then_it_changes(tables: Tables, what: str) -> None:
    await fill(tables, what)
    look, change = CHANGES[what]
    before, seen = await look(tables), list[object]()
    assert await change(tables, seen.append)
    assert seen == [before]
    assert await look(tables) != before


@pytest.mark.parametrize("what", CHANGES)
async def test_what_a_check_refuses_stays_as_it_is(tables: Tables, what: str) -> None:
    await fill(tables, what)
    look, change = CHANGES[what]
    before = await look(tables)
    with pytest.raises(MoorageError) as caught:
        await change(tables, refuse)
    assert caught.value.error is ErrorCode.PRECONDITION_FAILED
    assert await look(tables) == before


async def test_a_check_is_not_asked_about_nothing(tables: Tables) -> None:
    assert not await tables.registry_trash.delete("none", "ann", refuse)
    assert not await tables.catalog.describe(APP, "new", refuse)
    assert not await tables.accounts.change("none", is_disabled=True, check=refuse)
    assert not await tables.groups.delete("none", refuse)
    assert not await tables.groups.join("none", "ann", refuse)
    assert not await tables.robots.delete(0, refuse)
    assert not await tables.access_tokens.delete(0, "none", refuse)
    assert not await tables.identities.unlink(0, "none", refuse)
    assert not await take(tables, refuse)
