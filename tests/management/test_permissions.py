"""Every route asks for its permission, and tells those who lack it no more than they may know."""

from moorage.domain.access import Action, Caller, Scope
from moorage.management.api import tables
from moorage.management.routes import OF_TOKENS, Route
from tests.management.world import World


def rows(world: World) -> list[Route]:
    found = [row for table in tables(world.offered).values() for row in table]
    # What deletes comes last, and the innermost first, so that the others still find something to be answered with.
    return sorted(found, key=lambda row: (row.method == "DELETE", -row.path.count("/")))


def path_of(row: Route, registry: str = "dmc") -> str:
    filled = row.path.replace(":path", "")
    names = {
        "repository": "team/app",
        "user": "reader",
        "tag": "1",
        "reference": "1",
        "group": "ops",
        "directory": "corp",
        "pattern": "team/*",
        "robot": "ci" if "{registry}" in row.path else "mirror",
        "token": "one",
        "rule": "1",
        "image": "sha256:" + "0" * 64,
        "entry": "1",
        "deleted": "1",
        "run": "1",
        "inside": "team/app",
    }
    return filled.format(registry=registry, **names)


async def test_every_route_names_its_action(world: World) -> None:
    for row in rows(world):
        assert isinstance(row.action, Action), row
    document = (await world.http.get("/api/v1/openapi.json")).json()
    served = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert served == {(row.method, "/api/v1" + row.path.replace(":path", "")) for row in rows(world)}


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
