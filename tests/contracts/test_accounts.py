"""The port `Accounts`."""

import asyncio
import time

import pytest

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.records import Account, Session
from tests.contracts.tables import OpenTables, Tables


async def person(tables: Tables, name: str = "ann") -> Account:
    return await tables.accounts.create(name, "hash", is_admin=False)


async def session_of(tables: Tables, account: Account, token_hash: str, seconds: float = 60) -> Session:
    session = Session(token_hash, account.id, "csrf", time.time(), time.time() + seconds)
    assert await tables.accounts.open_session(session, account.password_hash)
    return session


async def test_an_account_is_found_by_name_and_by_id(tables: Tables) -> None:
    ann = await person(tables)
    root = await tables.accounts.create("Root", "other hash", is_admin=True)
    assert (ann.name, ann.password_hash, ann.is_admin, ann.is_disabled) == ("ann", "hash", False, False)
    assert await tables.accounts.find("ann") == await tables.accounts.get(ann.id) == ann
    assert root.is_admin
    assert await tables.accounts.find("root") is None
    assert await tables.accounts.get(root.id + 1) is None
    assert await tables.accounts.page("", 9) == (root, ann)
    assert await tables.accounts.page("", 1) == (root,)
    assert await tables.accounts.page("Root", 1) == (ann,)


async def test_a_name_is_taken_once(tables: Tables) -> None:
    ann = await person(tables)
    with pytest.raises(MoorageError) as failed:
        await tables.accounts.create("ann", "another hash", is_admin=True)
    assert failed.value.error is ErrorCode.CONFLICT
    assert await tables.accounts.find("ann") == ann


async def test_only_what_is_named_changes(tables: Tables) -> None:
    ann = await person(tables)
    assert await tables.accounts.change("ann", password_hash="new")
    assert await tables.accounts.change("ann", is_disabled=True)
    changed = await tables.accounts.get(ann.id)
    assert changed is not None
    assert (changed.password_hash, changed.is_disabled, changed.is_admin) == ("new", True, False)
    assert await tables.accounts.change("ann", is_disabled=False)
    changed = await tables.accounts.find("ann")
    assert changed is not None
    assert (changed.password_hash, changed.is_disabled) == ("new", False)
    assert not await tables.accounts.change("nobody", is_disabled=True)


@pytest.mark.parametrize("change", [{"password_hash": "new"}, {"is_disabled": True}])
async def test_no_session_is_opened_for_an_account_that_has_changed(
    tables: Tables, change: dict[str, str | bool]
) -> None:
    ann = await person(tables)
    await tables.accounts.change("ann", **change)  # type: ignore[arg-type]  # names and values belong together
    session = Session("late", ann.id, "csrf", time.time(), time.time() + 60)
    assert not await tables.accounts.open_session(session, ann.password_hash)
    assert await tables.accounts.session("late") is None
    nobody = Session("nobody", ann.id + 1, "csrf", time.time(), time.time() + 60)
    assert not await tables.accounts.open_session(nobody, ann.password_hash)


@pytest.mark.parametrize("change", [{"password_hash": "new"}, {"is_disabled": True}])
async def test_a_change_ends_the_account_s_sessions_and_no_others(
    open_tables: OpenTables, change: dict[str, str | bool]
) -> None:
    one, other = await open_tables(), await open_tables()
    ann, tom = await person(one), await person(one, "tom")
    await session_of(one, ann, "a")
    await session_of(one, ann, "b")
    kept = await session_of(one, tom, "c")
    assert await other.accounts.session("a") is not None
    await one.accounts.change("ann", **change)  # type: ignore[arg-type]  # one of its keywords each time
    assert [await other.accounts.session(token) for token in "abc"] == [None, None, kept]


async def test_a_session_lasts_until_it_is_closed_or_expires(tables: Tables) -> None:
    ann = await person(tables)
    session = await session_of(tables, ann, "a")
    await session_of(tables, ann, "old", seconds=-1)
    assert await tables.accounts.session("a") == session
    assert await tables.accounts.session("old") is None
    assert await tables.accounts.session("never opened") is None
    await tables.accounts.close_session("a")
    await tables.accounts.close_session("a")
    assert await tables.accounts.session("a") is None


async def test_the_last_administrator_is_not_disabled(tables: Tables) -> None:
    root = await tables.accounts.create("root", "hash", is_admin=True)
    await person(tables)
    for password_hash in (None, "another hash"):
        with pytest.raises(MoorageError) as refused:
            await tables.accounts.change("root", is_disabled=True, password_hash=password_hash)
        assert refused.value.error is ErrorCode.IN_USE
        assert await tables.accounts.get(root.id) == root
    assert await tables.accounts.change("ann", is_disabled=True)
    assert await tables.accounts.change("root", is_disabled=False, password_hash="another hash")


async def test_the_last_administrator_is_neither_unmade_nor_deleted(tables: Tables) -> None:
    root = await tables.accounts.create("root", "hash", is_admin=True)
    disabled = await tables.accounts.create("other", "hash", is_admin=True)
    await tables.accounts.change(disabled.name, is_disabled=True)
    for change in (tables.accounts.change("root", is_admin=False), tables.accounts.delete("root")):
        with pytest.raises(MoorageError) as refused:
            await change
        assert refused.value.error is ErrorCode.IN_USE
        assert await tables.accounts.get(root.id) == root
    await person(tables)
    assert await tables.accounts.change("ann", is_admin=True)
    assert await tables.accounts.delete("root")
    assert await tables.accounts.delete("other")


async def test_a_deleted_account_takes_its_sessions_and_leaves_its_name(tables: Tables) -> None:
    await tables.accounts.create("root", "hash", is_admin=True)
    ann = await person(tables)
    await session_of(tables, ann, "of ann")
    assert await tables.accounts.delete("ann")
    assert not await tables.accounts.delete("ann")
    assert await tables.accounts.session("of ann") is None
    assert await tables.accounts.get(ann.id) is None
    again = await person(tables)
    assert again.id != ann.id, "bearer tokens name these ids"


async def test_a_robot_is_not_deleted_as_a_person(tables: Tables) -> None:
    robot = await tables.robots.create("ci", None)
    assert not await tables.accounts.delete("ci")
    assert await tables.accounts.get(robot.id) is not None


async def test_of_administrators_who_disable_each_other_at_once_one_stays(open_tables: OpenTables) -> None:
    views = [await open_tables(), await open_tables()]
    names = ["one", "two", "three"]
    for name in names:
        await views[0].accounts.create(name, "hash", is_admin=True)
    changes = (view.accounts.change(name, is_disabled=True) for view in views for name in names)
    done = await asyncio.gather(*changes, return_exceptions=True)
    assert {error.error for error in done if isinstance(error, MoorageError)} == {ErrorCode.IN_USE}
    assert len([account for account in await views[1].accounts.page("", 9) if not account.is_disabled]) == 1
