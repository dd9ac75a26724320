"""Groups over HTTP."""

import pytest

from tests.management.world import World


async def test_a_group_is_made_filled_and_deleted(world: World) -> None:
    await world.person("mara")
    made = await world.ask("POST", "/groups", {"name": "ops"})
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/groups/ops")
    assert (await world.ask("PUT", "/groups/ops/members/mara")).status_code == 204
    assert (await world.ask("GET", "/groups/ops/members")).json()["items"] == [{"name": "mara"}]
    shown = (await world.ask("GET", "/groups/ops")).json()
    assert shown == {**made.json(), "members": 1}
    assert (await world.ask("GET", "/groups")).json()["items"] == [shown]
    assert (await world.ask("DELETE", "/groups/ops/members/mara")).status_code == 204
    assert (await world.ask("GET", "/groups/ops/members")).json()["items"] == []
    assert (await world.ask("DELETE", "/groups/ops")).status_code == 204
    assert (await world.ask("GET", "/groups")).json()["items"] == []


async def test_what_does_not_exist_is_not_found(world: World) -> None:
    await world.person("mara")
    await world.ask("POST", "/groups", {"name": "ops"})
    for method, path in (
        ("GET", "/groups/ghosts"),
        ("DELETE", "/groups/ghosts"),
        ("GET", "/groups/ghosts/members"),
        ("PUT", "/groups/ghosts/members/mara"),
        ("PUT", "/groups/ops/members/ghost"),
        ("DELETE", "/groups/ops/members/ghost"),
    ):
        assert (await world.ask(method, path)).status_code == 404, (method, path)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a b"},
        {"name": ""},
        {"name": "Ops"},
        {"name": "a" * 65},
        {"name": "ops", "directory": "corp"},
        {"name": "ops", "external": "cn=ops"},
        {"name": "ops", "directory": "", "external": "cn=ops"},
        {"name": "ops", "directory": "corp", "external": "x" * 1025},
        {"name": "ops", "members": ["mara"]},
    ],
)
async def test_what_is_no_group_is_refused(world: World, body: dict[str, object]) -> None:
    assert (await world.ask("POST", "/groups", body)).status_code == 400
    assert (await world.ask("GET", "/groups")).json()["items"] == []


async def test_who_is_in_a_directory_s_group_is_decided_there(world: World) -> None:
    await world.person("mara")
    made = await world.ask("POST", "/groups", {"name": "dev", "directory": "corp", "external": "cn=dev"})
    assert (made.json()["directory"], made.json()["external"]) == ("corp", "cn=dev")
    for method in ("PUT", "DELETE"):
        answer = await world.ask(method, "/groups/dev/members/mara")
        assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert (await world.ask("POST", "/groups", {"name": "dev"})).status_code == 409
