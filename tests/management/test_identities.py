"""Identities over HTTP: which person of a directory has which account."""

import pytest

from tests.management.world import World

ANN = {"directory": "corp", "subject": "uuid-1"}


async def test_somebody_is_linked_listed_and_parted(world: World) -> None:
    await world.person("mara")
    for subject in ("uuid-2", "uuid-1", "uuid-1"):
        made = await world.ask("POST", "/users/mara/identities", {**ANN, "subject": subject})
        assert (made.status_code, made.headers["location"]) == (201, "/api/v1/users/mara/identities")
        assert made.json() == {**ANN, "subject": subject}
    listed = (await world.ask("GET", "/users/mara/identities?n=1")).json()
    assert listed["items"] == [ANN]
    following = (await world.ask("GET", listed["next"].removeprefix("/api/v1"))).json()
    assert following == {"items": [{**ANN, "subject": "uuid-2"}], "next": None}
    assert (await world.ask("DELETE", "/users/mara/identities/corp")).status_code == 204
    assert (await world.ask("GET", "/users/mara/identities")).json()["items"] == []
    assert (await world.ask("DELETE", "/users/mara/identities/corp")).status_code == 404


async def test_nobody_is_linked_to_two_accounts(world: World) -> None:
    await world.person("mara")
    await world.person("kim")
    assert (await world.ask("POST", "/users/mara/identities", ANN)).status_code == 201
    assert (await world.ask("POST", "/users/kim/identities", ANN)).status_code == 409


@pytest.mark.parametrize(
    ("user", "body", "status"),
    [
        ("ghost", ANN, 404),
        ("gh%C3%B6st", ANN, 404),
        ("mara", {**ANN, "directory": "elsewhere"}, 400),
        ("mara", {**ANN, "directory": "corp\0"}, 400),
        ("mara", {**ANN, "subject": ""}, 400),
        ("mara", {**ANN, "subject": "a\0b"}, 400),
        ("mara", {**ANN, "subject": "x" * 256}, 400),
        ("mara", {"directory": "corp"}, 400),
        ("mara", {**ANN, "name": "mara"}, 400),
    ],
)
async def test_what_can_not_be_linked_is_refused(world: World, user: str, body: dict[str, str], status: int) -> None:
    await world.person("mara")
    assert (await world.ask("POST", f"/users/{user}/identities", body)).status_code == status
    assert (await world.ask("GET", "/users/mara/identities")).json()["items"] == []
