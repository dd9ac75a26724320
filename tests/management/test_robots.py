"""Robots over HTTP."""

import pytest

from moorage.app.services import SYSTEM
from moorage.domain.access import Role
from tests.management.world import World

PLACES = {"/robots": "mirror", "/registries/dmc/robots": "ci"}


@pytest.mark.parametrize("place", PLACES)
async def test_a_robot_is_made_listed_and_deleted(world: World, place: str) -> None:
    made = await world.ask("POST", place, {"name": "bot"})
    assert (made.status_code, made.headers["location"]) == (201, f"/api/v1{place}/bot")
    assert made.json().keys() == {"name", "is_disabled", "created_at"}
    assert (await world.ask("GET", place)).json()["items"] == [made.json()]
    assert (await world.ask("DELETE", f"{place}/bot")).status_code == 204
    assert (await world.ask("GET", place)).json()["items"] == []
    assert (await world.ask("DELETE", f"{place}/bot")).status_code == 404


async def test_a_robot_stands_in_the_list_of_its_place_alone(world: World) -> None:
    for place, name in PLACES.items():
        await world.ask("POST", place, {"name": name})
    await world.services.registries.create(SYSTEM, "Other")
    for place, names in {**{p: [n] for p, n in PLACES.items()}, "/registries/other/robots": [], "/users": []}.items():
        assert [item["name"] for item in (await world.ask("GET", place)).json()["items"]] == names
    assert (await world.ask("DELETE", "/robots/ci")).status_code == 404
    assert (await world.ask("DELETE", "/registries/dmc/robots/mirror")).status_code == 404
    assert (await world.ask("DELETE", "/registries/other/robots/ci")).status_code == 404


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "sent", [{}, {"name": "Bot"}, {"name": "a$b"}, {"name": 7}, {"name": "bot", "password": "x" * 20}, {"name": ""}]
)
async def test_what_is_no_robot_is_400(world: World, place: str, sent: dict[str, object]) -> None:
    assert (await world.ask("POST", place, sent)).status_code == 400
    assert (await world.ask("GET", place)).json()["items"] == []


async def test_a_name_is_taken_once_among_robots_and_people(world: World) -> None:
    await world.person("mara")
    await world.ask("POST", "/robots", {"name": "bot"})
    for place in PLACES:
        for name in ("mara", "bot"):
            answer = await world.ask("POST", place, {"name": name})
            assert answer.status_code == 409
    taken = {"name": "bot", "password": "correct horse battery"}
    assert (await world.ask("POST", "/users", taken)).status_code == 409


async def test_a_robot_is_no_person(world: World) -> None:
    await world.ask("POST", "/robots", {"name": "bot"})
    assert (await world.ask("GET", "/users/bot")).status_code == 404
    for change in ({"password": "correct horse battery"}, {"is_admin": True}):
        assert (await world.ask("PATCH", "/users/bot", change)).status_code in {400, 404}
    assert await world.services.accounts.authenticate("bot", "") is None


@pytest.mark.parametrize(("caller", "status"), [("stranger", 404), ("writer", 403), ("anonymous", 401)])
@pytest.mark.usefixtures("people")
async def test_others_have_no_part_in_the_robots_of_a_registry(world: World, caller: str, status: int) -> None:
    for method, path, sent in (
        ("GET", "/registries/dmc/robots", None),
        ("POST", "/registries/dmc/robots", {"name": "bot"}),
        ("DELETE", "/registries/dmc/robots/ci", None),
        ("DELETE", "/registries/dmc/robots/absent", None),
    ):
        assert (await world.ask(method, path, sent, caller=caller)).status_code == status, (method, path)


@pytest.mark.usefixtures("people")
async def test_an_owner_makes_robots_of_their_registry_and_none_of_the_server(world: World) -> None:
    assert (await world.ask("POST", "/registries/dmc/robots", {"name": "bot"}, caller="owner")).status_code == 201
    assert (await world.ask("POST", "/robots", {"name": "bot2"}, caller="owner")).status_code == 403
    assert (await world.ask("GET", "/robots", caller="owner")).status_code == 403


async def test_a_deleted_robot_takes_its_roles_along(world: World) -> None:
    await world.ask("POST", "/registries/dmc/robots", {"name": "bot"})
    await world.services.registries.set_member(SYSTEM, "dmc", "bot", Role.WRITER)
    await world.ask("DELETE", "/registries/dmc/robots/bot")
    assert "bot" not in (await world.ask("GET", "/registries/dmc/members")).text
