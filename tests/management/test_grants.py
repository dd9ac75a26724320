"""Grants over HTTP, and what those who hold one on a pattern see."""

import pytest

from moorage.app.services import SYSTEM
from moorage.domain.access import Caller, Role
from moorage.domain.name import parse_repository
from moorage.services.records import Holder, HolderKind
from tests.management.world import World

GRANTS = "/registries/dmc/grants"


async def test_a_role_is_given_to_a_person_and_a_group_on_a_pattern(world: World) -> None:
    await world.person("mara")
    await world.ask("POST", "/groups", {"name": "ops"})
    given = await world.ask("PUT", f"{GRANTS}/users/mara/*", {"role": "reader"})
    assert given.json() == {"user": "mara", "group": None, "pattern": "*", "role": "reader"}
    await world.ask("PUT", f"{GRANTS}/groups/ops/team/*", {"role": "reader"})
    await world.ask("PUT", f"{GRANTS}/groups/ops/team/*", {"role": "writer"})
    listed = (await world.ask("GET", GRANTS)).json()
    assert listed["items"] == [
        {"user": None, "group": "ops", "pattern": "team/*", "role": "writer"},
        {"user": "mara", "group": None, "pattern": "*", "role": "reader"},
    ]
    first = (await world.ask("GET", f"{GRANTS}?n=1")).json()
    rest = (await world.http.get(first["next"], headers={"x-caller": "admin"})).json()
    assert first["items"] + rest["items"] == listed["items"]
    assert (await world.ask("DELETE", f"{GRANTS}/groups/ops/team/*")).status_code == 204
    assert (await world.ask("DELETE", f"{GRANTS}/users/mara/*")).status_code == 204
    assert (await world.ask("GET", GRANTS)).json()["items"] == []


async def test_a_member_is_who_holds_a_grant_on_the_whole_registry(world: World) -> None:
    await world.person("mara")
    await world.ask("PUT", f"{GRANTS}/users/mara/team/*", {"role": "owner"})
    assert (await world.ask("GET", "/registries/dmc/members")).json()["items"] == []
    await world.ask("PUT", "/registries/dmc/members/mara", {"role": "writer"})
    patterns = [grant["pattern"] for grant in (await world.ask("GET", GRANTS)).json()["items"]]
    assert patterns == ["*", "team/*"]
    await world.ask("DELETE", "/registries/dmc/members/mara")
    assert [grant["pattern"] for grant in (await world.ask("GET", GRANTS)).json()["items"]] == ["team/*"]


@pytest.mark.parametrize("path", ["users/ghost/*", "groups/ghosts/*", "groups/mara/*"])
async def test_who_does_not_exist_holds_nothing(world: World, path: str) -> None:
    await world.person("mara")
    assert (await world.ask("PUT", f"{GRANTS}/{path}", {"role": "reader"})).status_code == 404
    assert (await world.ask("DELETE", f"{GRANTS}/{path}")).status_code == 404


@pytest.mark.parametrize("pattern", ["Team/*", "**", "team/", "a//b", "a" * 256, "%00", "t?am"])
async def test_what_is_no_pattern_is_refused(world: World, pattern: str) -> None:
    await world.person("mara")
    answer = await world.ask("PUT", f"{GRANTS}/users/mara/{pattern.replace('?', '%3F')}", {"role": "reader"})
    assert (answer.status_code, answer.json()["code"]) == (400, "VALUE_INVALID")


async def test_a_pattern_shows_the_registry_and_of_its_repositories_those_it_matches(world: World) -> None:
    await world.person("mara")
    await world.ask("POST", "/groups", {"name": "ops"})
    await world.ask("PUT", "/groups/ops/members/mara")
    await world.ask("PUT", f"{GRANTS}/groups/ops/team/*", {"role": "maintainer"})
    await world.image("dmc/secret", "1", layer=b"x" * 9000)
    (summary,) = (await world.ask("GET", "/registries", caller="mara")).json()["items"]
    assert (summary["name"], summary["repositories"]) == ("DMC", 1)
    assert summary["size"] < 9000
    assert (await world.ask("GET", "/registries/dmc", caller="mara")).status_code == 200
    listed = (await world.ask("GET", "/registries/dmc/repositories", caller="mara")).json()["items"]
    assert [item["name"] for item in listed] == ["team/app"]
    change = {"description": "ours"}
    assert (await world.ask("PATCH", "/registries/dmc", change, caller="mara")).status_code == 403
    assert (await world.ask("PATCH", "/registries/dmc/repositories/team/app", change, caller="mara")).status_code == 200
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/-/tags"), ("GET", "/-/images/1")):
        body = change if method == "PATCH" else None
        hidden = await world.ask(method, f"/registries/dmc/repositories/secret{path}", body, caller="mara")
        absent = await world.ask(method, f"/registries/dmc/repositories/sesame{path}", body, caller="mara")
        assert hidden.status_code == 404, (method, path)
        assert hidden.text.replace("secret", "sesame") == absent.text
        assert dict(hidden.headers) == dict(absent.headers)


async def test_a_token_carries_what_the_repository_s_highest_role_allows(world: World) -> None:
    account = await world.services.accounts.add(SYSTEM, "mara", "correct horse battery")
    mara, access = Caller(account.id, "mara"), world.services.access
    holder = Holder(HolderKind.USER, "mara")
    await world.services.grants.give(SYSTEM, "dmc", holder, "*", Role.READER)
    await world.services.grants.give(SYSTEM, "dmc", holder, "team/*", Role.MAINTAINER)
    for name, granted in (("dmc/app", {"pull"}), ("dmc/team/app", {"pull", "push", "delete"}), ("xyz/app", set())):
        assert await access.grants(mara, parse_repository(name), ["*"]) == granted
