"""Every route asks for its permission, and tells those who lack it no more than they may know."""

import pytest

from moorage.domain.access import Action, Caller, Grant, Place, Scope, Visibility, is_allowed
from moorage.management.api import tables
from moorage.management.routes import OF_TOKENS, Route
from tests.management.world import PEOPLE, World

ANYBODY = ("nobody", *PEOPLE, "admin")


def rows(world: World) -> list[Route]:
    found = [row for table in tables(world.offered).values() for row in table]
    # What deletes comes last, so that the others still find something to be answered with.
    return sorted(found, key=lambda row: row.method == "DELETE")


def path_of(row: Route, registry: str = "dmc") -> str:
    filled = row.path.replace(":path", "")
    names = {
        "repository": "team/app",
        "user": "reader",
        "tag": "1",
        "reference": "1",
        "group": "ops",
        "pattern": "team/*",
    }
    return filled.format(registry=registry, **names)


def may(name: str, action: Action) -> bool:
    if name == "nobody":
        return is_allowed(Caller(), action, Place(Visibility.PRIVATE))
    role = PEOPLE.get(name)
    place = Place(Visibility.PRIVATE, () if role is None else (Grant(role),))
    return is_allowed(Caller(1, name, name == "admin"), action, place)


async def test_every_route_names_its_action(world: World) -> None:
    for row in rows(world):
        assert isinstance(row.action, Action), row
    document = (await world.http.get("/api/v1/openapi.json")).json()
    served = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert served == {(row.method, "/api/v1" + row.path.replace(":path", "")) for row in rows(world)}


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("name", ANYBODY)
async def test_only_those_who_may_get_through(world: World, name: str) -> None:
    for row in rows(world):
        answer = await world.ask(row.method, path_of(row), caller=name)
        cell = (row.method, row.path, answer.text)
        if may(name, row.action):
            assert answer.status_code in {200, 201, 204, 400, 409}, cell
        elif name == "nobody":
            assert answer.status_code == 401, cell
        elif name == "stranger" and "{registry}" in row.path:
            assert answer.status_code == 404, cell
        else:
            assert answer.status_code == 403, cell


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("name", ["nobody", "stranger"])
async def test_what_one_may_not_see_answers_like_what_does_not_exist(world: World, name: str) -> None:
    for row in rows(world):
        if "{registry}" in row.path:
            hidden = await world.ask(row.method, path_of(row), caller=name)
            missing = await world.ask(row.method, path_of(row, "xyz"), caller=name)
            assert hidden.status_code == missing.status_code
            assert hidden.text == missing.text.replace("xyz", "dmc")


async def test_a_token_for_pulling_opens_nothing_but_its_repository(world: World) -> None:
    pull = frozenset({"pull"})
    scope = Scope({"dmc/team/app": pull}, {"dmc/team/app": pull}, issued_at=0, expires_at=10**12)
    world.meet(Caller(1, "scoped", is_admin=True, scope=scope))
    for row in rows(world):
        answer = await world.ask(row.method, path_of(row), caller="scoped")
        is_content = "{repository" in row.path and row.action in OF_TOKENS
        if is_content and row.action is Action.PULL:
            assert answer.status_code == 200, row
        else:
            assert answer.status_code in {401, 403}, row
    other = await world.ask("GET", "/registries/dmc/repositories/other", caller="scoped")
    assert other.status_code in {401, 403}


async def test_a_list_holds_only_what_one_may_read(world: World) -> None:
    await world.person("mara")
    await world.ask("POST", "/registries", {"name": "Open", "visibility": "public"})
    await world.ask("POST", "/registries", {"name": "Inner", "visibility": "internal"})
    seen = {
        caller: [item["name"] for item in (await world.ask("GET", "/registries", caller=caller)).json()["items"]]
        for caller in ("nobody", "mara", "admin")
    }
    assert seen == {"nobody": ["Open"], "mara": ["Inner", "Open"], "admin": ["DMC", "Inner", "Open"]}
