"""People whose passwords a directory keeps, beside those with a password of their own."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage.auth.callers import PASSWORD_SECONDS
from moorage.domain.access import Caller
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity
from moorage.domain.limits import TokenAction
from moorage.services.access_tokens import Wish
from moorage.services.accounts import DIRECTORY_SESSION_SECONDS, SESSION_SECONDS
from moorage.services.attempts import BY_ONE
from tests.auth.people import ANN, BOB, NOW, ROOT, People, basic, open_people
from tests.services.known import Known

HOME = "10.0.0.7"
LONG = "a long enough password"


@pytest.fixture
def corp() -> Known:
    """A directory that knows kim, and a bob who is not ours."""
    return Known("corp", {"kim": Identity("corp", "1", "kim"), "bob": Identity("corp", "2", "bob")})


@pytest.fixture
async def people(tmp_path: Path, corp: Known) -> AsyncIterator[People]:
    async with open_people(tmp_path, corp) as people:
        yield people


async def refusal(people: People, name: str, password: str) -> MoorageError:
    with pytest.raises(MoorageError) as refused:
        await people.callers.of(basic(name, password), NOW, address=HOME)
    return refused.value


async def test_who_a_directory_knows_is_a_caller_at_once(people: People) -> None:
    caller = await people.callers.of(basic("kim", "kim's password"), NOW)
    account = await people.table.find("kim")
    assert account is not None
    assert caller == Caller(account.id, "kim")


@pytest.mark.parametrize("name", ["corp\\kim", "kim@corp"])
async def test_a_name_that_says_which_directory_is_the_same_person(people: People, name: str) -> None:
    for _ in range(2):
        assert (await people.callers.of(basic(name, "kim's password"), NOW)).name == "kim"


async def test_a_directory_is_asked_once_in_five_minutes(people: People, corp: Known) -> None:
    for seconds in (0, PASSWORD_SECONDS - 1, PASSWORD_SECONDS):
        await people.callers.of(basic("kim", "kim's password"), NOW + seconds)
    assert corp.asked == ["kim", "kim"]


async def test_a_disabled_account_is_out_even_with_a_password_just_verified(people: People) -> None:
    await people.callers.of(basic("kim", "kim's password"), NOW)
    await people.service.disable(ROOT, "kim", disabled=True)
    assert (await refusal(people, "kim", "kim's password")).error is ErrorCode.UNAUTHORIZED
    assert (await refusal(people, "kim@corp", "kim's password")).message == "this account is closed"


async def test_an_account_with_a_right_password_of_its_own_asks_no_directory(people: People, corp: Known) -> None:
    corp.is_silent = True
    assert (await people.callers.of(basic("bob", BOB), NOW)).name == "bob"
    assert await people.service.sign_in("ann", ANN) is not None
    assert corp.asked == []


async def test_a_wrong_password_is_refused_in_the_same_words_everywhere(people: People, corp: Known) -> None:
    said = [await refusal(people, name, "wrong") for name in ("kim", "bob", "nobody", "kim@corp", "")]
    corp.is_silent = True
    said.append(await refusal(people, "bob", "wrong"))
    assert {(error.error, error.message) for error in said} == {
        (ErrorCode.UNAUTHORIZED, "the user name or the password is wrong")
    }


async def test_a_silent_directory_is_told_to_its_own_people_as_often_as_they_ask(people: People, corp: Known) -> None:
    corp.is_silent = True
    for _ in range(BY_ONE + 1):
        said = await refusal(people, "kim", "kim's password")
        assert (said.error, said.message) == (
            ErrorCode.UNAVAILABLE,
            "the directory corp cannot be asked: it sleeps",
        )
    corp.is_silent = False
    assert (await people.callers.of(basic("kim", "kim's password"), NOW, address=HOME)).name == "kim"


async def test_guesses_at_a_directory_s_passwords_are_counted(people: People, corp: Known) -> None:
    names = ["kim", "KIM", " kim", "ki\u00adm", "\uff4b\uff49\uff4d"]
    for number in range(BY_ONE):
        said = await refusal(people, names[number % len(names)], f"guess {number}")
        assert said.error is ErrorCode.UNAUTHORIZED
    asked = len(corp.asked)
    for name in names:
        assert (await refusal(people, name, "kim's password")).error is ErrorCode.TOO_MANY
    assert len(corp.asked) == asked


async def test_a_silent_directory_gives_nobody_more_guesses_at_an_account_s_own_password(
    people: People, corp: Known
) -> None:
    await people.directories.link_named(ROOT, "bob", "corp", "2")
    corp.is_silent = True
    for number in range(BY_ONE):
        assert (await refusal(people, "bob", f"guess {number}")).error is ErrorCode.UNAVAILABLE
    assert (await refusal(people, "bob", BOB)).error is ErrorCode.TOO_MANY


async def test_an_equal_name_is_told_how_to_be_linked_and_then_has_two_passwords(people: People) -> None:
    said = await refusal(people, "bob", "bob's password")
    assert said.error is ErrorCode.DENIED
    assert "moorage user link bob corp 2" in said.message
    await people.directories.link_named(ROOT, "bob", "corp", "2")
    for password in ("bob's password", BOB):
        assert (await people.callers.of(basic("bob", password), NOW)).user_id == people.bob.id


async def test_no_refresh_token_outlives_a_directory(people: People) -> None:
    caller = await people.issuer.known("kim", "kim's password", NOW, address="")
    assert await people.issuer.issue_refresh(caller, NOW) is None


async def test_a_session_of_a_directory_s_people_ends_within_a_day(people: People) -> None:
    opened = await people.service.sign_in("kim", "kim's password")
    assert opened is not None
    assert opened[1].expires_at - opened[1].created_at == DIRECTORY_SESSION_SECONDS


async def test_a_directory_s_password_opens_no_more_where_there_is_one_here_too(people: People) -> None:
    await people.directories.link_named(ROOT, "bob", "corp", "2")
    for password, seconds in (("bob's password", DIRECTORY_SESSION_SECONDS), (BOB, SESSION_SECONDS)):
        opened = await people.service.sign_in("bob", password)
        assert opened is not None
        assert opened[1].expires_at - opened[1].created_at == seconds
        caller = await people.issuer.known("bob", password, NOW, address="")
        assert await people.issuer.issue_refresh(caller, NOW) is None


async def test_a_directory_s_password_is_not_the_one_that_is_kept_here(people: People, corp: Known) -> None:
    await people.directories.link_named(ROOT, "bob", "corp", "2")
    asked = len(corp.asked)
    assert await people.service.authenticate("bob", "bob's password") is None
    assert await people.service.authenticate("bob", BOB) is not None
    assert len(corp.asked) == asked


async def test_no_directory_hears_of_an_access_token(people: People, corp: Known) -> None:
    await people.service.sign_in("kim", "kim's password")
    asked = len(corp.asked)
    wish = Wish("laptop", (TokenAction.PULL,), ("*",), time.time() + 3600)
    _, secret = await people.access_tokens.create(ROOT, "kim", wish)
    assert await people.service.sign_in("kim", secret) is None
    assert (await people.callers.of(basic("kim", secret), time.time())).name == "kim"
    assert len(corp.asked) == asked


async def test_nobody_makes_a_password_to_outlast_their_directory_with(people: People) -> None:
    caller = await people.callers.of(basic("kim", "kim's password"), NOW)
    with pytest.raises(MoorageError) as refused:
        await people.service.set_password(caller, "kim", LONG)
    assert refused.value.error is ErrorCode.DENIED
    await people.service.set_password(ROOT, "kim", LONG)
    assert (await people.callers.of(basic("kim", LONG), NOW)).name == "kim"
