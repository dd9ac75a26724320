"""The port `Identities`."""

import asyncio
import time

import pytest

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.records import LinkedIdentity, Parting, Session
from tests.contracts.tables import OpenTables, Tables


async def test_whom_nobody_knows_gets_an_account_without_a_password(tables: Tables) -> None:
    assert await tables.identities.account("corp", "1") is None
    ann = await tables.identities.admit("corp", "1", "ann")
    assert (ann.name, ann.password_hash, ann.is_admin, ann.is_disabled) == ("ann", "", False, False)
    assert await tables.identities.account("corp", "1") == await tables.accounts.find("ann") == ann


async def test_whom_somebody_knows_keeps_the_account_whatever_their_name_is_now(tables: Tables) -> None:
    ann = await tables.identities.admit("corp", "1", "ann")
    assert await tables.identities.admit("corp", "1", "ann-married") == ann
    assert await tables.accounts.find("ann-married") is None


async def test_a_taken_name_is_a_conflict_and_leaves_nothing_behind(tables: Tables) -> None:
    await tables.accounts.create("ann", "hash", is_admin=False)
    with pytest.raises(MoorageError) as failed:
        await tables.identities.admit("corp", "1", "ann")
    assert failed.value.error is ErrorCode.CONFLICT
    assert await tables.identities.account("corp", "1") is None


async def test_two_first_sign_ins_at_once_make_one_account(open_tables: OpenTables) -> None:
    views = [await open_tables() for _ in range(3)]
    made = await asyncio.gather(*(view.identities.admit("corp", "1", "ann") for view in views))
    assert made[0] == made[1] == made[2]
    assert await views[0].accounts.page("", 9) == (made[0],)


async def test_directories_and_subjects_are_told_apart(tables: Tables) -> None:
    ann = await tables.identities.admit("corp", "a", "ann")
    for directory, subject in (("corp", "A"), ("partner", "a"), ("Corp", "a")):
        assert await tables.identities.account(directory, subject) is None
    other = await tables.identities.admit("partner", "a", "other")
    assert other != ann


async def test_one_account_may_be_linked_many_times_and_lists_them_in_order(tables: Tables) -> None:
    ann = await tables.accounts.create("ann", "hash", is_admin=False)
    assert await tables.identities.linked(ann.id) == ()
    for directory, subject in (("partner", "x"), ("corp", "2"), ("corp", "1"), ("corp", "1")):
        await tables.identities.link(ann.id, directory, subject)
    assert await tables.identities.linked(ann.id) == (
        LinkedIdentity("corp", "1"),
        LinkedIdentity("corp", "2"),
        LinkedIdentity("partner", "x"),
    )
    assert await tables.identities.account("partner", "x") == ann


async def test_nobody_is_taken_from_another_account(tables: Tables) -> None:
    ann = await tables.identities.admit("corp", "1", "ann")
    bob = await tables.accounts.create("bob", "hash", is_admin=False)
    with pytest.raises(MoorageError) as failed:
        await tables.identities.link(bob.id, "corp", "1")
    assert failed.value.error is ErrorCode.CONFLICT
    assert await tables.identities.account("corp", "1") == ann


async def test_an_unlinked_account_loses_that_directory_and_its_sessions_only(tables: Tables) -> None:
    ann = await tables.identities.admit("corp", "1", "ann")
    bob = await tables.identities.admit("corp", "2", "bob")
    await tables.identities.link(ann.id, "partner", "1")
    for account in (ann, bob):
        session = Session(account.name, account.id, "csrf", time.time(), time.time() + 60)
        await tables.accounts.open_session(session, account.password_hash)
    assert await tables.identities.unlink(ann.id, "corp")
    assert not await tables.identities.unlink(ann.id, "corp")
    assert await tables.identities.account("corp", "1") is None
    assert await tables.identities.linked(ann.id) == (LinkedIdentity("partner", "1"),)
    assert await tables.identities.account("corp", "2") == bob
    assert await tables.accounts.session("ann") is None
    assert await tables.accounts.session("bob") is not None


async def test_who_is_left_with_too_little_stays_linked(tables: Tables) -> None:
    ann = await tables.identities.admit("corp", "1", "ann")
    await tables.identities.link(ann.id, "partner", "x")
    shown: dict[LinkedIdentity, Parting] = {}

    def refuse_the_last(parting: Parting) -> None:
        # A story may be told more than once; what it was shown last is what counts.
        shown[parting.gone[0]] = parting
        if not parting.left:
            raise MoorageError(ErrorCode.IN_USE)

    unlinked = (tables.identities.unlink(ann.id, directory, refuse_the_last) for directory in ("corp", "partner"))
    done = await asyncio.gather(*unlinked, return_exceptions=True)
    # Whichever came first.
    assert done.count(True) == 1
    assert sum(isinstance(each, MoorageError) for each in done) == 1
    (stays,) = await tables.identities.linked(ann.id)
    goes = LinkedIdentity("partner", "x") if stays.directory == "corp" else LinkedIdentity("corp", "1")
    assert shown == {goes: Parting(ann, (goes,), (stays,)), stays: Parting(ann, (stays,), ())}
