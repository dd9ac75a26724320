"""A check is shown what is about to be changed, and what it refuses is not changed."""

from collections.abc import Awaitable, Callable
from typing import NoReturn

import pytest

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.ports import Check
from moorage.services.records import Account, Registry, RepositoryRecord
from tests.contracts.tables import APP, Tables

Record = Registry | RepositoryRecord | Account
Change = Callable[[Tables, Check[Record]], Awaitable[object]]
Look = Callable[[Tables], Awaitable[Record | None]]

REPOSITORY: Look = lambda tables: tables.catalog.repository(APP)  # noqa: E731  a row of the table below
REGISTRY: Look = lambda tables: tables.registries.find("dmc")  # noqa: E731  likewise
ACCOUNT: Look = lambda tables: tables.accounts.find("ann")  # noqa: E731  likewise
CHANGES: dict[str, tuple[Look, Change]] = {
    "describe a registry": (REGISTRY, lambda t, check: t.registries.update("dmc", {"description": "new"}, check)),
    "delete a registry": (REGISTRY, lambda t, check: t.registries.delete("dmc", check)),
    "describe a repository": (REPOSITORY, lambda t, check: t.catalog.describe(APP, "new", check)),
    "delete a repository": (REPOSITORY, lambda t, check: t.catalog.delete(APP, None, (), "ann", check)),
    "disable an account": (ACCOUNT, lambda t, check: t.accounts.change("ann", is_disabled=True, check=check)),
}


def refuse(_: Record) -> NoReturn:
    raise MoorageError(ErrorCode.PRECONDITION_FAILED)


async def fill(tables: Tables, what: str) -> None:
    await tables.accounts.create("ann", "hash", is_admin=False)
    if what != "delete a registry":
        await tables.image(APP, "1")


@pytest.mark.parametrize("what", CHANGES)
async def test_a_check_sees_what_is_there_and_then_it_changes(tables: Tables, what: str) -> None:
    await fill(tables, what)
    look, change = CHANGES[what]
    before, seen = await look(tables), list[Record]()
    assert await change(tables, seen.append)
    assert seen == [before]
    assert await look(tables) != before


@pytest.mark.parametrize("what", CHANGES)
async def test_what_a_check_refuses_stays_as_it_is(tables: Tables, what: str) -> None:
    await fill(tables, what)
    look, change = CHANGES[what]
    before = await look(tables)
    assert before is not None
    with pytest.raises(MoorageError) as caught:
        await change(tables, refuse)
    assert caught.value.error is ErrorCode.PRECONDITION_FAILED
    assert await look(tables) == before


async def test_a_check_is_not_asked_about_nothing(tables: Tables) -> None:
    assert not await tables.registries.delete("none", refuse)
    assert not await tables.catalog.describe(APP, "new", refuse)
    assert not await tables.accounts.change("none", is_disabled=True, check=refuse)
