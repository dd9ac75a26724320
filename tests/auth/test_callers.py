"""Who asks is found out from one header; what was remembered never lets in whom the database keeps out."""

import asyncio

import pytest

from moorage.auth.callers import LENIENT_SECONDS, LONGEST_REMEMBERED, PASSWORD_SECONDS, Callers
from moorage.auth.tokens import LIFETIME, Tokens
from moorage.domain.access import ANONYMOUS, Caller
from moorage.domain.errors import MoorageError
from moorage.services.attempts import BY_ONE, SECONDS
from tests.auth.people import ANN, BOB, KEYS, NOW, ROOT, TOO_MANY, UNAUTHORIZED, People, basic, bearer

SCOPE = {"dmc/ubuntu": frozenset({"pull"})}


def token_of(people: People, caller: Caller) -> bytes:
    return bearer(people.tokens.issue(caller, SCOPE, SCOPE, NOW))


def caller(user_id: int, name: str) -> Caller:
    return Caller(user_id, name)


async def refusal(callers: Callers, header: bytes, now: float = NOW, *, lenient: bool = False) -> MoorageError:
    with pytest.raises(MoorageError) as refused:
        await callers.of(header, now, lenient=lenient)
    return refused.value


async def test_no_credentials_are_nobody_in_particular(people: People) -> None:
    assert await people.callers.of(None, NOW) is ANONYMOUS


async def test_a_password_is_its_owner(people: People) -> None:
    assert await people.callers.of(basic("ann", ANN), NOW) == Caller(people.ann.id, "ann", is_admin=True)
    assert await people.callers.of(basic("bob", BOB), NOW) == Caller(people.bob.id, "bob")


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", BOB), ("ann", ""), ("ann", ANN + " "), ("nobody", ANN), ("", ""), ("Ann", ANN), ("ann\0", ANN)],
)
async def test_a_wrong_password_and_an_unknown_name_are_refused_alike(people: People, name: str, password: str) -> None:
    refused = await refusal(people.callers, basic(name, password))
    assert refused.error is UNAUTHORIZED
    assert refused.message == "the user name or the password is wrong"
    assert people.passwords.verified == 1


async def test_a_token_is_its_owner_narrowed_to_what_was_granted(people: People) -> None:
    found = await people.callers.of(token_of(people, caller(people.ann.id, "ann")), NOW)
    assert (found.user_id, found.name, found.is_admin) == (people.ann.id, "ann", True)
    assert found.scope is not None
    assert found.scope.granted == SCOPE


async def test_the_token_of_nobody_in_particular_stays_nobody(people: People) -> None:
    found = await people.callers.of(token_of(people, ANONYMOUS), NOW)
    assert found.is_anonymous
    assert found.scope is not None


async def test_a_token_does_not_make_an_administrator(people: People) -> None:
    found = await people.callers.of(token_of(people, Caller(people.bob.id, "bob", is_admin=True)), NOW)
    assert not found.is_admin


async def test_a_token_seen_before_is_not_read_again(people: People) -> None:
    header = token_of(people, caller(people.bob.id, "bob"))
    first = await people.callers.of(header, NOW)
    people.tokens._keys.clear()  # noqa: SLF001  nothing could be verified any more
    assert await people.callers.of(header, NOW + 1) == first


async def test_a_token_ends_when_it_expires_however_often_it_was_seen(people: People) -> None:
    header = token_of(people, caller(people.bob.id, "bob"))
    await people.callers.of(header, NOW + LIFETIME - 1)
    assert (await refusal(people.callers, header, NOW + LIFETIME)).error is UNAUTHORIZED


async def test_an_upload_may_outlive_its_token_for_half_a_day(people: People) -> None:
    header = token_of(people, caller(people.bob.id, "bob"))
    end = NOW + LIFETIME + LENIENT_SECONDS
    found = await people.callers.of(header, end - 1, lenient=True)
    assert found.scope is not None
    assert found.scope.expires_at == NOW + LIFETIME
    assert (await refusal(people.callers, header, end, lenient=True)).error is UNAUTHORIZED


@pytest.mark.parametrize("lenient", [False, True])
async def test_a_disabled_account_is_out_at_once(people: People, *, lenient: bool) -> None:
    token, password = token_of(people, caller(people.bob.id, "bob")), basic("bob", BOB)
    await people.callers.of(token, NOW)
    await people.callers.of(password, NOW)
    await people.service.disable(ROOT, "bob", disabled=True)
    for header in (token, password):
        assert (await refusal(people.callers, header, NOW + 1, lenient=lenient)).error is UNAUTHORIZED


async def test_a_changed_password_is_out_at_once(people: People) -> None:
    await people.callers.of(basic("bob", BOB), NOW)
    await people.service.set_password(ROOT, "bob", "another long password")
    assert (await refusal(people.callers, basic("bob", BOB))).error is UNAUTHORIZED
    assert (await people.callers.of(basic("bob", "another long password"), NOW)).name == "bob"


@pytest.mark.parametrize(("user_id", "name"), [(4711, "gone"), (1, "another")])
async def test_the_token_of_an_account_that_is_gone_is_refused(people: People, user_id: int, name: str) -> None:
    assert (await refusal(people.callers, token_of(people, caller(user_id, name)))).error is UNAUTHORIZED


async def test_a_token_of_another_server_is_refused(people: People) -> None:
    other = Tokens({"new": KEYS["old"]}).issue(caller(people.ann.id, "ann"), SCOPE, SCOPE, NOW)
    assert (await refusal(people.callers, bearer(other))).error is UNAUTHORIZED


async def test_a_refresh_token_opens_nothing_but_the_token_service(people: People) -> None:
    refresh = people.tokens.issue_refresh(people.ann, NOW)
    assert (await refusal(people.callers, bearer(refresh))).error is UNAUTHORIZED
    assert (await refusal(people.callers, basic("ann", refresh))).error is UNAUTHORIZED


async def test_a_right_password_is_hashed_once_in_five_minutes(people: People) -> None:
    for now in (NOW, NOW + 1, NOW + PASSWORD_SECONDS - 1):
        await people.callers.of(basic("bob", BOB), now)
    assert people.passwords.verified == 1
    await people.callers.of(basic("bob", BOB), NOW + PASSWORD_SECONDS)
    assert people.passwords.verified == 2


async def test_many_connections_with_one_right_password_are_one_question(people: People) -> None:
    found = await asyncio.gather(*(people.callers.of(basic("bob", BOB), NOW, address="10.0.0.7") for _ in range(200)))
    assert {one.name for one in found} == {"bob"}
    assert people.passwords.verified == 1


async def test_what_is_remembered_is_bounded(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moorage.auth.callers.ROOM", 10)
    headers = [bearer(people.tokens.issue(ANONYMOUS, {}, {}, NOW + number)) for number in range(25)]
    for header in headers:
        await people.callers.of(header, NOW + 60)
    assert list(people.callers._seen) == headers[-10:]  # noqa: SLF001  the memory itself


async def test_a_token_too_long_to_be_remembered_counts_all_the_same(people: People) -> None:
    scope = {f"dmc/{place}{'x' * 100}": frozenset({"pull"}) for place in range(32)}
    long = bearer(people.tokens.issue(caller(people.bob.id, "bob"), scope, scope, NOW))
    assert len(long) > LONGEST_REMEMBERED > len(token_of(people, ANONYMOUS))
    for _ in range(2):
        assert (await people.callers.of(long, NOW)).name == "bob"
    assert not people.callers._seen  # noqa: SLF001  the memory itself
    people.tokens._keys.clear()  # noqa: SLF001  nothing could be verified any more
    assert (await refusal(people.callers, long)).error is UNAUTHORIZED


async def test_one_token_is_remembered_once_however_it_is_padded(people: People) -> None:
    header = token_of(people, caller(people.bob.id, "bob"))
    await people.callers.of(header, NOW)
    for padded in (header + b" ", header.replace(b" ", b"  ")):
        assert (await refusal(people.callers, padded)).error is UNAUTHORIZED
    assert list(people.callers._seen) == [header]  # noqa: SLF001  the memory itself


async def test_no_password_is_remembered(people: People) -> None:
    await people.callers.of(basic("bob", BOB), NOW)
    assert BOB not in repr(vars(people.callers)) + repr(vars(people.service))


async def outcomes(people: People, *headers: bytes, address: str = "10.0.0.7") -> list[object]:
    asked = (people.callers.of(header, NOW, address=address) for header in headers)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return [answer.error if isinstance(answer, MoorageError) else answer for answer in answers]


@pytest.mark.parametrize("same", [True, False])
async def test_two_hundred_wrong_passwords_at_once_are_mostly_told_to_wait(people: People, *, same: bool) -> None:
    guesses = [basic("bob", "wrong" if same else f"wrong {number}") for number in range(200)]
    answers = await outcomes(people, *guesses)
    assert answers.count(UNAUTHORIZED) == BY_ONE
    assert answers.count(TOO_MANY) == 200 - BY_ONE
    assert people.passwords.verified <= BY_ONE


async def test_while_somebody_guesses_others_come_in(people: People) -> None:
    token = token_of(people, caller(people.bob.id, "bob"))
    await people.callers.of(basic("bob", BOB), NOW, address="10.0.0.8")
    await outcomes(people, *[basic("bob", f"wrong {number}") for number in range(20)])
    same_address, another_name = await outcomes(people, basic("bob", BOB), basic("ann", ANN))
    assert isinstance(same_address, Caller)
    assert isinstance(another_name, Caller)
    assert [type(one) for one in await outcomes(people, token)] == [Caller]
    assert [type(one) for one in await outcomes(people, basic("bob", BOB), address="10.0.0.9")] == [Caller]


async def test_whoever_guessed_is_told_how_long_to_wait_and_then_may_try_again(people: People) -> None:
    await outcomes(people, *[basic("bob", f"wrong {number}") for number in range(BY_ONE)])
    with pytest.raises(MoorageError) as refused:
        await people.callers.of(basic("bob", BOB), NOW + 15, address="10.0.0.7")
    assert refused.value.error is TOO_MANY
    assert refused.value.detail == {"retry_after": SECONDS - 15}
    assert (await people.callers.of(basic("bob", BOB), NOW + SECONDS, address="10.0.0.7")).name == "bob"


async def test_a_password_that_does_not_reach_the_database_is_no_guess(people: People) -> None:
    async def gone(name: str) -> None:
        raise MoorageError(TOO_MANY, name)

    find, people.table.find = people.table.find, gone  # type: ignore[method-assign]
    await outcomes(people, *[basic("bob", f"right {number}") for number in range(5 * BY_ONE)])
    people.table.find = find  # type: ignore[method-assign]
    assert [type(one) for one in await outcomes(people, basic("bob", BOB))] == [Caller]


async def test_a_password_is_known_once_it_was_right_and_a_wrong_one_never_is(people: People) -> None:
    assert not people.callers.knows(basic("ann", ANN))
    await people.callers.of(basic("ann", ANN), NOW)
    assert people.callers.knows(basic("ann", ANN))
    await refusal(people.callers, basic("ann", BOB))
    assert not people.callers.knows(basic("ann", BOB))
