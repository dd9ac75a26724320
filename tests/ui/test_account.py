"""My account: how one signs in, what one is linked to, and that the last way in stays."""

import pytest

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity
from moorage.services.attempts import BY_ONE
from moorage.services.web_sign_in import Arrival, Offer
from tests.services.known import Known
from tests.ui.conftest import Visitors
from tests.ui.visitor import Visitor, text_of
from tests.ui.world import ADMIN, World

COOKIE = "__Host-moorage"
ACCOUNT = "/-/account"


@pytest.fixture
async def kim(world: World, visitors: Visitors) -> Visitor:
    """Return somebody whom only corp knows."""
    world.doors.offers = (Offer("corp", "Acme & Sons"),)
    world.doors.arrival = Arrival(Identity("corp", "kim-7", "kim"), "/", None)
    visitor = visitors()
    await visitor.get("/-/sign-in/corp")
    await visitor.get("/-/sign-in/corp/back?code=c")
    return visitor


async def linked(world: World, name: str) -> list[str]:
    return [identity.directory for identity in await world.directories.linked(ADMIN, name)]


async def test_who_has_no_password_here_is_told_where_it_is_kept(kim: Visitor, admin: Visitor) -> None:
    page = await kim.get(ACCOUNT)
    assert "You have no password here. You sign in with Acme & Sons: change your password there." in text_of(page)
    assert "Present password" not in text_of(page)
    assert "Present password" in text_of(await admin.get(ACCOUNT))


async def test_what_one_is_linked_to_is_shown_and_can_be_unlinked(admin: Visitor, world: World) -> None:
    await world.directories.link_named(ADMIN, "admin", "corp", "x<1>")
    await world.directories.link_named(ADMIN, "admin", "corp", "x2")
    world.doors.offers = (Offer("corp", "Acme & Sons"),)
    page = text_of(await admin.get(ACCOUNT))
    assert "Acme & Sons Knows you as x2 and x<1>" in page
    assert "Link Acme" not in page
    before = admin.client.cookies[COOKIE]
    answer = await admin.fill(ACCOUNT, {}, "/-/account/unlink/corp")
    assert (answer.status_code, answer.headers["location"]) == (303, ACCOUNT)
    assert admin.client.cookies[COOKIE] != before
    page = text_of(await admin.get(ACCOUNT))
    assert "Acme & Sons was unlinked" in page
    assert "Knows you as" not in page
    assert "Link Acme & Sons" in page
    assert await linked(world, "admin") == []


async def test_other_sessions_end_with_a_link(admin: Visitor, world: World, visitors: Visitors) -> None:
    await world.directories.link_named(ADMIN, "admin", "corp", "1")
    other = visitors()
    await other.sign_in("admin")
    await admin.fill(ACCOUNT, {}, "/-/account/unlink/corp")
    assert (await other.get(ACCOUNT)).status_code == 303


async def test_the_last_way_in_can_t_be_removed(kim: Visitor, world: World) -> None:
    page = await kim.get(ACCOUNT)
    assert "This is your only way in, so it stays linked." in text_of(page)
    assert "/-/account/unlink/" not in page.text
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    refused = await kim.post("/-/account/unlink/corp", {"csrf": csrf})
    assert refused.status_code == 409
    assert "Corp is the only way in to this account, so it stays linked." in text_of(refused)
    assert await linked(world, "kim") == ["corp"]


async def test_a_directory_that_is_gone_or_an_expired_password_is_no_way_in(kim: Visitor, world: World) -> None:
    # Linked while there was such a directory.
    account = (await world.directories.accept(Identity("corp", "kim-7", "kim"))).id
    await world.identities.link(account, "gone", "1")
    await world.accounts.change("kim", password_hash="hash", password_expires_at=1.0)
    await kim.get("/-/sign-in/corp")
    await kim.get("/-/sign-in/corp/back?code=c")
    page = await kim.get(ACCOUNT)
    assert "/-/account/unlink/corp" not in page.text
    assert "/-/account/unlink/gone" in page.text
    answer = await kim.fill(ACCOUNT, {}, "/-/account/unlink/gone")
    assert answer.status_code == 303
    assert await linked(world, "kim") == ["corp"]


async def test_with_a_second_way_in_the_first_can_go(kim: Visitor, world: World) -> None:
    world.asked.append(Known("ldap", {"kim": Identity("ldap", "uuid-9", "kim")}))
    answer = await kim.fill(ACCOUNT, {"user": "kim", "password": "kim's password"}, "/-/account/link/ldap/password")
    assert (answer.status_code, answer.headers["location"]) == (303, ACCOUNT)
    page = await kim.get(ACCOUNT)
    assert "ldap was linked" in text_of(page)
    assert "Knows you as uuid-9" in text_of(page)
    assert "/-/account/link/ldap" not in page.text
    assert (await kim.fill(ACCOUNT, {}, "/-/account/unlink/corp")).status_code == 303
    assert await linked(world, "kim") == ["ldap"]
    assert "/-/account/unlink/ldap" not in (await kim.get(ACCOUNT)).text


async def test_a_wrong_password_there_links_nothing_and_guessing_is_stopped(admin: Visitor, world: World) -> None:
    world.asked.append(Known("ldap", {"kim": Identity("ldap", "uuid-9", "kim")}))
    form = "/-/account/link/ldap/password"
    for _ in range(BY_ONE):
        wrong = await admin.fill(ACCOUNT, {"user": "kim", "password": "a guess"}, form)
        assert wrong.status_code == 422
        assert "ldap does not know this user name with this password." in text_of(wrong).replace("Ldap", "ldap")
        assert "a guess" not in wrong.text
        assert 'value="kim"' in wrong.text
    stopped = await admin.fill(ACCOUNT, {"user": "kim", "password": "kim's password"}, form)
    assert stopped.status_code == 429
    assert "retry-after" in stopped.headers
    assert await linked(world, "admin") == []


async def test_a_silent_directory_and_a_person_of_another_account_are_told(admin: Visitor, world: World) -> None:
    ldap = Known("ldap", {"kim": Identity("ldap", "uuid-9", "kim")}, is_silent=True)
    world.asked.append(ldap)
    form, fields = "/-/account/link/ldap/password", {"user": "kim", "password": "kim's password"}
    silent = await admin.fill(ACCOUNT, fields, form)
    assert silent.status_code == 503
    assert "The directory ldap cannot be asked: it sleeps." in text_of(silent)
    ldap.is_silent = False
    await world.directories.accept(Identity("ldap", "uuid-9", "kim"))
    taken = await admin.fill(ACCOUNT, fields, form)
    assert taken.status_code == 409
    assert "Ldap knows kim by this subject already." in text_of(taken)


async def test_nothing_is_linked_or_unlinked_without_the_session_s_token(admin: Visitor, world: World) -> None:
    world.asked.append(Known("ldap", {"kim": Identity("ldap", "uuid-9", "kim")}))
    await world.directories.link_named(ADMIN, "admin", "corp", "1")
    fields = {"csrf": "guess", "user": "kim", "password": "kim's password"}
    for path in ("/-/account/link/ldap/password", "/-/account/unlink/corp"):
        assert (await admin.post(path, fields)).status_code == 403
    assert await linked(world, "admin") == ["corp"]


async def test_a_directory_that_asks_for_no_password_takes_none(admin: Visitor, world: World) -> None:
    page = (await admin.get(ACCOUNT)).text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    for path in ("/-/account/link/corp/password", "/-/account/unlink/corp", "/-/account/unlink/other"):
        assert (await admin.post(path, {"csrf": csrf, "user": "x", "password": "y"})).status_code == 404
    with pytest.raises(MoorageError) as refused:
        await world.services.elsewhere.unlink(ADMIN, "corp")
    assert refused.value.error is ErrorCode.UNAUTHORIZED
