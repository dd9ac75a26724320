"""People: who may have an account, what a password must be, and what a session is good for."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.access import ANONYMOUS, Caller
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.accounts import (
    ALPHABET,
    LONGEST_PASSWORD,
    SESSION_SECONDS,
    SHORTEST_PASSWORD,
    check_password,
    generate_password,
)
from moorage.services.attempts import BY_ONE
from moorage.services.records import Session
from tests.auth.people import ANN, BOB, ROOT, People, open_empty, open_people

LONG = "a long enough password"


@pytest.fixture
async def people(tmp_path: Path) -> AsyncIterator[People]:
    async with open_people(tmp_path) as people:
        yield people


def contents(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def sign_in(people: People, name: str = "bob", password: str = BOB) -> tuple[str, Session]:
    opened = await people.service.sign_in(name, password)
    assert opened is not None
    return opened


@pytest.mark.parametrize("name", ["a", "ann.smith", "build-1", "x_y", "0", "a" * 64])
async def test_a_name_is_letters_and_digits_with_single_marks_between(people: People, name: str) -> None:
    assert (await people.service.add(ROOT, name, LONG)).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Ann",
        "ann ",
        "ann\n",
        "-ann",
        "ann.",
        "a..b",
        "a/b",
        "a:b",
        "ä",
        "\u0661",
        "a" * 65,
        "\ud800",
        "a\0",
        "../x",
    ],
)
async def test_any_other_name_is_refused(people: People, name: str) -> None:
    with pytest.raises(MoorageError) as refused:
        await people.service.add(ROOT, name, LONG)
    assert refused.value.error is ErrorCode.NAME_INVALID
    assert await people.service.authenticate(name, LONG) is None


async def test_a_taken_name_is_a_conflict(people: People) -> None:
    with pytest.raises(MoorageError) as refused:
        await people.service.add(ROOT, "bob", LONG)
    assert refused.value.error is ErrorCode.CONFLICT


@given(st.text(max_size=2 * SHORTEST_PASSWORD))
def test_a_password_needs_twelve_characters_of_any_kind(password: str) -> None:
    if len(password) >= SHORTEST_PASSWORD:
        check_password(password)
    else:
        with pytest.raises(MoorageError) as refused:
            check_password(password)
        assert refused.value.error is ErrorCode.VALUE_INVALID
        with pytest.raises(MoorageError) as refused_nothing:
            check_password("")
        assert refused.value.message == refused_nothing.value.message


def test_a_password_longer_than_a_page_is_refused() -> None:
    check_password("x" * LONGEST_PASSWORD)
    with pytest.raises(MoorageError):
        check_password("x" * (LONGEST_PASSWORD + 1))


async def test_a_short_password_makes_no_account_and_changes_none(people: People) -> None:
    with pytest.raises(MoorageError):
        await people.service.add(ROOT, "eve", "short")
    with pytest.raises(MoorageError):
        await people.service.set_password(ROOT, "bob", "short")
    assert "eve" not in [account.name for account in await people.service.list(ROOT, "", 9)]
    assert await people.service.authenticate("bob", BOB) is not None


async def test_the_database_holds_no_password(people: People, tmp_path: Path) -> None:
    cookie, _ = await sign_in(people)
    kept = contents(tmp_path)
    assert b"$argon2id$" in kept
    assert [secret for secret in (ANN, BOB, cookie) if secret.encode() in kept] == []


async def test_only_administrators_look_after_accounts(people: People) -> None:
    bob = await people.service.authenticate("bob", BOB)
    assert bob is not None
    for caller, error in ((bob, ErrorCode.DENIED), (ANONYMOUS, ErrorCode.UNAUTHORIZED)):
        for refused in (
            people.service.add(caller, "eve", LONG, is_admin=True),
            people.service.list(caller, "", 9),
            people.service.set_password(caller, "ann", LONG),
            people.service.set_password(caller, "", LONG),
            people.service.disable(caller, "ann", disabled=True),
        ):
            with pytest.raises(MoorageError) as raised:
                await refused
            assert raised.value.error is error


async def test_everybody_changes_their_own_password(people: People) -> None:
    await people.service.set_password(Caller(people.bob.id, "bob"), "bob", LONG)
    assert await people.service.authenticate("bob", BOB) is None
    assert await people.service.authenticate("bob", LONG) == Caller(people.bob.id, "bob")


@pytest.mark.parametrize("name", ["nobody", "", "\ud800"])
async def test_who_does_not_exist_is_not_found(people: People, name: str) -> None:
    for change in (people.service.set_password(ROOT, name, LONG), people.service.disable(ROOT, name, disabled=True)):
        with pytest.raises(MoorageError) as refused:
            await change
        assert refused.value.error is ErrorCode.NOT_FOUND


async def test_a_disabled_person_is_out_until_they_are_let_in_again(people: People) -> None:
    await people.service.disable(ROOT, "bob", disabled=True)
    assert await people.service.authenticate("bob", BOB) is None
    await people.service.disable(ROOT, "bob", disabled=False)
    assert await people.service.authenticate("bob", BOB) is not None


async def test_the_last_administrator_stays(people: People) -> None:
    await people.service.add(ROOT, "second", LONG, is_admin=True)
    await people.service.disable(ROOT, "second", disabled=True)
    with pytest.raises(MoorageError) as refused:
        await people.service.disable(ROOT, "ann", disabled=True)
    assert refused.value.error is ErrorCode.IN_USE
    assert await people.service.authenticate("ann", ANN) is not None


async def test_a_session_is_who_signed_in_for_a_fortnight(people: People) -> None:
    cookie, session = await sign_in(people, "ann", ANN)
    assert await people.service.session(cookie) == (Caller(people.ann.id, "ann", is_admin=True), session)
    assert session.expires_at - session.created_at == SESSION_SECONDS
    assert cookie not in repr(session)


async def test_every_session_has_a_cookie_and_a_csrf_token_of_its_own(people: People) -> None:
    opened = [await sign_in(people) for _ in range(3)]
    assert len({cookie for cookie, _ in opened}) == len({session.csrf for _, session in opened}) == 3
    assert not {cookie for cookie, _ in opened} & {session.csrf for _, session in opened}


@pytest.mark.parametrize(("name", "password"), [("bob", ANN), ("nobody", BOB), ("", "")])
async def test_a_wrong_password_opens_no_session(people: People, name: str, password: str) -> None:
    assert await people.service.sign_in(name, password) is None


@pytest.mark.parametrize("cookie", ["", "x", "é", "\ud800", "x" * 10_000])
async def test_a_made_up_cookie_is_nobody(people: People, cookie: str) -> None:
    assert await people.service.session(cookie) is None
    await people.service.sign_out(cookie)


async def test_the_database_alone_signs_nobody_in(people: People) -> None:
    _, session = await sign_in(people)
    assert await people.service.session(session.token_hash) is None


async def test_a_session_ends_by_signing_out_and_no_other_does(people: People) -> None:
    (first, _), (second, _) = [await sign_in(people) for _ in range(2)]
    await people.service.sign_out(first)
    assert await people.service.session(first) is None
    assert await people.service.session(second) is not None


async def test_a_changed_password_ends_every_session(people: People) -> None:
    cookie, _ = await sign_in(people)
    await people.service.set_password(ROOT, "bob", BOB)
    assert await people.service.session(cookie) is None


async def test_a_disabled_account_ends_every_session(people: People) -> None:
    cookie, _ = await sign_in(people)
    await people.service.disable(ROOT, "bob", disabled=True)
    await people.service.disable(ROOT, "bob", disabled=False)
    assert await people.service.session(cookie) is None


async def test_a_password_that_is_changed_while_it_is_verified_opens_nothing(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = people.passwords.verify

    async def verify_slowly(password_hash: str | None, password: str) -> bool:
        is_right = await verify(password_hash, password)
        await people.service.set_password(ROOT, "bob", LONG)
        return is_right

    monkeypatch.setattr(people.passwords, "verify", verify_slowly)
    with pytest.raises(MoorageError) as refused:
        await people.service.sign_in("bob", BOB)
    assert refused.value.error is ErrorCode.UNAUTHORIZED
    with pytest.raises(MoorageError) as refused:
        await people.issuer.known("bob", LONG, time.time(), address="")
    assert refused.value.error is ErrorCode.UNAUTHORIZED


async def test_a_session_that_is_over_is_nobody(people: People) -> None:
    cookie, session = await sign_in(people)
    await people.table.close_session(session.token_hash)
    await people.table.open_session(replace(session, expires_at=time.time() - 1), people.bob.password_hash)
    assert await people.service.session(cookie) is None


async def test_guessing_at_the_sign_in_page_ends_in_waiting(people: People) -> None:
    for number in range(BY_ONE):
        assert await people.service.sign_in("bob", f"guess {number}", address="10.0.0.7") is None
    with pytest.raises(MoorageError) as refused:
        await people.service.sign_in("bob", BOB, address="10.0.0.7")
    assert refused.value.error is ErrorCode.TOO_MANY
    assert await people.service.sign_in("bob", BOB, address="10.0.0.8") is not None


async def test_of_many_guesses_at_once_one_is_answered_in_a_turn_of_the_event_loop(people: People) -> None:
    for number in range(BY_ONE):
        assert await people.service.sign_in("bob", f"guess {number}") is None
    guesses = [asyncio.create_task(people.service.sign_in("bob", f"another {number}")) for number in range(50)]
    answered = [0]
    while answered[-1] < len(guesses):
        await asyncio.sleep(0)
        answered.append(sum(guess.done() for guess in guesses))
    assert max(later - earlier for earlier, later in pairwise(answered)) == 1
    refused = await asyncio.gather(*guesses, return_exceptions=True)
    assert {error.error for error in refused if isinstance(error, MoorageError)} == {ErrorCode.TOO_MANY}


async def test_a_client_that_goes_away_takes_nobody_with_it(people: People) -> None:
    first = asyncio.create_task(people.service.authenticate("bob", BOB))
    second = asyncio.create_task(people.service.authenticate("bob", BOB))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None
    assert people.passwords.verified == 1


async def test_the_first_start_makes_an_administrator_with_the_password_given(tmp_path: Path) -> None:
    async with open_empty(tmp_path) as service:
        assert await service.ensure_admin("short") is None
        assert await service.authenticate("admin", "short") == Caller(1, "admin", is_admin=True)


async def test_the_first_start_makes_up_a_password_and_the_second_start_none(tmp_path: Path) -> None:
    async with open_empty(tmp_path) as service:
        made_up = await service.ensure_admin(None)
        assert made_up is not None
        assert await service.ensure_admin(None) is None
        assert await service.ensure_admin("another") is None
        assert await service.authenticate("admin", "another") is None
        assert await service.authenticate("admin", made_up) is not None


def test_a_made_up_password_is_long_and_read_without_doubt() -> None:
    made_up = {generate_password() for _ in range(200)}
    assert len(made_up) == 200
    assert {len(password) for password in made_up} == {20}
    assert set("".join(made_up)) <= set(ALPHABET)
    assert not set(ALPHABET) & set("0O1lIio")


async def test_a_person_changes_their_password_and_nothing_else_of_themselves(people: People) -> None:
    bob = Caller(people.bob.id, "bob")
    for is_disabled in (True, False):
        with pytest.raises(MoorageError) as refused:
            await people.service.change(bob, "bob", password=LONG, is_disabled=is_disabled)
        assert refused.value.error is ErrorCode.DENIED
    assert await people.service.authenticate("bob", BOB) is not None
