"""Accounts over HTTP."""

import pytest

from tests.management.world import PASSWORD, World


async def test_a_person_is_added_and_can_sign_in(world: World) -> None:
    made = await world.ask("POST", "/users", {"name": "mara", "password": PASSWORD})
    assert made.status_code == 201
    assert made.headers["location"] == "/api/v1/users/mara"
    assert made.json() == (await world.ask("GET", "/users/mara")).json()
    assert set(made.json()) == {"name", "is_admin", "is_disabled", "created_at", "password_expires_at"}
    assert await world.services.accounts.authenticate("mara", PASSWORD) is not None


async def test_a_name_is_taken_once(world: World) -> None:
    await world.person("mara")
    assert (await world.ask("POST", "/users", {"name": "mara", "password": PASSWORD})).status_code == 409


async def test_nobody_is_made_an_administrator_by_the_way(world: World) -> None:
    await world.ask("POST", "/users", {"name": "mara", "password": PASSWORD})
    boss = await world.ask("POST", "/users", {"name": "boss", "password": PASSWORD, "is_admin": True})
    assert boss.json()["is_admin"] is True
    assert (await world.ask("GET", "/users/mara")).json()["is_admin"] is False
    assert (await world.ask("PATCH", "/users/mara", {"is_administrator": True})).status_code == 400
    assert (await world.ask("POST", "/users", {"name": "x", "password": PASSWORD, "id": 1})).status_code == 400


async def test_a_new_password_replaces_the_old(world: World) -> None:
    await world.person("mara")
    assert (await world.ask("PATCH", "/users/mara", {"password": "another one entirely"})).status_code == 200
    assert await world.services.accounts.authenticate("mara", PASSWORD) is None
    assert await world.services.accounts.authenticate("mara", "another one entirely") is not None


async def test_a_disabled_person_is_kept_out_until_enabled(world: World) -> None:
    await world.person("mara")
    for disabled in (True, False):
        answer = await world.ask("PATCH", "/users/mara", {"is_disabled": disabled})
        assert answer.json()["is_disabled"] is disabled
        assert (await world.services.accounts.authenticate("mara", PASSWORD) is None) is disabled


async def test_a_password_is_never_repeated(world: World) -> None:
    canary = "canary-71c3"
    bodies = [{"name": "a b", "password": canary * 3}, {"name": 5, "password": canary}, {"password": [canary]}]
    for body in bodies:
        answer = await world.ask("POST", "/users", body)
        assert answer.status_code == 400
        assert canary not in answer.text
    made = await world.ask("POST", "/users", {"name": "mara", "password": canary * 3})
    assert made.status_code == 201
    assert canary not in made.text


async def test_who_does_not_exist_cannot_be_changed(world: World) -> None:
    for body in ({}, {"password": PASSWORD}, {"is_disabled": True}):
        assert (await world.ask("PATCH", "/users/ghost", body)).status_code == 404


@pytest.mark.usefixtures("people")
async def test_a_robot_is_no_person_and_is_left_as_it_was(world: World) -> None:
    for name in ("ci", "mirror"):
        answer = await world.ask("PATCH", f"/users/{name}", {"is_disabled": True})
        assert answer.status_code == 404, answer.text
    robots = [
        *(await world.ask("GET", "/robots")).json()["items"],
        *(await world.ask("GET", "/registries/dmc/robots")).json()["items"],
    ]
    assert [robot["is_disabled"] for robot in robots] == [False, False]


async def test_pages_of_people_go_by_name(world: World) -> None:
    for name in ("tom", "ann", "kim"):
        await world.person(name)
    first = (await world.ask("GET", "/users?n=2")).json()
    second = (await world.ask("GET", first["next"].removeprefix("/api/v1"))).json()
    assert [item["name"] for item in first["items"] + second["items"]] == ["ann", "kim", "tom"]
    assert second["next"] is None


async def test_a_change_that_is_refused_in_part_is_not_made_at_all(world: World) -> None:
    await world.services.accounts.ensure_admin(PASSWORD)
    new = "another one entirely"
    last = await world.ask("PATCH", "/users/admin", {"password": new, "is_disabled": True})
    assert (last.status_code, last.json()["code"]) == (409, "DENIED")
    assert await world.services.accounts.authenticate("admin", PASSWORD) is not None
    await world.person("mara")
    short = await world.ask("PATCH", "/users/mara", {"password": "short", "is_disabled": True})
    assert short.status_code == 400
    assert (await world.ask("GET", "/users/mara")).json()["is_disabled"] is False


async def test_password_and_leave_to_sign_in_change_together(world: World) -> None:
    await world.person("mara")
    opened = await world.services.accounts.sign_in("mara", PASSWORD)
    assert opened is not None
    answer = await world.ask("PATCH", "/users/mara", {"password": "another one entirely", "is_disabled": True})
    assert (answer.status_code, answer.json()["is_disabled"]) == (200, True)
    await world.ask("PATCH", "/users/mara", {"is_disabled": False})
    assert await world.services.accounts.authenticate("mara", PASSWORD) is None
    assert await world.services.accounts.authenticate("mara", "another one entirely") is not None
    assert await world.services.accounts.session(opened[0]) is None


async def test_an_empty_change_leaves_a_person_signed_in(world: World) -> None:
    await world.person("mara")
    opened = await world.services.accounts.sign_in("mara", PASSWORD)
    assert opened is not None
    assert (await world.ask("PATCH", "/users/mara", {})).status_code == 200
    assert await world.services.accounts.session(opened[0]) is not None


async def test_administrators_are_made_and_unmade(world: World) -> None:
    await world.person("mara")
    await world.ask("POST", "/users", {"name": "boss", "password": PASSWORD, "is_admin": True})
    assert (await world.ask("PATCH", "/users/mara", {"is_admin": True})).json()["is_admin"] is True
    assert (await world.ask("PATCH", "/users/mara", {"is_admin": False})).json()["is_admin"] is False
    rows = (await world.ask("GET", "/activity?what=change-user&target=mara")).json()["items"]
    assert [(row["before"], row["after"]) for row in rows] == [
        ({"is_admin": True}, {"is_admin": False}),
        ({"is_admin": False}, {"is_admin": True}),
    ]


async def test_nobody_makes_themselves_an_administrator(world: World) -> None:
    await world.person("mara")
    for change in ({"is_admin": True}, {"is_admin": True, "password": PASSWORD}):
        assert (await world.ask("PATCH", "/users/mara", change, caller="mara")).status_code == 403
    assert (await world.ask("GET", "/users/mara")).json()["is_admin"] is False


async def test_a_deleted_person_is_gone_with_all_they_could_do(world: World) -> None:
    await world.person("mara")
    services = world.services
    await world.ask("POST", "/registries", {"name": "Hers"})
    await world.ask("PUT", "/registries/hers/members/mara", {"role": "owner"})
    found = await services.accounts.sign_in("mara", PASSWORD)
    assert found is not None
    assert (await world.ask("DELETE", "/users/mara")).status_code == 204
    assert await services.accounts.session(found[0]) is None
    assert (await world.ask("GET", "/users/mara")).status_code == 404
    assert (await world.ask("DELETE", "/users/mara")).status_code == 404
    await world.person("mara")
    assert await services.accounts.session(found[0]) is None
    assert (await world.ask("GET", "/registries/hers/members")).json()["items"] == []


@pytest.mark.usefixtures("people")
async def test_a_robot_is_not_deleted_as_a_person(world: World) -> None:
    for name in ("ci", "mirror"):
        assert (await world.ask("DELETE", f"/users/{name}")).status_code == 404
    assert len((await world.ask("GET", "/robots")).json()["items"]) == 1
