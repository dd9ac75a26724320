"""Who asks, and whether they meant to."""

import pytest

from tests.management.world import CSRF, World

SESSION = {"x-caller": "", "cookie": "session=admin"}
OWN = {**SESSION, "sec-fetch-site": "same-origin"}


async def test_a_program_without_credentials_is_asked_for_them(world: World) -> None:
    answer = await world.ask("GET", "/me", caller="nobody")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Basic realm="Moorage"')


@pytest.mark.parametrize("header", [{"cookie": "theme=dark"}, {"sec-fetch-site": "same-origin"}])
async def test_a_browser_opens_no_password_window_of_its_own(world: World, header: dict[str, str]) -> None:
    answer = await world.ask("GET", "/me", caller="nobody", headers=header)
    assert answer.status_code == 401
    assert "www-authenticate" not in answer.headers


async def test_a_wrong_password_is_refused_even_where_anyone_may_look(world: World) -> None:
    assert (await world.ask("GET", "/registries", caller="nobody")).status_code == 200
    assert (await world.ask("GET", "/registries", caller="wrong")).status_code == 401


async def test_a_session_may_look_without_its_token(world: World) -> None:
    answer = await world.ask("GET", "/me", headers=SESSION)
    assert answer.json() == {"name": "moorage", "is_admin": True}


@pytest.mark.parametrize("sent", [{}, {"x-csrf-token": ""}, {"x-csrf-token": "guessed"}])
async def test_a_session_changes_nothing_without_its_token(world: World, sent: dict[str, str]) -> None:
    answer = await world.ask("DELETE", "/registries/dmc/repositories/team/app", headers={**OWN, **sent})
    assert answer.status_code == 403
    assert (await world.ask("GET", "/registries/dmc/repositories/team/app")).status_code == 200


async def test_a_session_changes_things_with_its_token(world: World) -> None:
    sent = {**OWN, "x-csrf-token": CSRF}
    assert (await world.ask("PATCH", "/registries/dmc", {"description": "x"}, headers=sent)).status_code == 200


@pytest.mark.parametrize(
    "foreign",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://proget:5080"},
        {"origin": "http://["},
        {"origin": "", "host": ""},
        {"sec-fetch-site": "cross-site", "x-caller": "", "cookie": "session=admin", "x-csrf-token": CSRF},
    ],
)
async def test_a_page_of_another_site_changes_nothing(world: World, foreign: dict[str, str]) -> None:
    answer = await world.ask("PATCH", "/registries/dmc", {"description": "theirs"}, headers=foreign)
    assert answer.status_code == 403
    assert (await world.ask("GET", "/registries/dmc")).json()["description"] == ""


async def test_a_page_of_this_server_may_change_things(world: World) -> None:
    own = {"origin": "https://PROGET:5443"}
    assert (await world.ask("PATCH", "/registries/dmc", {"description": "x"}, headers=own)).status_code == 200
