"""A registry is deleted after a question that says what goes, and comes back whole from the list of those that were."""

import re
from datetime import UTC, datetime

import pytest

from moorage.domain.access import Role
from moorage.domain.name import Repository
from tests.ui.conftest import Visitors
from tests.ui.visitor import Visitor
from tests.ui.world import ADMIN, World

LIST = "/-/deleted"


@pytest.fixture
async def filled(world: World, admin: Visitor) -> Visitor:
    """Return an administrator of a server with a registry that has images."""
    await world.registry("DMC")
    await world.image("dmc/app", "1.0", layers=[2_000_000])
    await world.image("dmc/team/api", "1.0", "2.0")
    return admin


@pytest.fixture
async def deleted(filled: Visitor) -> Visitor:
    """Return an administrator who has deleted it."""
    await filled.fill("/dmc/-/delete", {"typed": "DMC"})
    return filled


async def test_the_question_says_what_goes(filled: Visitor) -> None:
    page = await filled.read("/dmc/-/delete")
    for said in ("Delete DMC?", "2 repositories with 3 tags and 2 images", "2.0 MB", "Nobody has pulled from DMC."):
        assert said in page
    assert re.search(r"You can undo this until \d+ \w+ \d{4}, \d\d:\d\d UTC", page)


async def test_what_was_pushed_after_the_question_is_asked_about_anew(world: World, filled: Visitor) -> None:
    page = (await filled.get("/dmc/-/delete")).text
    await world.image("dmc/new", "1.0")
    csrf, seal = (re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("csrf", "seal"))
    assert csrf
    assert seal
    answer = await filled.post("/dmc/-/delete", {"csrf": csrf[1], "seal": seal[1], "typed": "DMC"})
    assert answer.status_code == 409
    assert "It has changed since you looked" in answer.text
    assert "3 repositories" in answer.text
    assert len(await world.services.registries.list(ADMIN)) == 1


async def test_undo_stands_beside_what_was_done(world: World, deleted: Visitor) -> None:
    page = (await deleted.get("/")).text
    assert "DMC was deleted" in page
    form = page.partition('action="/-/deleted"')[2].partition("</form>")[0]
    value, csrf = (re.search(rf'name="{name}" value="([^"]+)"', form) for name in ("restore", "csrf"))
    assert value
    assert csrf
    done = await deleted.post(LIST, {"csrf": csrf[1], "restore": value[1]})
    assert (done.status_code, done.headers["location"]) == (303, "/dmc")
    assert "Restored DMC" in await deleted.read("/dmc")
    tags = await world.services.catalog.tags(ADMIN, Repository("dmc", "team/api"), order="name")
    assert [tag.name for tag in tags.rows] == ["1.0", "2.0"]


async def test_a_deleted_registry_is_looked_at_down_to_its_tags(deleted: Visitor) -> None:
    page = (await deleted.get(LIST)).text
    for said in ("DMC", "the registry, 2 repositories, 3 tags, 2 images", "2.0 MB", "in 13 days"):
        assert said in page
    (entry,) = set(re.findall(r'href="(/-/deleted/\d+)"', page))
    page = (await deleted.get(entry)).text
    assert f'href="{entry}/of/team/api"' in page
    page = (await deleted.get(f"{entry}/of/team/api")).text
    assert '<span class="tag">2.0</span>' in page
    assert (await deleted.get(f"{entry}/of/none")).status_code == 404


async def test_its_space_is_freed_only_by_its_name(deleted: Visitor) -> None:
    (entry,) = set(re.findall(r'href="(/-/deleted/\d+)"', (await deleted.get(LIST)).text))
    assert "Free 2.0 MB now?" in await deleted.read(f"{entry}/free")
    assert (await deleted.fill(f"{entry}/free", {"typed": "dmc"})).status_code == 422
    assert (await deleted.fill(f"{entry}/free", {"typed": "DMC"})).status_code == 303
    assert "DMC can’t be restored any more" in await deleted.read(LIST)
    assert (await deleted.get(entry)).status_code == 404


async def test_a_name_that_is_taken_by_now_is_told(world: World, deleted: Visitor) -> None:
    (entry,) = re.findall(r'href="/-/deleted/(\d+)"', (await deleted.get(LIST)).text)
    await world.registry("DMC")
    await deleted.fill(LIST, {"restore": entry})
    assert "Not restored: there is another registry named DMC by now" in await deleted.read(LIST)
    for chosen in ("999", "nonsense", ""):
        assert (await deleted.fill(LIST, {"restore": chosen})).headers["location"] == LIST


async def test_only_its_owners_find_it(world: World, deleted: Visitor, visitors: Visitors) -> None:
    (entry,) = set(re.findall(r'href="(/-/deleted/\d+)"', (await deleted.get(LIST)).text))
    await world.person("mara")
    mara = visitors()
    await mara.sign_in("mara")
    assert "No registry was deleted" in await mara.read(LIST)
    for place in (entry, f"{entry}/free", f"{entry}/of/app"):
        assert (await mara.get(place)).status_code == 404
    assert LIST not in (await mara.get("/")).text
    await world.registry("Hers", mara=Role.OWNER)
    await mara.fill("/hers/-/delete", {"typed": "Hers"})
    page = await mara.read(LIST)
    assert "Hers" in page
    assert "DMC" not in page
    assert LIST in (await mara.get("/")).text


async def test_an_immutable_tag_takes_a_reason(world: World, filled: Visitor) -> None:
    await world.services.immutable.add(ADMIN, "dmc", "1.*")
    answer = await filled.fill("/dmc/-/delete", {"typed": "DMC"})
    assert answer.status_code == 422
    assert "is immutable here" in answer.text
    answer = await filled.fill("/dmc/-/delete", {"typed": "DMC", "override": "moved elsewhere"})
    assert answer.status_code == 303


async def test_whoever_types_a_deleted_name_again_is_told_what_it_was(deleted: Visitor) -> None:
    day = f"{datetime.now(UTC).day} {datetime.now(UTC):%B}"
    said = f"dmc was deleted on {day}; its name is free, or restore it"
    assert (await deleted.get("/-/name-check?name=DMC")).json() == {"kind": "good", "text": said}
    assert (await deleted.get("/-/name-check?name=d%20c")).json()["kind"] == "err"
    answer = await deleted.fill("/-/new", {"name": "Dmc", "description": "x" * 201})
    assert answer.status_code == 422
    assert f'<span class="good" id="name-o" role="status">{said}</span>' in answer.text
    assert 'href="/-/deleted"' in answer.text
    assert (await deleted.fill("/-/new", {"name": "Dmc"})).status_code == 303
    check = (await deleted.get("/-/name-check?name=dmc")).json()
    assert check == {"kind": "err", "text": "There is a registry named Dmc already"}


async def test_a_settings_page_leads_to_the_question_whatever_the_registry_holds(filled: Visitor) -> None:
    page = (await filled.get("/dmc/-/settings")).text
    assert 'href="/dmc/-/delete"' in page
    assert "Can be restored until" in page
