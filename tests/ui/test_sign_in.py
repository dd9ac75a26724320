"""Sessions: who gets one, where it leads, and when it ends."""

import re
from dataclasses import replace
from unittest.mock import AsyncMock, Mock

import pytest

from moorage.auth.passwords import Passwords
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.accounts import AccountTable
from moorage.services.accounts import AccountService
from moorage.services.attempts import BY_ONE, SECONDS
from tests.ui.conftest import Visitors
from tests.ui.visitor import Visitor, text_of
from tests.ui.world import ADMIN, PASSWORD, World

COOKIE = "__Host-moorage"


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(nobody: Visitor) -> None:
    response = await nobody.sign_in("admin")
    cookie = response.headers["set-cookie"].lower()
    assert cookie.startswith("__host-moorage=")
    for part in ("httponly", "secure", "samesite=lax", "path=/"):
        assert part in cookie
    assert "domain" not in cookie


async def test_without_tls_the_cookie_has_a_plain_name(visitors: Visitors) -> None:
    response = await visitors("http://127.0.0.1:5080").sign_in("admin")
    cookie = response.headers["set-cookie"].lower()
    assert cookie.startswith("moorage=")
    assert "secure" not in cookie


async def test_behind_a_proxy_that_ends_tls_the_cookie_is_secure(visitors: Visitors) -> None:
    visitor = visitors("http://127.0.0.1:5080", "https://images.example.com")
    response = await visitor.sign_in("admin")
    assert response.headers["set-cookie"].startswith("__Host-moorage=")
    assert "secure" in response.headers["set-cookie"].lower()


async def test_a_session_is_new_at_each_sign_in(nobody: Visitor) -> None:
    await nobody.sign_in("admin")
    first = nobody.client.cookies[COOKIE]
    await nobody.sign_in("admin")
    assert nobody.client.cookies[COOKIE] != first


async def test_unknown_user_and_wrong_password_read_the_same_and_keep_the_name(nobody: Visitor) -> None:
    pages = []
    for user in ("admin", "nosuch"):
        response = await nobody.post("/-/sign-in", {"user": user, "password": "not it at all"})
        assert response.status_code == 422
        assert f'value="{user}"' in response.text
        assert "not it at all" not in response.text
        assert "set-cookie" not in response.headers
        # The page says what time it is, to the second.
        pages.append(re.sub(r"[0-9T:-]{19}Z", "NOW", response.text.replace(user, "USER")))
    assert "User name or password is wrong." in pages[0]
    assert pages[0] == pages[1]


async def test_who_guesses_is_told_how_long_to_wait_and_others_sign_in(world: World, visitors: Visitors) -> None:
    await world.person("mara")
    here, there = visitors(host="10.0.0.7"), visitors(host="10.0.0.8")
    for _ in range(BY_ONE):
        assert (await here.post("/-/sign-in", {"user": "mara", "password": "a guess"})).status_code == 422
    response = await here.post("/-/sign-in", {"user": "mara", "password": PASSWORD})
    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= SECONDS
    assert re.search(r"Too many wrong passwords; wait \d+ seconds\.", text_of(response))
    assert 'value="mara"' in response.text
    assert PASSWORD not in response.text
    await there.sign_in("mara")


async def test_who_guesses_the_present_password_is_told_to_wait_too(admin: Visitor, visitors: Visitors) -> None:
    fields = {"present": "a guess", "new": "a longer new password"}
    for _ in range(BY_ONE):
        assert (await admin.fill("/-/account", fields)).status_code == 422
    response = await admin.fill("/-/account", {**fields, "present": PASSWORD})
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0
    assert re.search(r"Too many wrong passwords; wait \d+ seconds", text_of(response))
    await visitors(host="10.0.0.8").sign_in("admin")


async def test_signing_out_ends_the_session_everywhere(admin: Visitor, visitors: Visitors) -> None:
    copied = visitors()
    copied.client.cookies.set(COOKIE, admin.client.cookies[COOKIE])
    assert (await copied.get("/")).status_code == 200
    response = await admin.fill("/", {}, "/-/sign-out")
    assert (response.status_code, response.headers["location"]) == (303, "/-/sign-in")
    assert COOKIE not in admin.client.cookies
    assert (await copied.get("/")).status_code == 303
    assert "You were signed out." in text_of(await copied.get("/-/sign-in"))


@pytest.mark.parametrize("path", ["/dmc", "/dmc?q=%C3%A9", "/dmc/shop/api:2.14.1", "/-/account"])
async def test_signing_in_leads_on_to_where_one_was_going(nobody: Visitor, path: str) -> None:
    response = await nobody.post("/-/sign-in", {"user": "admin", "password": PASSWORD, "next": path})
    assert response.headers["location"] == path


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "/%2Fevil.example",
        "https://evil.example",
        "evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/%09/evil.example",
        "/\r\nLocation: //evil.example",
        "\\\\evil.example",
        "",
    ],
)
async def test_signing_in_never_leads_to_another_server(nobody: Visitor, path: str) -> None:
    response = await nobody.post("/-/sign-in", {"user": "admin", "password": PASSWORD, "next": path})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    shown = await nobody.client.get("/-/sign-in", params={"next": path})
    assert '<input type="hidden" name="next" value="/">' in shown.text


async def test_changing_the_password_ends_all_other_sessions(world: World, visitors: Visitors) -> None:
    await world.person("mara")
    here, there = visitors(), visitors()
    await here.sign_in("mara")
    await there.sign_in("mara")
    response = await here.fill("/-/account", {"present": PASSWORD, "new": "a longer new password"})
    assert (response.status_code, response.headers["location"]) == (303, "/-/account")
    assert "Your password was changed" in await here.read("/-/account")
    assert (await there.get("/-/account")).status_code == 303
    await there.sign_in("mara", "a longer new password")
    assert await world.services.accounts.authenticate("mara", PASSWORD) is None


async def test_the_present_password_is_asked_and_a_short_one_refused(admin: Visitor, world: World) -> None:
    wrong = await admin.fill("/-/account", {"present": "something else", "new": "a longer new password"})
    assert wrong.status_code == 422
    assert "This is not your present password." in text_of(wrong)
    short = await admin.fill("/-/account", {"present": PASSWORD, "new": "short"})
    assert short.status_code == 422
    assert 'name="new" type="password" autocomplete="new-password" minlength="12" required' in short.text
    assert "p2-e" in short.text
    assert await world.services.accounts.authenticate("admin", PASSWORD) is not None


async def test_a_disabled_account_is_out_at_once(world: World, visitors: Visitors) -> None:
    await world.person("mara")
    mara = visitors()
    await mara.sign_in("mara")
    await world.services.accounts.disable(ADMIN, "mara", disabled=True)
    assert (await mara.get("/-/account")).status_code == 303
    response = await mara.post("/-/sign-in", {"user": "mara", "password": PASSWORD})
    assert response.status_code == 422
    assert "User name or password is wrong." in text_of(response)


async def test_the_theme_is_kept_in_the_browser_without_script(admin: Visitor) -> None:
    response = await admin.fill("/", {"theme": "dark"}, "/-/theme")
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert 'data-theme="dark"' in (await admin.get("/")).text
    await admin.post("/-/theme", {"theme": '"><script>'})
    assert 'data-theme="dark"' in (await admin.get("/")).text


@pytest.mark.parametrize(
    ("error", "status"), [(ErrorCode.UNAVAILABLE, 503), (ErrorCode.DENIED, 403), (ErrorCode.UNAUTHORIZED, 422)]
)
async def test_why_a_directory_lets_nobody_in_stands_in_the_form(
    world: World, visitors: Visitors, error: ErrorCode, status: int
) -> None:
    refusal = MoorageError(error, "the directory <corp> cannot be asked: it sleeps")
    elsewhere = Mock(verify=AsyncMock(side_effect=refusal))
    accounts = AccountService(AccountTable(world.database), Passwords(), world.services.access, elsewhere)
    world.services = replace(world.services, accounts=accounts)
    visitor = visitors()
    response = await visitor.post("/-/sign-in", {"user": "kim", "password": "kim's password"})
    assert response.status_code == status
    assert "The directory &lt;corp&gt; cannot be asked: it sleeps." in response.text
    assert 'value="kim"' in response.text
    assert "kim&#39;s password" not in response.text
    assert "set-cookie" not in response.headers
    assert (await visitor.sign_in("admin")).status_code == 303
