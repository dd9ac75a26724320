"""A password that was given for a time: the account page says until when, the sign-in page that it is over."""

import re
import time
from collections.abc import Callable

import pytest

from tests.ui.visitor import Visitor, text_of
from tests.ui.world import ADMIN, PASSWORD, World

Visitors = Callable[..., Visitor]

COOKIE = "__Host-moorage"
CHOSEN = "a password of her own"
HOUR = 3600.0


async def invite(world: World) -> None:
    """Add mara, with a password that is good for an hour."""
    await world.services.accounts.add(ADMIN, "mara", PASSWORD, password_expires_at=time.time() + HOUR)


async def test_it_is_asked_who_somebody_is_first(nobody: Visitor) -> None:
    response = await nobody.get("/-/account")
    assert (response.status_code, response.headers["location"]) == (303, "/-/sign-in?next=%2F-%2Faccount")


async def test_everybody_sees_their_own_and_no_secret(world: World, visitors: Visitors) -> None:
    await world.person("mara")
    mara = visitors()
    await mara.sign_in("mara")
    page = await mara.get("/-/account")
    assert '<input name="user" autocomplete="username" value="mara" hidden>' in page.text
    for secret in (PASSWORD, mara.client.cookies[COOKIE]):
        assert secret not in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_who_was_given_a_password_is_told_until_when_it_is_good(world: World, visitors: Visitors) -> None:
    await invite(world)
    mara = visitors()
    await mara.sign_in("mara")
    assert re.search(
        r"The one you were given is good until \d+ \w+ \d+, \d\d:\d\d UTC\.", await mara.read("/-/account")
    )
    changed = await mara.fill("/-/account", {"present": PASSWORD, "new": CHOSEN})
    assert changed.status_code == 303
    assert "you were given" not in await mara.read("/-/account")
    found = await world.services.accounts.session(mara.client.cookies[COOKIE])
    assert found is not None
    assert found[1].expires_at > time.time() + 300 * HOUR


async def test_when_its_time_is_over_so_is_the_session_and_the_sign_in_page_says_why(
    world: World, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    await invite(world)
    mara = visitors()
    await mara.sign_in("mara")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + HOUR + 1)
    assert (await mara.get("/-/account")).headers["location"].startswith("/-/sign-in")
    refused = await mara.post("/-/sign-in", {"user": "mara", "password": PASSWORD})
    assert refused.status_code == 422
    assert "This password was given for a time that is over; ask an administrator" in text_of(refused)
    assert "set-cookie" not in refused.headers or COOKIE + "=;" in refused.headers["set-cookie"]
    guess = await mara.post("/-/sign-in", {"user": "mara", "password": "somebody's guess"})
    assert "time that is over" not in text_of(guess)


async def test_fields_that_are_left_out_change_nothing(admin: Visitor, world: World) -> None:
    for fields in ({}, {"new": CHOSEN}, {"present": PASSWORD}):
        assert (await admin.fill("/-/account", fields)).status_code == 422
    assert await world.services.accounts.authenticate("admin", PASSWORD) is not None
