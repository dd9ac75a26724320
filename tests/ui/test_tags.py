"""Where a tag has pointed, moving it back, and rules for tags that never move."""

import pytest

from moorage.domain.access import Role
from moorage.domain.name import Repository, Tag
from tests.ui.visitor import Visitor, text_of
from tests.ui.world import ADMIN, World

APP, LATEST = Repository("dmc", "app"), Tag("latest")
HISTORY, POLICIES = "/dmc/app/-/tags", "/dmc/-/policies"


@pytest.fixture
async def shop(world: World) -> World:
    for name in ("mara", "tom", "kim"):
        await world.person(name)
    await world.registry("DMC", mara=Role.WRITER, tom=Role.OWNER, kim=Role.READER)
    return world


async def pointed(world: World) -> str:
    return (await world.services.tags.get(ADMIN, APP, LATEST)).digest


async def test_a_tag_is_moved_back_from_its_history(shop: World, nobody: Visitor) -> None:
    first = await shop.image("dmc/app", "latest")
    second = await shop.image("dmc/app", "latest", by="<b>x")
    await nobody.sign_in("mara")
    assert f'href="{HISTORY}?tag=latest#history"' in (await nobody.get("/dmc/app")).text
    said = await nobody.read(f"{HISTORY}?tag=latest")
    assert f"points to {second[7:19]}" in said
    assert "by <b>x" in said
    assert "move latest back here" in said
    moved = await nobody.fill(f"{HISTORY}?tag=latest", {"digest": first}, form=HISTORY)
    assert moved.headers["location"] == f"{HISTORY}?tag=latest"
    assert await pointed(shop) == first
    assert "moved back" in await nobody.read(f"{HISTORY}?tag=latest")


async def test_a_tag_that_was_moved_meanwhile_stays(shop: World, admin: Visitor) -> None:
    first = await shop.image("dmc/app", "latest")
    await shop.image("dmc/app", "latest")
    page = await admin.get(f"{HISTORY}?tag=latest")
    third = await shop.image("dmc/app", "latest")
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    seen = page.text.split('name="seen" value="')[1].split('"')[0]
    fields = {"csrf": csrf, "tag": "latest", "seen": seen, "digest": first}
    assert (await admin.post(HISTORY, fields)).status_code == 412
    assert await pointed(shop) == third


async def test_a_deleted_tag_comes_back_from_its_history(shop: World, admin: Visitor) -> None:
    first = await shop.image("dmc/app", "latest", "other")
    await shop.services.tags.delete(ADMIN, APP, LATEST)
    assert "deleted by admin" in await admin.read(f"{HISTORY}?tag=latest")
    await admin.fill(f"{HISTORY}?tag=latest", {"digest": first}, form=HISTORY)
    assert await pointed(shop) == first
    assert (await admin.get(f"{HISTORY}?tag=never")).status_code == 404
    assert (await admin.get(HISTORY)).headers["location"] == "/dmc/app"


async def test_who_may_only_pull_sees_the_history_and_moves_nothing(shop: World, nobody: Visitor) -> None:
    await shop.image("dmc/app", "latest")
    await shop.image("dmc/app", "latest")
    await nobody.sign_in("kim")
    assert "move latest back here" not in await nobody.read(f"{HISTORY}?tag=latest")


async def test_an_owner_moves_an_immutable_tag_back_and_says_why(shop: World, nobody: Visitor, admin: Visitor) -> None:
    first = await shop.image("dmc/app", "latest")
    second = await shop.image("dmc/app", "latest")
    await shop.services.immutable.add(ADMIN, "dmc", "latest")
    await nobody.sign_in("mara")
    assert "move latest back here" not in await nobody.read(f"{HISTORY}?tag=latest")
    assert "Immutable" in await nobody.read("/dmc/app")
    refused = await admin.fill(f"{HISTORY}?tag=latest", {"digest": first, "override": " "}, form=HISTORY)
    assert refused.status_code == 409
    assert await pointed(shop) == second
    await admin.fill(f"{HISTORY}?tag=latest", {"digest": first, "override": "A wrong build"}, form=HISTORY)
    assert await pointed(shop) == first


async def test_rules_are_added_counted_and_removed_by_owners(shop: World, nobody: Visitor, admin: Visitor) -> None:
    await shop.image("dmc/app", "v1", "v2", "v2-dev", "latest")
    await shop.image("dmc/shop/api", "v1")
    added = await admin.fill(POLICIES, {"tags": "v*", "where": "", "but_not": "*-dev *-rc"})
    assert added.headers["location"] == POLICIES
    await admin.fill(POLICIES, {"tags": "v*", "where": "shop/*", "but_not": ""})
    said = await admin.read(POLICIES)
    assert "v* all *-dev and *-rc 3" in said
    assert "v* shop/* – 1" in said
    wrong = await admin.fill(POLICIES, {"tags": "[a]", "where": "team/*", "but_not": ""})
    assert wrong.status_code == 422
    assert 'value="team/*"' in wrong.text
    assert "Immutable tags are at most" in wrong.text
    await nobody.sign_in("mara")
    page = await nobody.get(POLICIES)
    assert "v* shop/* – 1" in text_of(page)
    assert "Add rule" not in page.text
    gone = await admin.fill(POLICIES, {"rule": "v* !*-dev !*-rc"}, form=f"{POLICIES}/remove")
    assert gone.status_code == 303
    found = await shop.services.registries.get(ADMIN, "dmc")
    assert [str(rule) for rule in found.immutable_tags] == ["v* @shop/*"]


async def test_of_very_many_tags_it_is_said_that_there_are_more(
    shop: World, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.services.immutable.MOST_TAGS", 3)
    await shop.image("dmc/app", "v1", "v2", "v3", "v4")
    await shop.services.immutable.add(ADMIN, "dmc", "v*")
    assert "v* all – 3+" in await admin.read(POLICIES)
