"""Forms: only our own pages can send them."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator

import pytest

from moorage.domain.access import Visibility
from moorage.ui.visit import LARGEST_FORM
from tests.ui.visitor import Visitor, text_of
from tests.ui.world import ADMIN, PASSWORD, World

CHANGES = [
    "/-/new",
    "/-/account",
    "/-/sign-out",
    "/dmc/-/settings",
    "/dmc/-/delete",
    "/dmc/app/-/settings",
    "/dmc/app/-/delete",
]


@pytest.mark.parametrize("path", CHANGES)
async def test_a_change_without_the_sessions_token_is_refused(admin: Visitor, world: World, path: str) -> None:
    await world.registry("DMC")
    await world.image("dmc/app", "1.0")
    token = admin.client.cookies["__Host-moorage"]
    for csrf in ({}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": token}, {"csrf": "\U0001f600"}):
        response = await admin.post(path, {"name": "New", "typed": "DMC", "tag": "1.0", **csrf})
        assert response.status_code == 403
        assert "You may not do this" in text_of(response)
    assert len(await world.services.registries.list(ADMIN)) == 1


FOREIGN = [
    "https://evil.example",
    "null",
    "https://server:5444",
    "https://server",
    "file://",
    "http://[",
    "https://",
    "",
]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", [*CHANGES, "/-/sign-in", "/-/theme"])
async def test_a_change_from_another_origin_is_refused(admin: Visitor, world: World, path: str, origin: str) -> None:
    await world.registry("DMC")
    await world.image("dmc/app", "1.0")
    page = await admin.get("/-/new")
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    fields = {"csrf": csrf, "name": "New", "typed": "DMC", "theme": "dark", "user": "admin", "password": PASSWORD}
    response = await admin.post(path, fields, origin=origin)
    assert response.status_code == 403


async def test_a_form_of_a_page_loaded_over_another_of_our_names_is_ours(admin: Visitor) -> None:
    response = await admin.client.post(
        "/-/theme", data={"theme": "dark"}, headers={"host": "localhost:5443", "origin": "https://localhost:5443"}
    )
    assert response.status_code == 303


async def test_a_browser_that_tells_where_a_form_came_from_is_believed(admin: Visitor) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 303)):
        response = await admin.client.post("/-/theme", data={"theme": "dark"}, headers={"sec-fetch-site": site})
        assert response.status_code == status


async def test_a_page_of_this_host_without_tls_signs_nobody_in(nobody: Visitor) -> None:
    fields = {"user": "admin", "password": PASSWORD}
    plain = nobody.url.replace("https://", "http://")
    response = await nobody.post("/-/sign-in", fields, origin=plain, **{"sec-fetch-site": "cross-site"})
    assert response.status_code == 403
    response = await nobody.post("/-/sign-in", fields, **{"sec-fetch-site": "same-origin"})
    assert response.status_code == 303


async def test_a_change_after_the_session_ended_asks_to_sign_in_and_comes_back(nobody: Visitor) -> None:
    response = await nobody.post("/dmc/-/settings", {"description": "x"})
    assert (response.status_code, response.headers["location"]) == (303, "/-/sign-in?next=%2Fdmc%2F-%2Fsettings")


async def test_a_form_larger_than_any_page_sends_is_refused(admin: Visitor) -> None:
    response = await admin.post("/-/new", {"name": "x" * LARGEST_FORM})
    assert response.status_code == 413
    response = await admin.client.post("/-/new", content="&".join(["a=1"] * 3000))
    assert response.status_code == 400
    response = await admin.client.post("/-/new", content=b"name=\xff\xfe")
    assert response.status_code == 400


@pytest.mark.parametrize("path", ["/-/sign-in", "/-/new"])
async def test_a_form_that_stands_still_is_not_waited_for(
    admin: Visitor, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def standing() -> AsyncIterator[bytes]:
        yield b"user="
        await asyncio.Event().wait()

    monkeypatch.setattr("moorage.ui.visit.IDLE_SECONDS", 0.05)
    response = await asyncio.wait_for(admin.client.post(path, content=standing()), 10)
    assert response.status_code == 408
    assert "The form stood still" in text_of(response)


async def test_a_form_does_nothing_for_who_was_kept_out_while_it_came(nobody: Visitor, world: World) -> None:
    await world.person("mara")
    await nobody.sign_in("mara")
    home = await nobody.get("/")
    csrf = home.text.partition('name="csrf" value="')[2].partition('"')[0]

    async def slowly() -> AsyncIterator[bytes]:
        yield f"csrf={csrf}&".encode()
        await world.services.accounts.disable(ADMIN, "mara", disabled=True)
        yield f"present={PASSWORD}&new=another+long+password".encode()

    response = await nobody.client.post("/-/account", content=slowly(), headers={"origin": nobody.url})
    assert response.status_code == 303
    assert response.headers["location"].startswith("/-/sign-in?")


async def test_nobody_changes_what_they_may_only_see(world: World, nobody: Visitor) -> None:
    await world.person("mara")
    await world.registry("DMC", visibility=Visibility.INTERNAL)
    await world.image("dmc/app", "1.0")
    await nobody.sign_in("mara")
    home = await nobody.get("/")
    assert "/-/new" not in home.text
    csrf = home.text.partition('name="csrf" value="')[2].partition('"')[0]
    for path in set(CHANGES) - {"/-/account", "/-/sign-out"}:
        response = await nobody.post(path, {"csrf": csrf, "name": "New", "typed": "DMC", "tag": "1.0", "all": "1"})
        assert response.status_code == 403, path
        assert "You are signed in as mara" in text_of(response)
    for path in ("/dmc", "/dmc/app", "/dmc/app/-/images"):
        page = (await nobody.get(path)).text
        assert "Settings" not in page
        assert "Delete" not in page
        assert "docker push" not in page


TOASTS = [
    b"[" * 2_000,
    b"[" * 200_000,
    b'["\\ud800",""]',
    b'["",1]',
    b"1" * 5_000,
    b'[["a"],"b"]',
    b'{"a":1,"b":2}',
    b"\xff",
]


@pytest.mark.parametrize("text", TOASTS)
async def test_a_message_that_this_server_did_not_leave_is_not_shown(admin: Visitor, text: bytes) -> None:
    admin.client.cookies.set("__Host-moorage_toast", urlsafe_b64encode(text).decode())
    response = await admin.get("/")
    assert response.status_code == 200
    assert 'class="toast"' not in response.text
