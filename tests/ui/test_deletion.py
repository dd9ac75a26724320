"""Deletion: the list says exactly what goes, and nothing else goes."""

import time

import pytest

from moorage.domain.name import parse_repository
from moorage.services.retention_records import Pulled
from tests.ui.visitor import Visitor, attributes, text_of
from tests.ui.world import ADMIN, World

APP = parse_repository("dmc/app")


@pytest.fixture
async def shop(world: World) -> World:
    await world.registry("DMC")
    return world


async def tags_of(world: World) -> set[str]:
    return {tag.name for tag in (await world.services.catalog.tags(ADMIN, APP)).rows}


async def images_of(world: World) -> set[str]:
    return {image.digest for image in (await world.services.catalog.images(ADMIN, APP)).rows}


async def test_a_tag_takes_its_image_only_if_no_other_tag_keeps_it(shop: World, admin: Visitor) -> None:
    kept = await shop.image("dmc/app", "1.0", "latest")
    await shop.image("dmc/app", "pr-1", layers=[4_000])
    path = "/dmc/app/-/delete?tag=latest&tag=pr-1"
    said = await admin.read(path)
    assert "Delete 2 tags from app?" in said
    assert "latest the tag only Its image stays: 1.0 points to it." in said
    assert "pr-1 and its image" in said
    response = await admin.fill(path, {"what": "images"})
    assert response.status_code == 303
    assert await tags_of(shop) == {"1.0"}
    assert await images_of(shop) == {kept}


async def test_tags_alone_can_be_removed(shop: World, admin: Visitor) -> None:
    image = await shop.image("dmc/app", "1.0")
    await admin.fill("/dmc/app/-/delete?tag=1.0", {"what": "tags"})
    assert await tags_of(shop) == set()
    assert await images_of(shop) == {image}


async def test_an_image_takes_all_its_tags_and_an_index_its_platforms(shop: World, admin: Visitor) -> None:
    index = await shop.index("dmc/app", "1.0", "latest")
    children = await images_of(shop) - {index}
    page = await admin.get(f"/dmc/app/-/delete?digest={index}")
    said = text_of(page)
    assert "Delete 1 image from app?" in said
    assert "with it its tags 1.0 and latest" in said
    assert children <= set(attributes(page, "title"))
    assert "3 images go" in said
    response = await admin.fill(f"/dmc/app/-/delete?digest={index}", {})
    assert response.headers["location"] == "/dmc/app/-/images"
    assert await images_of(shop) == set()


async def test_a_platform_of_an_index_stays_and_the_page_says_why(shop: World, admin: Visitor) -> None:
    index = await shop.index("dmc/app", "1.0")
    child = (await shop.services.catalog.children(ADMIN, APP, index))[0].digest
    page = await admin.get(f"/dmc/app/-/delete?digest={child}")
    said = text_of(page)
    assert "Nothing can be deleted" in said
    assert "It is part of" in said
    assert "btn danger primary" not in page.text
    assert child not in attributes(await admin.get("/dmc/app/-/images"), "value")
    both = text_of(await admin.get(f"/dmc/app/-/delete?digest={child}&digest={index}"))
    assert "Delete 2 images from app?" in both


async def test_what_is_freed_leaves_out_what_others_share(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app", "1.0", layers=[5_000_000], shared="base")
    await shop.image("dmc/other", "1.0", layers=[5_000_000], shared="base")
    said = await admin.read("/dmc/app/-/delete?tag=1.0")
    assert "5.0 MB" in said
    assert "frees 5.0 MB" not in said
    await admin.fill("/dmc/other/-/delete?all=1", {})
    assert "frees 5.0 MB" in await admin.read("/dmc/app/-/delete?tag=1.0")


async def test_a_list_that_changed_since_it_was_shown_is_shown_again(shop: World, admin: Visitor) -> None:
    old = await shop.image("dmc/app", "1.0")
    page = await admin.get("/dmc/app/-/delete?tag=1.0")
    seal = page.text.partition('name="seal" value="')[2].partition('"')[0]
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    new = await shop.image("dmc/app", "1.0")
    response = await admin.post("/dmc/app/-/delete", {"csrf": csrf, "seal": seal, "tag": "1.0", "what": "images"})
    assert response.status_code == 409
    assert "Something changed since you looked" in text_of(response)
    assert new in attributes(response, "title")
    assert await images_of(shop) == {old, new}
    assert await tags_of(shop) == {"1.0"}


async def test_what_has_gone_meanwhile_is_no_error(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app", "1.0")
    said = await admin.read("/dmc/app/-/delete?tag=gone&digest=sha256:12&digest=nonsense&tag=%00")
    assert "Nothing can be deleted" in said
    assert (await admin.get("/dmc/app/-/delete")).headers["location"] == "/dmc/app"


async def test_only_so_many_can_be_chosen_at_once(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app", "1.0")
    response = await admin.get("/dmc/app/-/delete?" + "&".join(f"tag=t{place}" for place in range(201)))
    assert response.status_code == 404
    csrf = (await admin.get("/")).text.partition('name="csrf" value="')[2].partition('"')[0]
    response = await admin.post("/dmc/app/-/delete", {"csrf": csrf, "tag": [f"t{place}" for place in range(201)]})
    assert response.status_code == 400
    assert "at most 200" in text_of(response)


async def test_a_whole_repository_goes_with_every_tag_it_named(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app", "1.0", layers=[3_000_000])
    await shop.image("dmc/app")
    said = await admin.read("/dmc/app/-/delete?all=1")
    assert "Its description, 1 tag and 2 images" in said
    assert "This frees 3.0 MB" in said
    assert "You can undo this until" in said
    response = await admin.fill("/dmc/app/-/delete?all=1", {})
    assert response.headers["location"] == "/dmc"
    assert (await admin.get("/dmc/app")).status_code == 404


async def test_who_pulled_last_is_said_of_each_and_in_amber_where_it_was_lately(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    digest = await world.image("dmc/app", "1.0")
    await world.image("dmc/app", "2.0")
    page = await admin.read("/dmc/app/-/delete?tag=1.0&tag=2.0")
    assert "not pulled yet" in page
    assert "It seems to be in use" not in page
    await world.image_pulls.append([Pulled(APP, digest, "mara")], time.time() - 3600)
    for address in ("/dmc/app/-/delete?tag=1.0", "/dmc/app/-/delete?all=1"):
        page = await admin.read(address)
        assert "It seems to be in use. The last pull was 1 hour ago by mara." in page
    assert "last pull 1 hour ago by mara" in await admin.read("/dmc/app/-/delete?tag=1.0")
    await world.image_pulls.append([Pulled(APP, digest, "")], time.time() - 8 * 86_400)
    page = await admin.read("/dmc/app/-/delete?tag=1.0")
    assert "by somebody who was not signed in" in page
    assert "It seems to be in use" not in page
