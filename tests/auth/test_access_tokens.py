"""An access token is its account and never wider than itself, however it is presented; a dead one is dead at once."""

import time
from collections.abc import Awaitable, Callable

import pytest

from moorage.domain.access import Caller
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.limits import TokenAction
from moorage.services.access_tokens import DAY, MOST_DAYS, Wish
from moorage.services.token_secrets import hash_of, is_secret, make_secret
from tests.auth.people import ANN, BOB, NOW, ROOT, UNAUTHORIZED, People, basic, bearer

SCOPE = {"dmc/ubuntu": frozenset({"pull"})}
PULL, MANAGE = frozenset({TokenAction.PULL}), frozenset({TokenAction.MANAGE})

Present = Callable[[People, str], Awaitable[bytes]]


async def wanted(people: People, *, account: str = "bob", name: str = "laptop", days: float = 1) -> str:
    """Make an access token and return its secret."""
    wish = Wish(name, (TokenAction.PULL,), ("dmc/*",), time.time() + days * DAY)
    return (await people.access_tokens.create(ROOT, account, wish))[1]


async def as_basic(_people: People, secret: str) -> bytes:
    return basic("bob", secret)


async def as_bearer(_people: People, secret: str) -> bytes:
    return bearer(secret)


async def through_basic(people: People, secret: str) -> bytes:
    caller = await people.issuer.of(basic("bob", secret), time.time())
    return bearer((await people.issuer.issue(caller, SCOPE, SCOPE, time.time()))[0])


async def through_form(people: People, secret: str) -> bytes:
    caller = await people.issuer.known("bob", secret, time.time(), address="")
    return bearer((await people.issuer.issue(caller, SCOPE, SCOPE, time.time()))[0])


WAYS = [as_basic, as_bearer, through_basic, through_form]


async def refusal(people: People, header: bytes, now: float | None = None, *, lenient: bool = False) -> ErrorCode:
    with pytest.raises(MoorageError) as refused:
        await people.callers.of(header, now or time.time(), lenient=lenient)
    return refused.value.error


@pytest.mark.parametrize("present", WAYS)
async def test_an_access_token_is_its_account_with_its_limits(people: People, present: Present) -> None:
    header = await present(people, await wanted(people))
    for _ in range(2):
        found = await people.callers.of(header, time.time())
        assert (found.user_id, found.name, found.is_admin) == (people.bob.id, "bob", False)
        assert found.limits is not None
        assert (found.limits.token, found.limits.actions, found.limits.patterns) == ("laptop", PULL, ("dmc/*",))
    assert people.passwords.verified == 0


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("present", WAYS)
async def test_a_revoked_one_is_out_at_once(people: People, present: Present, *, lenient: bool) -> None:
    header = await present(people, await wanted(people))
    await people.callers.of(header, time.time())
    await people.access_tokens.revoke(ROOT, "bob", "laptop")
    assert await refusal(people, header, lenient=lenient) is UNAUTHORIZED


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("present", WAYS)
async def test_an_expired_one_is_out_however_often_it_was_seen(
    people: People, present: Present, *, lenient: bool
) -> None:
    header = await present(people, await wanted(people, days=10 / DAY))
    await people.callers.of(header, time.time())
    assert await refusal(people, header, time.time() + 11, lenient=lenient) is UNAUTHORIZED


@pytest.mark.parametrize("present", WAYS)
async def test_a_disabled_account_s_is_out_at_once(people: People, present: Present) -> None:
    header = await present(people, await wanted(people))
    await people.callers.of(header, time.time())
    await people.service.disable(ROOT, "bob", disabled=True)
    assert await refusal(people, header) is UNAUTHORIZED


@pytest.mark.parametrize("present", WAYS)
async def test_another_of_the_same_name_revives_nothing(people: People, present: Present) -> None:
    header = await present(people, await wanted(people))
    await people.callers.of(header, time.time())
    await people.access_tokens.revoke(ROOT, "bob", "laptop")
    await wanted(people)
    assert await refusal(people, header) is UNAUTHORIZED


@pytest.mark.parametrize("present", WAYS)
async def test_a_changed_password_leaves_access_tokens_alone(people: People, present: Present) -> None:
    header = await present(people, await wanted(people))
    await people.service.set_password(ROOT, "bob", "another long password")
    assert (await people.callers.of(header, time.time())).name == "bob"


@pytest.mark.parametrize("name", ["ann", "nobody", "", "Bob", "bob "])
async def test_no_other_name_goes_with_an_access_token(people: People, name: str) -> None:
    secret = await wanted(people)
    assert await refusal(people, basic(name, secret)) is UNAUTHORIZED
    await people.callers.of(basic("bob", secret), time.time())
    assert await refusal(people, basic(name, secret)) is UNAUTHORIZED
    with pytest.raises(MoorageError):
        await people.issuer.known(name, secret, time.time(), address="")


async def test_an_access_token_gets_no_refresh_token(people: People) -> None:
    secret = await wanted(people)
    for caller in (
        await people.issuer.of(basic("bob", secret), time.time()),
        await people.issuer.known("bob", secret, time.time(), address=""),
    ):
        assert await people.issuer.issue_refresh(caller, time.time()) is None


async def test_an_access_token_opens_no_session(people: People) -> None:
    secret = await wanted(people)
    assert await people.service.sign_in("bob", secret) is None
    assert await people.service.authenticate("bob", secret) is None


async def test_made_up_secrets_are_refused_and_stop_nobody(people: People) -> None:
    for _ in range(150):
        assert await refusal(people, basic("bob", make_secret())) is UNAUTHORIZED
    assert people.passwords.verified == 0
    assert (await people.callers.of(basic("bob", BOB), NOW)).name == "bob"


async def test_a_password_that_looks_like_a_secret_is_still_a_password(people: People) -> None:
    chosen = "moorage_" + "x" * 46
    assert not is_secret(chosen)
    await people.service.set_password(ROOT, "bob", chosen)
    assert (await people.callers.of(basic("bob", chosen), NOW)).limits is None


def test_a_secret_is_known_by_its_beginning_and_its_checksum() -> None:
    secrets = {make_secret() for _ in range(200)}
    assert len(secrets) == 200
    assert all(is_secret(secret) and secret.startswith("moorage_") and len(secret) == 54 for secret in secrets)
    secret = secrets.pop()
    other = "a" if secret[20] != "a" else "b"
    for wrong in (secret[:20] + other + secret[21:], secret[:-1], secret + "a", secret.upper(), f"{secret}\n", ""):
        assert not is_secret(wrong)


async def test_uses_are_written_together_and_none_by_using(people: People) -> None:
    header = basic("bob", await wanted(people))
    for later in range(3):
        await people.callers.of(header, 1000.0 + later)
    (token,) = await people.access_tokens.list(ROOT, "bob", "", 50)
    assert token.last_used_at is None
    await people.access_tokens.flush()
    await people.access_tokens.flush()
    (token,) = await people.access_tokens.list(ROOT, "bob", "", 50)
    assert token.last_used_at == 1002.0


async def test_a_bearer_token_counts_as_a_use_of_its_access_token(people: People) -> None:
    header = await through_basic(people, await wanted(people))
    await people.access_tokens.flush()
    (before,) = await people.access_tokens.list(ROOT, "bob", "", 50)
    await people.callers.of(header, time.time() + 5)
    await people.access_tokens.flush()
    (after,) = await people.access_tokens.list(ROOT, "bob", "", 50)
    assert before.last_used_at is not None
    assert after.last_used_at is not None
    assert after.last_used_at > before.last_used_at


async def test_nothing_in_memory_or_in_the_database_opens_anything(people: People) -> None:
    secret = await wanted(people)
    await people.callers.of(basic("bob", secret), time.time())
    await people.callers.of(bearer(secret), time.time())
    assert secret not in repr(vars(people.callers)) + repr(vars(people.access_tokens))
    assert basic("bob", secret) not in {*people.callers._seen, *people.callers._presented}  # noqa: SLF001  the memory itself
    assert await refusal(people, bearer(hash_of(secret))) is UNAUTHORIZED


async def limited(people: People, *actions: TokenAction, patterns: tuple[str, ...] = ("*",), days: float = 9) -> Caller:
    wish = Wish("maker", actions, patterns, time.time() + days * DAY)
    _, secret = await people.access_tokens.create(ROOT, "bob", wish)
    return await people.callers.of(bearer(secret), time.time())


@pytest.mark.parametrize("action", [TokenAction.PULL, TokenAction.PUSH, TokenAction.DELETE])
async def test_only_with_manage_an_access_token_looks_after_others(people: People, action: TokenAction) -> None:
    caller = await limited(people, action)
    wish = Wish("child", (action,), ("*",), time.time() + DAY)
    for refused in (
        people.access_tokens.create(caller, "bob", wish),
        people.access_tokens.list(caller, "bob", "", 50),
        people.access_tokens.revoke(caller, "bob", "maker"),
    ):
        with pytest.raises(MoorageError) as raised:
            await refused
        assert raised.value.error is ErrorCode.DENIED


@pytest.mark.parametrize(
    ("actions", "patterns", "days"),
    [
        ((TokenAction.PUSH,), ("dmc/*",), 1),
        ((TokenAction.PULL, TokenAction.PUSH), ("dmc/*",), 1),
        ((TokenAction.PULL,), ("*",), 1),
        ((TokenAction.PULL,), ("dmc/*", "other/*"), 1),
        ((TokenAction.PULL,), ("dmc/*",), 10),
    ],
)
async def test_an_access_token_makes_none_that_is_wider(
    people: People, actions: tuple[TokenAction, ...], patterns: tuple[str, ...], days: int
) -> None:
    caller = await limited(people, TokenAction.PULL, TokenAction.MANAGE, patterns=("dmc/*",))
    with pytest.raises(MoorageError) as refused:
        await people.access_tokens.create(caller, "bob", Wish("child", actions, patterns, time.time() + days * DAY))
    assert refused.value.error is ErrorCode.DENIED
    narrower = Wish("child", (TokenAction.PULL,), ("dmc/team/*",), time.time() + DAY)
    assert (await people.access_tokens.create(caller, "bob", narrower))[0].created_by == "bob"


async def test_an_access_token_looks_after_those_within_its_patterns(people: People) -> None:
    caller = await limited(people, TokenAction.MANAGE, patterns=("dmc/*", "other/a*"))
    bob = Caller(people.bob.id, "bob")
    for name, patterns in (("in", ("dmc/team/*", "other/a/*")), ("part", ("dmc/*", "other/*")), ("out", ("*",))):
        await people.access_tokens.create(bob, "bob", Wish(name, (TokenAction.PULL,), patterns, time.time() + DAY))
    assert [token.name for token in await people.access_tokens.list(caller, "bob", "", 50)] == ["in", "maker"]
    for after, shown in (("", "in"), ("in", "maker")):
        assert [token.name for token in await people.access_tokens.list(caller, "bob", after, 1)] == [shown]
    assert await people.access_tokens.list(caller, "bob", "maker", 1) == ()
    for name in ("out", "part", "nil"):
        with pytest.raises(MoorageError) as refused:
            await people.access_tokens.revoke(caller, "bob", name)
        assert refused.value.error is ErrorCode.NOT_FOUND
    await people.access_tokens.revoke(caller, "bob", "in")
    assert [token.name for token in await people.access_tokens.list(bob, "bob", "", 50)] == ["maker", "out", "part"]


async def test_with_an_access_token_nobody_changes_their_own_password(people: People) -> None:
    caller = await limited(people, TokenAction.MANAGE)
    with pytest.raises(MoorageError) as refused:
        await people.service.set_password(caller, "bob", "another long password")
    assert refused.value.error is ErrorCode.DENIED


async def test_everybody_looks_after_their_own_and_administrators_after_all(people: People) -> None:
    ann, bob = Caller(people.ann.id, "ann", is_admin=True), Caller(people.bob.id, "bob")
    wish = Wish("laptop", (TokenAction.PULL,), ("*",), time.time() + DAY)
    await people.access_tokens.create(bob, "bob", wish)
    assert (await people.access_tokens.create(ann, "ann", wish))[0].name == "laptop"
    assert [token.name for token in await people.access_tokens.list(ann, "bob", "", 50)] == ["laptop"]
    for caller, error in ((bob, ErrorCode.DENIED), (Caller(), ErrorCode.UNAUTHORIZED)):
        for refused in (
            people.access_tokens.create(caller, "ann", wish),
            people.access_tokens.list(caller, "ann", "", 50),
            people.access_tokens.revoke(caller, "ann", "laptop"),
        ):
            with pytest.raises(MoorageError) as raised:
                await refused
            assert raised.value.error is error
    await people.access_tokens.revoke(bob, "bob", "laptop")
    assert await people.access_tokens.list(bob, "bob", "", 50) == ()


async def test_none_outlasts_a_password_that_was_given_for_a_time(people: People) -> None:
    end = time.time() + 7 * DAY
    account = await people.service.add(ROOT, "eve", "a given password", password_expires_at=end)
    eve = Caller(account.id, "eve")
    later, sooner = (Wish(name, (TokenAction.PULL,), ("*",), end + more) for name, more in (("one", 1), ("two", -1)))
    with pytest.raises(MoorageError) as refused:
        await people.access_tokens.create(eve, "eve", later)
    assert refused.value.error is ErrorCode.VALUE_INVALID
    await people.access_tokens.create(eve, "eve", sooner)
    await people.service.set_password(eve, "eve", "her own long password")
    await people.access_tokens.create(eve, "eve", later)


@pytest.mark.parametrize("days", [-1, 0, MOST_DAYS + 1, None])
async def test_a_person_s_expires_within_a_year(people: People, days: float | None) -> None:
    end = None if days is None else time.time() + days * DAY
    with pytest.raises(MoorageError) as refused:
        await people.access_tokens.create(ROOT, "bob", Wish("laptop", (TokenAction.PULL,), ("*",), end))
    assert refused.value.error is ErrorCode.VALUE_INVALID


@pytest.mark.parametrize(
    ("name", "actions", "patterns"),
    [
        ("Laptop", PULL, ("*",)),
        ("", PULL, ("*",)),
        ("laptop", (), ("*",)),
        ("laptop", PULL, ()),
        ("laptop", PULL, ("dmc/*", "**")),
        ("laptop", PULL, ("dmc",)),
        ("laptop", PULL, ("d*/team",)),
        ("laptop", PULL, ("dmc/ *",)),
        ("laptop", PULL, ("api/*",)),
        ("laptop", PULL, tuple(f"dmc/a{number}" for number in range(51))),
    ],
)
async def test_what_is_no_access_token_is_not_made(
    people: People, name: str, actions: tuple[TokenAction, ...], patterns: tuple[str, ...]
) -> None:
    with pytest.raises(MoorageError) as refused:
        await people.access_tokens.create(ROOT, "bob", Wish(name, tuple(actions), patterns, time.time() + DAY))
    assert refused.value.error in {ErrorCode.VALUE_INVALID, ErrorCode.NAME_INVALID}
    assert await people.access_tokens.list(ROOT, "bob", "", 50) == ()


async def test_the_right_password_of_an_administrator_is_not_narrowed(people: People) -> None:
    await wanted(people, account="ann")
    assert (await people.callers.of(basic("ann", ANN), NOW)).limits is None
