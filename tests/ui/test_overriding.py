"""Deleting what a rule holds: it stays and the page says why; an owner may delete it nonetheless, for a reason."""

from urllib.parse import urlencode

import pytest

from moorage.domain.access import Role
from moorage.domain.name import parse_repository
from tests.ui.test_activity import rows_of
from tests.ui.visitor import Visitor
from tests.ui.world import ADMIN, World

APP = parse_repository("dmc/app")
REASON = "The wrong commit was built & tagged"
STAYS = "v1 stays. It is immutable by the rule v* of DMC."
ANYWAY = "Delete what is immutable, too"


@pytest.fixture
async def shop(world: World) -> World:
    for name in ("tom", "mara"):
        await world.person(name)
    await world.registry("DMC", tom=Role.OWNER, mara=Role.MAINTAINER)
    await world.image("dmc/app", "v1", layers=[2_000])
    await world.image("dmc/app", "pr-1", layers=[4_000])
    await world.services.registries.update(ADMIN, "dmc", {"immutable_tags": "v*"})
    return world


@pytest.fixture
async def owner(shop: World, nobody: Visitor) -> Visitor:  # noqa: ARG001  who is to be there
    await nobody.sign_in("tom")
    return nobody


async def tags_of(world: World) -> set[str]:
    return {tag.name for tag in (await world.services.catalog.tags(ADMIN, APP)).rows}


async def digest_of_v1(world: World) -> str:
    return (await world.services.catalog.image(ADMIN, APP, "v1")).digest


async def test_what_a_rule_holds_stays_and_the_rest_goes(shop: World, owner: Visitor) -> None:
    path = "/dmc/app/-/delete?tag=v1&tag=pr-1"
    said = await owner.read(path)
    assert "Delete 1 tag from app?" in said
    assert STAYS in said
    assert (await owner.fill(path, {"what": "images"})).status_code == 303
    assert await tags_of(shop) == {"v1"}


async def test_others_are_told_who_can_and_are_offered_nothing(shop: World, nobody: Visitor) -> None:
    await nobody.sign_in("mara")
    digest = await digest_of_v1(shop)
    for query in ("tag=v1", f"digest={digest}", "tag=v1&override=1"):
        page = await nobody.get(f"/dmc/app/-/delete?{query}")
        assert "btn danger primary" not in page.text
        assert 'name="override"' not in page.text
        said = await nobody.read(f"/dmc/app/-/delete?{query}")
        assert "Nothing can be deleted" in said
        assert "An Owner of DMC can delete it nonetheless, and has to give a reason." in said
        assert ANYWAY not in said
    whole = await nobody.get("/dmc/app/-/delete?all=1")
    assert "btn danger primary" not in whole.text
    assert "v1 stays" in await nobody.read("/dmc/app/-/delete?all=1")
    csrf = (await nobody.get("/")).text.partition('name="csrf" value="')[2].partition('"')[0]
    forged = {"csrf": csrf, "all": "1", "override": REASON, "sure": "1"}
    assert (await nobody.post("/dmc/app/-/delete", forged)).status_code == 403
    assert await tags_of(shop) == {"v1", "pr-1"}


@pytest.mark.parametrize("way", ["tag", "digest", "all"])
async def test_an_owner_deletes_it_with_a_reason_that_activity_keeps(shop: World, owner: Visitor, way: str) -> None:
    digest = await digest_of_v1(shop)
    query = {"tag": {"tag": "v1"}, "digest": {"digest": digest}, "all": {"all": "1"}}[way]
    path = "/dmc/app/-/delete?" + urlencode(query)
    if way != "all":
        assert ANYWAY in await owner.read(path)
        path += "&override=1"
    assert "v1" in await owner.read(path)
    for fields in ({"override": " ", "sure": "1"}, {"override": REASON}, {"override": "x" * 201, "sure": "1"}):
        refused = await owner.fill(path, fields)
        assert refused.status_code == 422
        assert 'aria-invalid="true"' in refused.text
    assert await tags_of(shop) == {"v1", "pr-1"}
    assert (await owner.fill(path, {"override": REASON, "sure": "1"})).status_code == 303
    rows = [row for row in await rows_of(shop) if row.who == "tom" and row.kind.value.startswith("delete")]
    assert rows
    assert {(row.after or {}).get("override") for row in rows} == {REASON}
    if way != "all":
        assert await tags_of(shop) == {"pr-1"}


async def test_a_platform_of_an_index_that_stays_stays_too(shop: World, owner: Visitor) -> None:
    index = await shop.index("dmc/app", "v2")
    child = (await shop.services.catalog.children(ADMIN, APP, index))[0].digest
    said = await owner.read(f"/dmc/app/-/delete?digest={index}&digest={child}")
    assert "Nothing can be deleted" in said
    assert "Its tag v2 is immutable" in said
    assert "It is part of" in said
    assert "Delete 2 images from app?" in await owner.read(
        f"/dmc/app/-/delete?digest={index}&digest={child}&override=1"
    )


async def test_a_rule_that_came_meanwhile_shows_the_list_again(shop: World, owner: Visitor) -> None:
    page = await owner.get("/dmc/app/-/delete?tag=pr-1")
    seal = page.text.partition('name="seal" value="')[2].partition('"')[0]
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    await shop.services.registries.update(ADMIN, "dmc", {"immutable_tags": "v*\npr-*"})
    answer = await owner.post("/dmc/app/-/delete", {"csrf": csrf, "seal": seal, "tag": "pr-1", "what": "images"})
    assert answer.status_code == 409
    assert await tags_of(shop) == {"v1", "pr-1"}
