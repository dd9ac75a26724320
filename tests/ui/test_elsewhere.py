"""Signing in at a directory elsewhere: there, back, and in; or a page that says which directory did not, and why."""

import html
import re
from collections.abc import Callable

import pytest

from moorage.domain.activity import Kind, Outcome
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity
from moorage.services.web_sign_in import Arrival, Offer
from tests.ui.visitor import Visitor, text_of
from tests.ui.world import ADMIN, World

COOKIE = "__Host-moorage"
KEPT = "__Host-moorage_sign_in"
BACK = "/-/sign-in/corp/back?code=c"
ZOE = Identity("corp", "1", "Zoe")


@pytest.fixture(autouse=True)
def offered(world: World) -> None:
    world.doors.offers = (Offer("corp", "Acme & Sons"),)


async def test_a_button_leads_to_the_directory_with_a_cookie_for_the_way_back(nobody: Visitor, world: World) -> None:
    page = await nobody.get("/-/sign-in?next=/dmc?q=1%26n=50")
    link = re.search(r'href="(/-/sign-in/corp\?[^"]*)"', page.text)
    assert link is not None
    assert "Sign in with Acme & Sons" in text_of(page)
    response = await nobody.get(html.unescape(link[1]))
    assert (response.status_code, response.headers["location"]) == (303, "https://id.example.org/ask?corp")
    assert world.doors.departed == ("https://server:5443/-/sign-in/corp/back", "/dmc?q=1&n=50", None)
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"{KEPT}=kept; ")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))


@pytest.mark.parametrize("path", ["//evil.example", "/%5cevil.example", "https://evil.example"])
async def test_the_way_back_never_leads_to_another_server(nobody: Visitor, world: World, path: str) -> None:
    await nobody.client.get("/-/sign-in/corp", params={"next": path})
    assert world.doors.departed[1] == "/"
    world.doors.arrival = Arrival(ZOE, path, None)
    assert (await nobody.get(BACK)).headers["location"] == "/"


async def test_who_comes_back_has_an_account_and_a_new_session(nobody: Visitor, world: World) -> None:
    await nobody.get("/-/sign-in/corp")
    world.doors.arrival = Arrival(ZOE, "/dmc", None)
    response = await nobody.get(BACK)
    assert (response.status_code, response.headers["location"]) == (303, "/dmc")
    assert COOKIE in nobody.client.cookies
    assert KEPT not in nobody.client.cookies
    assert "zoe" in (await nobody.get("/-/account")).text


async def test_the_session_before_ends(admin: Visitor, world: World, visitors: Callable[..., Visitor]) -> None:
    copied = visitors()
    copied.client.cookies.set(COOKIE, admin.client.cookies[COOKIE])
    await admin.get("/-/sign-in/corp")
    world.doors.arrival = Arrival(ZOE, "/", None)
    assert (await admin.get(BACK)).status_code == 303
    assert (await copied.get("/-/account")).status_code == 303


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MoorageError(ErrorCode.UNAVAILABLE, "it does not answer"), "Acme & Sons: It does not answer."),
        (MoorageError(ErrorCode.UNAVAILABLE, "Acme & Sons can't be asked"), "server:5443 Acme & Sons can't be asked."),
        (MoorageError(ErrorCode.DENIED, "you said no"), "Acme & Sons: You said no."),
        (MoorageError(ErrorCode.UNAUTHORIZED, "forged & <more>"), "Acme & Sons: Forged & <more>."),
    ],
)
async def test_what_went_wrong_stands_on_the_sign_in_page(
    nobody: Visitor, world: World, error: MoorageError, said: str
) -> None:
    await nobody.get("/-/sign-in/corp")
    world.doors.arrival = error
    response = await nobody.get(BACK)
    assert response.status_code == error.error.status
    assert said in text_of(response)
    assert "<more>" not in response.text
    assert COOKIE not in nobody.client.cookies
    assert 'action="/-/sign-in"' in response.text


async def test_a_name_that_is_taken_is_not_taken_over(nobody: Visitor, world: World) -> None:
    await nobody.get("/-/sign-in/corp")
    world.doors.arrival = Arrival(Identity("corp", "2", "admin"), "/", None)
    response = await nobody.get(BACK)
    assert response.status_code == 403
    assert "moorage user link admin corp 2" in text_of(response)


async def test_a_sign_in_that_was_refused_is_a_row_of_whoever_it_was(nobody: Visitor, world: World) -> None:
    await world.directories.accept(ZOE)
    await world.services.accounts.disable(ADMIN, "zoe", disabled=True)
    admin = Identity("corp", "2", "admin")
    wanted: list[tuple[Arrival | MoorageError, str, object]] = [
        (MoorageError(ErrorCode.DENIED, "no"), "", {"reason": "wrong", "directory": "corp"}),
        (Arrival(admin, "/", None), "", {"reason": "name-taken", "directory": "corp", "subject": "2"}),
        (Arrival(ZOE, "/", None), "zoe", {"reason": "closed", "directory": "corp", "subject": "1"}),
    ]
    for arrival, name, after in wanted:
        await nobody.get("/-/sign-in/corp")
        world.doors.arrival = arrival
        assert (await nobody.get(BACK)).status_code in {401, 403}
        ((row,), _) = world.tally.take(0)
        assert (row.kind, row.outcome, row.who, row.after) == (Kind.SIGN_IN, Outcome.REFUSED, name, after)


async def test_an_account_is_linked_by_a_form_of_its_own_and_signs_in_there_then(admin: Visitor, world: World) -> None:
    assert "Link Acme & Sons" in text_of(await admin.get("/-/account"))
    response = await admin.fill("/-/account", {}, "/-/account/link/corp")
    assert response.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=https://id.example.org/ask?corp">' in response.text
    back, target, user_id = world.doors.departed
    assert target == "/-/account"
    world.doors.arrival = Arrival(ZOE, target, user_id)
    linked = await admin.get(BACK)
    assert (linked.status_code, linked.headers["location"]) == (303, "/-/account")
    page = text_of(await admin.get("/-/account"))
    assert "Acme & Sons was linked" in page
    assert "Link Acme" not in page
    await admin.fill("/", {}, "/-/sign-out")
    await admin.get("/-/sign-in/corp")
    world.doors.arrival = Arrival(ZOE, "/", None)
    await admin.get(BACK)
    assert "Administrator" in text_of(await admin.get("/"))
    assert back.startswith("https://")


async def test_nothing_is_linked_without_the_sessions_token_or_to_somebody_else(
    admin: Visitor, world: World, visitors: Callable[..., Visitor]
) -> None:
    assert (await admin.post("/-/account/link/corp", {"csrf": "guess"})).status_code == 403
    await admin.fill("/-/account", {}, "/-/account/link/corp")
    world.doors.arrival = Arrival(ZOE, "/-/account", world.doors.departed[2])
    await world.person("mara")
    other = visitors()
    await other.sign_in("mara")
    other.client.cookies.set(KEPT, "kept")
    response = await other.get(BACK)
    assert response.status_code == 403
    assert "nothing was linked" in text_of(response)


async def test_a_directory_that_is_not_offered_is_not_there(nobody: Visitor, admin: Visitor) -> None:
    for path in ("/-/sign-in/other", "/-/sign-in/other/back?code=c"):
        assert (await nobody.get(path)).status_code == 404
    csrf = re.search(r'name="csrf" value="([^"]*)"', (await admin.get("/-/account")).text)
    assert csrf is not None
    assert (await admin.post("/-/account/link/other", {"csrf": csrf[1]})).status_code == 404


async def test_without_directories_nothing_is_offered(nobody: Visitor, admin: Visitor, world: World) -> None:
    world.doors.offers = ()
    assert "Sign in with" not in (await nobody.get("/-/sign-in")).text
    assert "Sign in elsewhere" not in (await admin.get("/-/account")).text
