"""The token service gives tokens to who signs in, and never more than they signed in with."""

import pytest

from moorage.domain.access import ANONYMOUS
from moorage.domain.errors import MoorageError
from tests.auth.people import ANN, BOB, NOW, ROOT, UNAUTHORIZED, People, basic, bearer

SCOPE = {"dmc/ubuntu": frozenset({"pull"})}


async def test_who_signs_in_gets_a_token_that_is_theirs(people: People) -> None:
    caller = await people.issuer.of(basic("bob", BOB), NOW)
    token, seconds = await people.issuer.issue(caller, SCOPE, SCOPE, NOW)
    assert seconds >= 60
    found = await people.callers.of(bearer(token), NOW)
    assert (found.user_id, found.name) == (people.bob.id, "bob")


async def test_nobody_in_particular_gets_a_token_but_none_to_refresh(people: People) -> None:
    caller = await people.issuer.of(None, NOW)
    token, _ = await people.issuer.issue(caller, SCOPE, SCOPE, NOW)
    assert (await people.callers.of(bearer(token), NOW)).is_anonymous
    with pytest.raises(MoorageError):
        await people.issuer.issue_refresh(ANONYMOUS, NOW)


async def test_a_token_buys_no_other_token(people: People) -> None:
    caller = await people.issuer.known("ann", ANN, NOW, address="")
    token, _ = await people.issuer.issue(caller, SCOPE, SCOPE, NOW)
    with pytest.raises(MoorageError) as refused:
        await people.issuer.of(bearer(token), NOW)
    assert refused.value.error is UNAUTHORIZED


async def test_a_refresh_token_stands_for_the_password(people: People) -> None:
    caller = await people.issuer.known("ann", ANN, NOW, address="")
    refresh = await people.issuer.issue_refresh(caller, NOW) or ""
    assert await people.issuer.refreshed(refresh, NOW + 86400) == caller


async def test_a_refresh_token_ends_with_the_password_it_was_given_for(people: People) -> None:
    caller = await people.issuer.known("bob", BOB, NOW, address="")
    refresh = await people.issuer.issue_refresh(caller, NOW) or ""
    await people.service.set_password(ROOT, "bob", "another long password")
    with pytest.raises(MoorageError) as refused:
        await people.issuer.refreshed(refresh, NOW)
    assert refused.value.error is UNAUTHORIZED


async def test_a_refresh_token_of_a_disabled_account_is_refused(people: People) -> None:
    caller = await people.issuer.known("bob", BOB, NOW, address="")
    refresh = await people.issuer.issue_refresh(caller, NOW) or ""
    await people.service.disable(ROOT, "bob", disabled=True)
    with pytest.raises(MoorageError) as refused:
        await people.issuer.refreshed(refresh, NOW)
    assert refused.value.error is UNAUTHORIZED


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
async def test_what_is_no_refresh_token_is_refused(people: People, token: str) -> None:
    with pytest.raises(MoorageError) as refused:
        await people.issuer.refreshed(token, NOW)
    assert refused.value.error is UNAUTHORIZED


async def test_what_a_replaced_key_signed_is_good_until_it_expires(people: People) -> None:
    caller = await people.issuer.known("bob", BOB, NOW, address="")
    token, seconds = await people.issuer.issue(caller, SCOPE, SCOPE, NOW)
    refresh = await people.issuer.issue_refresh(caller, NOW) or ""
    await people.callers.of(bearer(token), NOW)
    await people.keys.rotate(("newest", b"x" * 32), 1000)
    assert (await people.callers.of(bearer(token), NOW + seconds - 1)).name == "bob"
    assert await people.issuer.refreshed(refresh, NOW + 86400) == caller
    newer, _ = await people.issuer.issue(caller, SCOPE, SCOPE, NOW)
    assert (await people.callers.of(bearer(newer), NOW)).name == "bob"
    with pytest.raises(MoorageError):
        await people.callers.of(bearer(token), NOW + seconds)


async def test_what_a_forgotten_key_signed_ends_at_once(people: People) -> None:
    caller = await people.issuer.known("bob", BOB, NOW, address="")
    token, _ = await people.issuer.issue(caller, SCOPE, SCOPE, NOW)
    refresh = await people.issuer.issue_refresh(caller, NOW) or ""
    await people.callers.of(bearer(token), NOW)
    await people.keys.rotate(("newest", b"x" * 32), 0)
    with pytest.raises(MoorageError) as refused:
        await people.callers.of(bearer(token), NOW)
    assert refused.value.error is UNAUTHORIZED
    with pytest.raises(MoorageError):
        await people.issuer.refreshed(refresh, NOW)
    newer, _ = await people.issuer.issue(caller, SCOPE, SCOPE, NOW)
    assert (await people.callers.of(bearer(newer), NOW)).name == "bob"
