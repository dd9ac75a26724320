"""A registry's quota on its pages: how much of it is used, and the form that sets it."""

import pytest

from moorage.domain.access import Role
from moorage.domain.sizes import size
from tests.ui.visitor import Visitor
from tests.ui.world import ADMIN, World

POLICIES, FORM = "/dmc/-/policies", "/dmc/-/policies/quota"


@pytest.fixture
async def shop(world: World) -> World:
    await world.person("tom")
    await world.registry("DMC", tom=Role.OWNER)
    await world.image("dmc/app", "latest")
    return world


async def used(world: World) -> int:
    return (await world.services.registries.summary(ADMIN, "dmc")).size


async def limit(world: World, quota: int) -> None:
    await world.services.registries.update(ADMIN, "dmc", {}, limits={"quota": quota})


async def test_an_administrator_sets_a_quota_and_takes_it_away(shop: World, admin: Visitor) -> None:
    assert "No limit" in await admin.read(POLICIES)
    saved = await admin.fill(POLICIES, {"quota": "1.5", "unit": "TB", "warn": "90"}, form=FORM)
    assert saved.headers["location"] == POLICIES
    registry = await shop.services.registries.get(ADMIN, "dmc")
    assert (registry.quota, registry.quota_warning) == (1_500_000_000_000, 90)
    page = (await admin.get(POLICIES)).text
    assert 'value="1.5"' in page
    assert "<option selected>TB</option>" in page
    await admin.fill(POLICIES, {"quota": ""}, form=FORM)
    assert (await shop.services.registries.get(ADMIN, "dmc")).quota is None


async def test_what_is_no_size_is_told_and_stays_in_the_form(shop: World, admin: Visitor) -> None:
    refused = await admin.fill(POLICIES, {"quota": "much", "unit": "GB"}, form=FORM)
    assert refused.status_code == 422
    assert "A size is a number" in refused.text
    assert 'value="much"' in refused.text
    assert (await shop.services.registries.get(ADMIN, "dmc")).quota is None


async def test_an_owner_sees_the_quota_and_does_not_set_it(shop: World, nobody: Visitor) -> None:
    await limit(shop, 50_000_000_000)
    await nobody.sign_in("tom")
    said = await nobody.read(POLICIES)
    assert "of 50.0 GB" in said
    assert "Save quota" not in said
    assert f'action="{FORM}"' not in (await nobody.get(POLICIES)).text


@pytest.mark.parametrize(("share", "is_near"), [(2.0, False), (1.2, True), (0.5, True)])
async def test_the_header_and_the_bar_turn_amber_from_the_warning_on(
    shop: World, admin: Visitor, share: float, *, is_near: bool
) -> None:
    await limit(shop, int(await used(shop) * share))
    page = (await admin.get(POLICIES)).text
    assert ('<li class="warn"><b>' in page) is is_near
    assert ('class="bar thick warn"' in page) is is_near
    assert ("Pushes are refused until" in page) is (share < 1)


async def test_the_list_of_registries_shows_the_share_to_owners(shop: World, admin: Visitor, nobody: Visitor) -> None:
    await shop.person("mara")
    await shop.registry("Web", mara=Role.READER)
    await shop.services.registries.update(ADMIN, "web", {}, limits={"quota": 7_000_000})
    await limit(shop, await used(shop) * 2)
    share = f"50 % of {size(await used(shop) * 2)}"
    page = await admin.read("/")
    assert share in page
    assert "0 % of 7.0 MB" in page
    await nobody.sign_in("mara")
    page = await nobody.read("/")
    assert "Web" in page
    assert " % of " not in page
