"""Access tokens over HTTP."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from moorage.app.services import SYSTEM
from moorage.domain.access import Caller, Role
from moorage.services.token_secrets import is_secret
from tests.management.world import World

SHOWN = {"name", "actions", "patterns", "created_at", "created_by", "expires_at", "last_used_at"}
OWNERS = {"/users/mara": "mara", "/robots/mirror": "mirror", "/registries/dmc/robots/ci": "ci"}


@pytest.fixture
async def world(world: World) -> World:
    """Add mara, the robots ci of DMC and mirror of the server, and boss, who owns DMC."""
    for name in ("mara", "boss"):
        await world.person(name)
    await world.services.registries.set_member(SYSTEM, "dmc", "boss", Role.OWNER)
    await world.services.robots.create(SYSTEM, "ci", "dmc")
    await world.services.robots.create(SYSTEM, "mirror")
    return world


async def made(world: World, owner: str, name: str = "one", caller: str = "admin", **more: object) -> dict[str, Any]:
    answer = await world.ask("POST", f"{owner}/tokens", {"name": name, **more}, caller=caller)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def who(world: World, secret: str) -> Caller:
    return await world.services.callers.of(f"Bearer {secret}".encode(), datetime.now(UTC).timestamp())


@pytest.mark.parametrize("owner", OWNERS)
async def test_a_secret_is_answered_once_and_opens_its_account(world: World, owner: str) -> None:
    answer = await world.ask("POST", f"{owner}/tokens", {"name": "one"})
    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/v1{owner}/tokens/one")
    shown = answer.json()
    secret = shown.pop("secret")
    assert is_secret(secret)
    assert shown.keys() == SHOWN
    assert (shown["created_by"], shown["last_used_at"]) == ("moorage", None)
    assert (await who(world, secret)).name == OWNERS[owner]
    for path in (f"{owner}/tokens", "/users", "/activity"):
        assert secret not in (await world.ask("GET", path)).text
    (listed,) = (await world.ask("GET", f"{owner}/tokens")).json()["items"]
    assert {name: listed[name] for name in SHOWN - {"last_used_at"}} == {
        name: shown[name] for name in SHOWN - {"last_used_at"}
    }


@pytest.mark.parametrize("owner", OWNERS)
async def test_a_revoked_one_is_gone_at_once(world: World, owner: str) -> None:
    secret = (await made(world, owner))["secret"]
    assert (await world.ask("DELETE", f"{owner}/tokens/one")).status_code == 204
    with pytest.raises(Exception, match="revoked"):
        await who(world, secret)
    assert (await world.ask("GET", f"{owner}/tokens")).json()["items"] == []
    assert (await world.ask("DELETE", f"{owner}/tokens/one")).status_code == 404
    assert (await made(world, owner))["secret"] != secret


async def test_what_is_left_out_is_pull_and_push_everywhere_for_ninety_days(world: World) -> None:
    shown = await made(world, "/users/mara")
    assert (shown["actions"], shown["patterns"]) == (["pull", "push"], ["*"])
    left = datetime.fromisoformat(shown["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < left <= timedelta(days=90)


async def test_it_is_for_what_was_asked(world: World) -> None:
    end = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    sent: dict[str, Any] = {
        "actions": ["delete", "pull"],
        "patterns": ["DMC/team/*", "dmc/team/*"],
        "expires_at": end.isoformat(),
    }
    shown = await made(world, "/users/mara", **sent)
    assert (shown["actions"], shown["patterns"]) == (["delete", "pull"], ["dmc/team/*"])
    assert datetime.fromisoformat(shown["expires_at"]) == end
    limits = (await who(world, shown["secret"])).limits
    assert limits is not None
    assert ({str(action) for action in limits.actions}, limits.patterns) == ({"delete", "pull"}, ("dmc/team/*",))


async def test_robots_only_have_them_for_ever(world: World) -> None:
    for owner in ("/robots/mirror", "/registries/dmc/robots/ci"):
        assert (await made(world, owner, expires_at=None))["expires_at"] is None
    refused = await world.ask("POST", "/users/mara/tokens", {"name": "one", "expires_at": None})
    assert (refused.status_code, refused.json()["code"]) == (400, "VALUE_INVALID")


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"name": "Laptop"},
        {"name": "a/b"},
        {"name": "one", "actions": []},
        {"name": "one", "actions": ["admin"]},
        {"name": "one", "patterns": []},
        {"name": "one", "patterns": ["d*/app"]},
        {"name": "one", "patterns": ["*"] * 51},
        {"name": "one", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "one", "expires_at": "2099-01-01T00:00:00Z"},
        {"name": "one", "expires_at": "2027-01-01T00:00:00"},
        {"name": "one", "expires_at": "never"},
        {"name": "one", "secret": "moorage_chosen"},
        {"name": "one", "token_hash": "0" * 64},
        {"name": "one", "user_id": 1},
    ],
)
async def test_what_is_no_access_token_is_400_and_makes_none(world: World, sent: Mapping[str, object]) -> None:
    answer = await world.ask("POST", "/users/mara/tokens", sent)
    assert answer.status_code == 400, answer.text
    assert (await world.ask("GET", "/users/mara/tokens")).json()["items"] == []


async def test_a_name_is_taken_once_for_each_account(world: World) -> None:
    await made(world, "/users/mara")
    again = await world.ask("POST", "/users/mara/tokens", {"name": "one"})
    assert again.status_code == 409
    await made(world, "/users/boss")


async def test_pages_of_them_go_by_name(world: World) -> None:
    for name in ("c", "a", "b"):
        await made(world, "/users/mara", name)
    first = (await world.ask("GET", "/users/mara/tokens?n=2")).json()
    second = (await world.ask("GET", first["next"].removeprefix("/api/v1"))).json()
    assert [token["name"] for token in first["items"] + second["items"]] == ["a", "b", "c"]
    assert second["next"] is None


async def every(world: World, owner: str, caller: str) -> list[httpx.Response]:
    return [
        await world.ask("GET", f"{owner}/tokens", caller=caller),
        await world.ask("POST", f"{owner}/tokens", {"name": "two"}, caller=caller),
        await world.ask("DELETE", f"{owner}/tokens/one", caller=caller),
    ]


@pytest.mark.parametrize(
    ("owner", "may", "may_not"),
    [
        ("/users/mara", ["mara", "admin"], ["boss", "anonymous"]),
        ("/robots/mirror", ["admin"], ["boss", "mara", "anonymous"]),
        ("/registries/dmc/robots/ci", ["boss", "admin"], ["mara", "anonymous"]),
    ],
)
async def test_they_are_looked_after_by_their_owner_and_those_above(
    world: World, owner: str, may: list[str], may_not: list[str]
) -> None:
    for caller in may_not:
        await made(world, owner)
        assert {answer.status_code for answer in await every(world, owner, caller)} <= {401, 403, 404}
        await world.ask("DELETE", f"{owner}/tokens/one")
    for caller in may:
        await made(world, owner, caller=caller)
        assert [answer.status_code for answer in await every(world, owner, caller)] == [200, 201, 204]
        await world.ask("DELETE", f"{owner}/tokens/two")


@pytest.mark.parametrize(
    "owner",
    [
        "/robots/ci",
        "/robots/mara",
        "/registries/dmc/robots/mirror",
        "/registries/dmc/robots/mara",
        "/registries/absent/robots/ci",
        "/users/nobody",
        "/users/..%2Fmara",
    ],
)
async def test_an_owner_in_the_wrong_place_is_not_there(world: World, owner: str) -> None:
    for real in OWNERS:
        await made(world, real)
    assert {answer.status_code for answer in await every(world, owner, "admin")} == {404}
    for real in OWNERS:
        assert len((await world.ask("GET", f"{real}/tokens")).json()["items"]) == 1


async def test_the_owner_of_another_registry_finds_nobody_s_robots(world: World) -> None:
    await world.person("other")
    await world.services.registries.create(SYSTEM, "Other")
    await world.services.registries.set_member(SYSTEM, "other", "other", Role.OWNER)
    for registry, robot in (("dmc", "ci"), ("other", "ci"), ("other", "absent"), ("absent", "ci")):
        answers = await every(world, f"/registries/{registry}/robots/{robot}", "other")
        assert {answer.status_code for answer in answers} == {404}, (registry, robot)


async def test_one_token_makes_no_other_that_is_wider(world: World) -> None:
    narrow = (await made(world, "/users/mara", actions=["pull", "manage"], patterns=["dmc/*"]))["secret"]
    found = await who(world, narrow)
    world.meet(Caller(found.user_id, "mara's token", limits=found.limits))
    world.meet(Caller(found.user_id, "mara", limits=found.limits))
    wider = await world.ask("POST", "/users/mara/tokens", {"name": "two", "actions": ["push"]}, caller="mara")
    assert (wider.status_code, wider.json()["code"]) == (403, "DENIED")
    inside = {"name": "two", "actions": ["pull"], "patterns": ["dmc/team/*"], "expires_at": _soon()}
    assert (await world.ask("POST", "/users/mara/tokens", inside, caller="mara")).status_code == 201


def _soon() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()
