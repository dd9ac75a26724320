"""A password that was made up for somebody is good until its time is over or its owner has chosen another."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage.auth.callers import PASSWORD_SECONDS
from moorage.domain.access import Caller
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity
from moorage.services.accounts import DIRECTORY_SESSION_SECONDS, LONGEST_GIVEN_SECONDS, SESSION_SECONDS
from moorage.services.records import Account
from tests.auth.people import NOW, ROOT, UNAUTHORIZED, People, basic, open_people
from tests.services.known import Known

FIRST = "a first password, made up"
CHOSEN = "a password of her own"
HOUR = 3600.0


@pytest.fixture
def corp() -> Known:
    return Known("corp", {"kim": Identity("corp", "7", "kim", "", ())})


@pytest.fixture
async def people(tmp_path: Path, corp: Known) -> AsyncIterator[People]:
    async with open_people(tmp_path, corp) as people:
        yield people


class Clock:
    """The time that the services are told."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


async def invite(people: People, clock: Clock, name: str = "kim") -> Account:
    """Add somebody with a password that is good for an hour."""
    return await people.service.add(ROOT, name, FIRST, password_expires_at=clock() + HOUR)


async def refusal(people: People, password: str = FIRST) -> str:
    with pytest.raises(MoorageError) as refused:
        await people.service.authenticate("kim", password)
    assert refused.value.error is UNAUTHORIZED
    return refused.value.message


async def test_it_is_good_until_its_time_is_over(people: People, clock: Clock) -> None:
    kim = await invite(people, clock)
    assert kim.password_expires_at == clock() + HOUR
    clock.now += HOUR - 1
    assert await people.service.authenticate("kim", FIRST) is not None
    clock.now += 1
    said = await refusal(people)
    assert "moorage user password kim --generate" in said
    with pytest.raises(MoorageError):
        await people.service.sign_in("kim", FIRST)


async def test_who_does_not_know_it_is_not_told_that_it_has_expired(people: People, clock: Clock) -> None:
    await invite(people, clock)
    clock.now += HOUR
    assert await people.service.authenticate("kim", "somebody's guess") is None
    assert await people.service.authenticate("kim", "") is None


async def test_the_right_one_is_no_guess_though_it_has_expired(people: People, clock: Clock) -> None:
    await invite(people, clock)
    clock.now += HOUR
    for _ in range(30):
        await refusal(people)


async def test_the_password_that_its_owner_chooses_lasts(people: People, clock: Clock) -> None:
    kim = await invite(people, clock)
    await people.service.set_password(Caller(kim.id, "kim"), "kim", CHOSEN)
    clock.now += 1000 * HOUR
    assert await people.service.authenticate("kim", CHOSEN) is not None
    assert await people.service.authenticate("kim", FIRST) is None


async def test_another_is_given_with_a_time_of_its_own(people: People, clock: Clock) -> None:
    await invite(people, clock)
    clock.now += HOUR
    await people.service.set_password(ROOT, "kim", CHOSEN, password_expires_at=clock() + HOUR)
    assert await people.service.authenticate("kim", CHOSEN) is not None
    clock.now += HOUR
    await refusal(people, CHOSEN)


async def test_its_session_ends_with_it_and_others_last_a_fortnight(people: People, clock: Clock) -> None:
    await invite(people, clock)
    opened = await people.service.sign_in("kim", FIRST)
    assert opened is not None
    cookie, session = opened
    assert session.expires_at == clock() + HOUR
    clock.now += HOUR + 1
    assert await people.service.session(cookie) is None
    await people.service.set_password(ROOT, "kim", CHOSEN)
    again = await people.service.sign_in("kim", CHOSEN)
    assert again is not None
    assert again[1].expires_at == clock() + SESSION_SECONDS


async def test_it_is_not_believed_longer_because_it_was_right_before(people: People, clock: Clock) -> None:
    await invite(people, clock)
    end = clock() + HOUR
    for later in (end - PASSWORD_SECONDS / 2, end - 1):
        assert (await people.callers.of(basic("kim", FIRST), later)).name == "kim"
    with pytest.raises(MoorageError) as refused:
        await people.callers.of(basic("kim", FIRST), end)
    assert refused.value.error is UNAUTHORIZED


async def test_its_refresh_token_ends_with_it(people: People, clock: Clock) -> None:
    kim = await invite(people, clock)
    token = await people.issuer.issue_refresh(Caller(kim.id, "kim"), clock())
    assert token is not None
    assert (await people.issuer.refreshed(token, clock() + HOUR - 1)).name == "kim"
    with pytest.raises(MoorageError) as refused:
        await people.issuer.refreshed(token, clock() + HOUR)
    assert refused.value.error is UNAUTHORIZED


@pytest.mark.parametrize("seconds", [-1.0, 0.0, LONGEST_GIVEN_SECONDS + 1.0, float("inf"), float("nan")])
async def test_it_expires_within_a_year_and_not_before_now(people: People, clock: Clock, seconds: float) -> None:
    for made in (
        people.service.add(ROOT, "kim", FIRST, password_expires_at=clock() + seconds),
        people.service.set_password(ROOT, "bob", FIRST, password_expires_at=clock() + seconds),
    ):
        with pytest.raises(MoorageError) as refused:
            await made
        assert refused.value.error is ErrorCode.VALUE_INVALID
        assert refused.value.detail == {"field": "password_expires_at"}
    assert [account.name for account in await people.service.list(ROOT, "", 9)] == ["ann", "bob"]
    assert await people.service.authenticate("bob", FIRST) is None


async def test_whose_directory_vouches_needs_no_password_here_and_stays_a_day_s_work(
    people: People, clock: Clock
) -> None:
    await invite(people, clock)
    await people.directories.link_named(ROOT, "kim", "corp", "7")
    clock.now += HOUR
    opened = await people.service.sign_in("kim", "kim's password")
    assert opened is not None
    assert opened[1].expires_at == clock() + DIRECTORY_SESSION_SECONDS


async def test_the_first_account_s_password_does_not_expire(people: People) -> None:
    assert people.ann.password_expires_at is None
    assert await people.service.verify("ann", "ann's long password", NOW * 2) is not None
