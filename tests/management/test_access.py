"""Why somebody may or may not do something, over HTTP."""

from dataclasses import replace

import pytest

from moorage.domain.limits import Limits, TokenAction
from tests.management.world import PASSWORD, World


async def why(world: World, query: str, caller: str = "admin") -> tuple[bool, str, str]:
    answer = await world.ask("GET", f"/access?{query}", caller=caller)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found["is_allowed"], found["ground"], found["reason"]


@pytest.fixture
async def grants(world: World) -> None:
    """Let mara read DMC, and through a group write to `team/*` there."""
    await world.person("mara")
    await world.person("tom")
    await world.ask("POST", "/groups", {"name": "ops"})
    await world.ask("PUT", "/groups/ops/members/mara")
    await world.ask("PUT", "/registries/dmc/members/mara", {"role": "reader"})
    await world.ask("PUT", "/registries/dmc/grants/groups/ops/team/*", {"role": "writer"})


@pytest.mark.usefixtures("grants")
async def test_an_access_token_asks_about_its_account_only_where_it_is_for(world: World) -> None:
    mara = await world.services.accounts.authenticate("mara", PASSWORD)
    assert mara is not None
    limits = Limits(7, "ci", frozenset({TokenAction.MANAGE}), ("dmc/team/*",))
    world.meet(replace(mara, limits=limits))
    asked = "/access?user=mara&action=pull&"
    assert (await world.ask("GET", asked + "repository=dmc/team/app", caller="mara")).status_code == 200
    for other in ("repository=dmc/app", "registry=dmc", "registry=nil"):
        assert (await world.ask("GET", asked + other, caller="mara")).status_code == 403
    answer = await world.ask("GET", "/access?user=mara&action=administer-server", caller="mara")
    assert answer.status_code == 403


@pytest.mark.usefixtures("grants")
@pytest.mark.parametrize(
    ("asked", "is_allowed", "reason"),
    [
        (
            "push&repository=dmc/team/app",
            True,
            "mara may push to dmc/team/app: mara is a writer of dmc/team/* through the group ops",
        ),
        (
            "push&repository=dmc/app",
            False,
            "mara may not push to dmc/app: mara is a reader of dmc, and no grant there gives more",
        ),
        (
            "delete&repository=dmc/team/app",
            False,
            (
                "mara may not delete from dmc/team/app: mara is a writer of dmc/team/* through the group ops, "
                "and no grant there gives more"
            ),
        ),
        (
            "administer-registry&registry=DMC",
            False,
            "mara may not administer dmc: mara is a reader of dmc, and no grant there gives more",
        ),
    ],
)
async def test_the_grant_that_decides_is_named(world: World, asked: str, reason: str, *, is_allowed: bool) -> None:
    assert await why(world, f"user=mara&action={asked}") == (is_allowed, "grant", reason)
    document = (await world.ask("GET", f"/access?user=mara&action={asked}")).json()
    assert document["grant"]["group"] == ("ops" if "team" in asked else None)


@pytest.mark.usefixtures("grants")
async def test_what_is_no_grant_is_named_too(world: World) -> None:
    pull = "user=tom&action=pull&repository=dmc/app"
    nothing = "tom may not pull from dmc/app: no grant reaches there, or there is no registry dmc"
    assert await why(world, pull) == (False, "nothing", nothing)
    await world.ask("PATCH", "/registries/dmc", {"visibility": "internal"})
    assert (await why(world, pull))[:2] == (True, "visibility")
    assert (await why(world, "user=tom&action=push&registry=dmc"))[:2] == (False, "visibility")
    server = "tom may not create registries: only administrators of this server may"
    assert await why(world, "user=tom&action=create-registry") == (False, "nothing", server)
    assert (await why(world, "user=tom&action=list"))[:2] == (True, "everyone")
    await world.ask("POST", "/users", {"name": "root", "password": "correct horse battery", "is_admin": True})
    assert (await why(world, "user=root&action=push&registry=dmc"))[:2] == (True, "administrator")
    await world.ask("PATCH", "/users/tom", {"is_disabled": True})
    assert await why(world, pull) == (False, "disabled", "tom may not pull from dmc/app: the account is disabled")


@pytest.mark.usefixtures("people", "grants")
async def test_only_administrators_owners_and_oneself_are_answered(world: World) -> None:
    asked = "user=mara&action=pull&repository=dmc/app"
    for caller, status in (
        ("admin", 200),
        ("owner", 200),
        ("mara", 200),
        ("maintainer", 403),
        ("reader", 403),
        ("stranger", 404),
        ("nobody", 401),
    ):
        assert (await world.ask("GET", f"/access?{asked}", caller=caller)).status_code == status, caller
    elsewhere = "/access?user=mara&action=pull&repository=other/app"
    assert (await world.ask("GET", elsewhere, caller="owner")).status_code == 404
    assert (await world.ask("GET", "/access?user=mara&action=create-registry", caller="owner")).status_code == 403


@pytest.mark.usefixtures("people")
async def test_asking_about_oneself_tells_nothing_of_what_one_may_not_see(world: World) -> None:
    for action in ("pull", "push", "administer-registry"):
        asked = f"/access?user=stranger&action={action}&registry="
        hidden = await world.ask("GET", asked + "dmc", caller="stranger")
        missing = await world.ask("GET", asked + "xyz", caller="stranger")
        assert hidden.status_code == missing.status_code == 200
        assert hidden.text.replace("dmc", "xyz") == missing.text


@pytest.mark.usefixtures("grants")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("user=ghost&action=pull&registry=dmc", 404),
        ("user=mara&action=pull", 400),
        ("user=mara&action=create-registry&registry=dmc", 400),
        ("user=mara&action=fly&registry=dmc", 400),
        ("user=mara&action=pull&registry=dmc&repository=dmc/app", 400),
        ("user=mara&action=pull&repository=../dmc", 400),
        ("user=mara&action=pull&registry=a%20b", 400),
        ("action=pull&registry=dmc", 400),
    ],
)
async def test_what_can_not_be_asked_is_refused(world: World, query: str, status: int) -> None:
    assert (await world.ask("GET", f"/access?{query}")).status_code == status
