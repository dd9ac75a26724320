"""People of directories: which account they get, and what happens when a directory is silent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from moorage.domain.access import ANONYMOUS, Caller
from moorage.domain.activity import Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity
from moorage.metastore.accounts import AccountTable
from moorage.metastore.activity import ActivityTable
from moorage.metastore.groups import GroupTable
from moorage.metastore.identities import IdentityTable
from moorage.services.directories import LONGEST_SUBJECT, DirectoryService
from moorage.services.recording import ActivityQuery
from moorage.services.records import Account, LinkedIdentity, Mirrored
from tests.auth.people import ROOT, access_of, open_database
from tests.services.known import Known, Mirror

ANN = Identity("corp", "uuid-1", "Ann", groups=("devs", "ops"))


@dataclass
class House:
    """The service with two directories; `ann` and `tom` are known to corp, another `tom` to partner."""

    accounts: AccountTable
    mirror: Mirror
    corp: Known
    partner: Known
    service: DirectoryService

    async def local(self, name: str) -> Account:
        return await self.accounts.create(name, "hash", is_admin=False)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_database(tmp_path) as database:
        accounts, mirror = AccountTable(database), Mirror()
        corp = Known("corp", {"ann": ANN, "tom": Identity("corp", "uuid-2", "tom")})
        partner = Known("partner", {"tom": Identity("partner", "7", "tom"), "eve@x": Identity("partner", "8", "eve")})
        access = access_of(database)
        service = DirectoryService(
            accounts, IdentityTable(database), mirror, access, ("corp", "partner", "web"), (corp, partner)
        )
        yield House(accounts, mirror, corp, partner, service)


async def test_a_first_sign_in_makes_an_account_without_a_password(house: House) -> None:
    made = await house.service.accept(ANN)
    assert (made.name, made.password_hash, made.is_admin) == ("ann", "", False)
    assert await house.accounts.page("", 9) == (made,)


async def test_the_next_sign_in_finds_it_even_under_a_new_name(house: House) -> None:
    made = await house.service.accept(ANN)
    assert await house.service.accept(ANN) == made
    assert await house.service.accept(Identity("corp", "uuid-1", "ann-married")) == made


async def test_an_equal_name_is_never_linked_silently(house: House) -> None:
    admin = await house.accounts.create("ann", "hash", is_admin=True)
    with pytest.raises(MoorageError) as refused:
        await house.service.accept(ANN)
    assert refused.value.error is ErrorCode.DENIED
    assert "moorage user link ann corp uuid-1" in refused.value.message
    await house.service.link_named(ROOT, "ann", "corp", "uuid-1")
    assert await house.service.accept(ANN) == admin


async def test_the_command_that_is_shown_can_be_pasted(house: House) -> None:
    await house.local("ann")
    with pytest.raises(MoorageError) as refused:
        await house.service.accept(Identity("corp", "1; rm -rf /", "ann"))
    assert "moorage user link ann corp '1; rm -rf /'" in refused.value.message


async def test_a_disabled_account_stays_out_and_its_groups_untouched(house: House) -> None:
    made = await house.service.accept(ANN)
    await house.accounts.change("ann", is_disabled=True)
    house.mirror.groups.clear()
    with pytest.raises(MoorageError) as refused:
        await house.service.accept(ANN)
    assert refused.value.error is ErrorCode.UNAUTHORIZED
    assert (await house.accounts.get(made.id)) is not None
    assert house.mirror.groups == {}


async def test_groups_are_those_of_the_last_sign_in(house: House) -> None:
    made = await house.service.accept(ANN)
    assert house.mirror.groups == {("corp", made.id): ("devs", "ops")}
    await house.service.accept(Identity("corp", "uuid-1", "ann", groups=("ops",)))
    assert house.mirror.groups == {("corp", made.id): ("ops",)}


async def test_a_sign_in_that_changes_groups_tells_which(tmp_path: Path) -> None:
    async with open_database(tmp_path) as database:
        groups, log = GroupTable(database), ActivityTable(database)
        service = DirectoryService(AccountTable(database), IdentityTable(database), groups, access_of(database))
        for name in ("devs", "ops"):
            await groups.create(name, Mirrored("corp", name))

        async def told() -> list[tuple[str, str, str, object, object]]:
            rows, _ = await log.page(ActivityQuery(), None, 100, oldest_first=True)
            moves = [row for row in rows if row.kind in {Kind.JOIN_GROUP, Kind.LEAVE_GROUP}]
            return [(row.who, row.kind.value, row.target, row.before, row.after) for row in moves]

        await service.accept(ANN)
        facts = {"user": "ann", "directory": "corp"}
        seen: list[tuple[str, str, str, object, object]] = [
            ("ann", "join-group", "devs", None, facts),
            ("ann", "join-group", "ops", None, facts),
        ]
        assert await told() == seen
        await service.accept(ANN)
        assert await told() == seen
        await service.accept(replace(ANN, groups=("ops",)))
        seen.append(("ann", "leave-group", "devs", facts, None))
        assert await told() == seen
        await service.unlink(ROOT, "ann", "corp")
        assert await told() == [*seen, (ROOT.name, "leave-group", "ops", facts, None)]


async def test_one_account_in_two_directories_is_one_person(house: House) -> None:
    made = await house.service.accept(ANN)
    second = Identity("web", "sub-9", "ann.smith")
    await house.service.link(made, second)
    assert await house.service.accept(second) == await house.service.accept(ANN) == made
    assert await house.service.linked(ROOT, "ann") == (
        LinkedIdentity("corp", "uuid-1"),
        LinkedIdentity("web", "sub-9"),
    )


async def test_unlinking_takes_the_groups_along_and_works_for_a_directory_that_is_gone(house: House) -> None:
    made = await house.service.accept(Identity("gone", "1", "ann", groups=("devs",)))
    await house.service.unlink(ROOT, "ann", "gone")
    assert house.mirror.groups == {("gone", made.id): ()}
    with pytest.raises(MoorageError) as refused:
        await house.service.unlink(ROOT, "ann", "gone")
    assert refused.value.error is ErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    ("name", "directory", "subject", "error"),
    [
        ("nobody", "corp", "1", ErrorCode.NOT_FOUND),
        ("ann", "cord", "1", ErrorCode.VALUE_INVALID),
        ("ann", "corp", "", ErrorCode.VALUE_INVALID),
        ("ann", "corp", "x" * (LONGEST_SUBJECT + 1), ErrorCode.VALUE_INVALID),
        ("ann", "corp", "taken", ErrorCode.CONFLICT),
    ],
)
async def test_what_can_not_be_linked_is_refused(
    house: House, name: str, directory: str, subject: str, error: ErrorCode
) -> None:
    await house.local("ann")
    await house.service.accept(Identity("corp", "taken", "bob"))
    with pytest.raises(MoorageError) as refused:
        await house.service.link_named(ROOT, name, directory, subject)
    assert refused.value.error is error
    assert await house.service.linked(ROOT, "ann") == ()


async def test_only_administrators_link_others(house: House) -> None:
    made = await house.service.accept(ANN)
    for caller, error in ((Caller(made.id, "ann"), ErrorCode.DENIED), (ANONYMOUS, ErrorCode.UNAUTHORIZED)):
        for refused in (
            house.service.link_named(caller, "ann", "web", "1"),
            house.service.unlink(caller, "ann", "corp"),
            house.service.linked(caller, "ann"),
        ):
            with pytest.raises(MoorageError) as raised:
                await refused
            assert raised.value.error is error


async def test_directories_are_asked_in_order_until_one_knows(house: House) -> None:
    found = await house.service.verify("tom", "tom's password", None)
    assert found is not None
    assert await house.service.linked(ROOT, "tom") == (LinkedIdentity("corp", "uuid-2"),)
    assert house.partner.asked == []
    assert await house.service.verify("tom", "wrong", None) is None
    assert house.partner.asked == ["tom"]


@pytest.mark.parametrize("name", ["partner\\tom", "PARTNER\\tom", "tom@partner", "tom@Partner"])
async def test_a_name_may_say_which_directory(house: House, name: str) -> None:
    found = await house.service.verify(name, "tom's password", None)
    assert found is not None
    assert await house.service.linked(ROOT, "tom") == (LinkedIdentity("partner", "7"),)
    assert house.corp.asked == []


async def test_other_names_with_an_at_are_names(house: House) -> None:
    assert await house.service.verify("eve@x", "eve@x's password", None) is not None
    assert house.corp.asked == ["eve@x"]


async def test_a_silent_directory_is_named_to_those_it_may_know(house: House) -> None:
    house.corp.is_silent = True
    with pytest.raises(MoorageError) as refused:
        await house.service.verify("ann", "ann's password", None)
    assert refused.value.error is ErrorCode.UNAVAILABLE
    assert "corp" in refused.value.message
    assert house.partner.asked == ["ann"]


async def test_a_silent_directory_keeps_nobody_of_another_one_out(house: House) -> None:
    house.corp.is_silent = True
    assert await house.service.verify("tom", "tom's password", None) is not None


async def test_a_silent_directory_does_not_matter_to_an_account_with_a_password_of_its_own(house: House) -> None:
    house.corp.is_silent = house.partner.is_silent = True
    bob = await house.local("bob")
    assert await house.service.verify("bob", "wrong", bob) is None
    await house.service.link_named(ROOT, "bob", "corp", "5")
    with pytest.raises(MoorageError):
        await house.service.verify("bob", "wrong", bob)
    made = await house.service.accept(ANN)
    with pytest.raises(MoorageError):
        await house.service.verify("ann", "wrong", made)


async def test_all_directories_that_might_know_somebody_are_named_with_their_reasons(house: House) -> None:
    house.corp.is_silent = house.partner.is_silent = True
    with pytest.raises(MoorageError) as refused:
        await house.service.verify("nobody", "x", None)
    assert refused.value.message == (
        "the directory corp cannot be asked: it sleeps; the directory partner cannot be asked: it sleeps"
    )
    assert refused.value.detail == {"directory": "corp, partner"}
