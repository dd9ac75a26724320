"""Recently deleted: a deletion is undone from the message that tells of it, or from the list, or freed for good."""

import re

import pytest

from moorage.domain.access import Role
from moorage.domain.name import Repository
from tests.ui.conftest import Visitors
from tests.ui.visitor import Visitor
from tests.ui.world import ADMIN, World

APP = Repository("dmc", "app")
LIST = "/dmc/-/deleted"


@pytest.fixture
async def deleted(world: World, admin: Visitor) -> Visitor:
    """Return an administrator who has deleted a tag with its image."""
    await world.registry("DMC")
    await world.image("dmc/app", "1.0", layers=[2_000_000])
    await world.image("dmc/app", "2.0")
    await admin.fill("/dmc/app/-/delete?tag=1.0", {"what": "images"})
    return admin


async def tags(world: World) -> list[str]:
    return [tag.name for tag in (await world.services.catalog.tags(ADMIN, APP, order="name")).rows]


async def test_undo_stands_beside_what_was_done(world: World, deleted: Visitor) -> None:
    page = (await deleted.get("/dmc/app")).text
    assert "1 tag and 1 image deleted from app" in page
    assert re.search(r"Kept until \d+ \w+ \d{4}, \d\d:\d\d UTC under Recently deleted\.", page)
    form = page.partition('action="/dmc/-/deleted"')[2].partition("</form>")[0]
    value = re.search(r'name="restore" value="([^"]+)"', form)
    csrf = re.search(r'name="csrf" value="([^"]+)"', form)
    assert value
    assert csrf
    done = await deleted.post(LIST, {"csrf": csrf[1], "restore": value[1]})
    assert (done.status_code, done.headers["location"]) == (303, "/dmc/app")
    assert "Restored 1 tag and 1 image of app" in await deleted.read("/dmc/app")
    assert await tags(world) == ["1.0", "2.0"]


async def test_the_list_says_what_went_and_restores_it(world: World, deleted: Visitor) -> None:
    page = await deleted.read(LIST)
    for said in ("1 tag, 1 image: 1.0", "by hand", "2.0 MB", "in 13 days", "1 item"):
        assert said in page
    (entry,) = await world.services.trash.list(ADMIN, "dmc")
    await deleted.fill(LIST, {"restore": f"{entry.id} app"})
    assert await tags(world) == ["1.0", "2.0"]
    assert "Nothing was deleted in the last 14 days." in await deleted.read(LIST)


async def test_all_that_a_run_of_retention_let_go_comes_back_by_one_button(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    for tag in ("1.0", "2.0", "3.0"):
        await world.image("dmc/app", tag)
    rule = {"name": "Newest", "of": "tags", "repositories": "", "tags": "*", "newest": "1", "rest": "remove"}
    await admin.fill("/dmc/-/policies/rule", rule)
    await admin.read("/dmc/-/policies/preview?rule=1")
    await admin.fill("/dmc/-/policies", {"rule": "1", "do": "start"}, "/dmc/-/policies/retention")
    await admin.fill("/dmc/-/policies", {}, "/dmc/-/policies/run")
    page = await admin.read("/dmc/-/policies")
    assert "Run 1 of the rules goes on" in page
    assert "Goes on: 0 of 0, asked for by admin" in page
    assert await world.services.retention_runs.work() == 1
    page = await admin.read("/dmc/-/policies")
    assert "Goes on" not in page
    assert await tags(world) == ["3.0"]
    page = await admin.read(LIST)
    assert "2 tags, 2 images" in page.partition("By retention")[2]
    await world.image("dmc/app", "1.0")
    await admin.fill(LIST, {"run": "1"})
    page = await admin.read(LIST)
    assert "Restored 2 tags and 2 images of run 1" in page
    assert "app:1.0" in page
    assert "By retention" not in page
    assert await tags(world) == ["1.0", "2.0", "3.0"]
    await admin.fill("/dmc/app/-/delete?tag=2.0", {"what": "images"})
    for chosen in ("1", "nonsense"):
        assert (await admin.fill(LIST, {"run": chosen})).headers["location"] == LIST
    assert await tags(world) == ["1.0", "3.0"]


async def test_what_points_elsewhere_is_named(world: World, deleted: Visitor) -> None:
    await world.image("dmc/app", "1.0")
    (entry,) = await world.services.trash.list(ADMIN, "dmc")
    await deleted.fill(LIST, {"restore": f"{entry.id} app"})
    assert "Left alone, since they point elsewhere by now: 1.0." in await deleted.read("/dmc/app")


async def test_what_is_not_there_is_told(deleted: Visitor) -> None:
    for chosen in ("999 app", "nonsense", ""):
        done = await deleted.fill(LIST, {"restore": chosen})
        assert done.headers["location"] == LIST
    assert "Restore" in await deleted.read(LIST)


async def test_space_is_freed_only_by_the_name(world: World, deleted: Visitor) -> None:
    (entry,) = await world.services.trash.list(ADMIN, "dmc")
    one = f"{LIST}/free?entry={entry.id}+app"
    for address, typed in ((one, "app"), (f"{LIST}/free", "DMC")):
        assert "Free 2.0 MB now?" in await deleted.read(address)
        assert (await deleted.fill(address, {"typed": "other"})).status_code == 422
        assert len(await world.services.trash.list(ADMIN, "dmc")) == 1
        done = await deleted.fill(address, {"typed": typed})
        assert (done.status_code, done.headers["location"]) == (303, LIST)
        assert "1 deletion can’t be restored any more" in await deleted.read(LIST)
        assert await world.services.trash.list(ADMIN, "dmc") == ()
        await deleted.fill("/dmc/app/-/delete?tag=2.0", {"what": "images"})
        await world.image("dmc/app", "2.0", layers=[2_000_000])
        await world.services.trash.free_all(ADMIN, "dmc")
        await deleted.fill("/dmc/app/-/delete?tag=2.0", {"what": "images"})


async def test_a_reader_sees_nothing_to_restore_and_restores_nothing(
    world: World, deleted: Visitor, visitors: Visitors
) -> None:
    await world.person("mara")
    mara = visitors()
    await mara.sign_in("mara")
    await world.registry("Other", mara=Role.READER)
    assert "1 item" in await deleted.read(LIST)
    (entry,) = await world.services.trash.list(ADMIN, "dmc")
    assert (await mara.get(LIST)).status_code == 404
    page = await mara.read("/other/-/deleted")
    assert "Nothing was deleted in the last 14 days." in page
    csrf = re.search(r'name="csrf" value="([^"]+)"', (await mara.get("/")).text)
    assert csrf
    for registry in ("dmc", "other"):
        done = await mara.post(f"/{registry}/-/deleted", {"csrf": csrf[1], "restore": f"{entry.id} app"})
        assert done.status_code in {403, 404}
    assert len(await world.services.trash.list(ADMIN, "dmc")) == 1


async def test_a_registry_keeps_what_is_deleted_as_long_as_its_settings_say(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.image("dmc/app", "1.0")
    assert '<option value="14" selected>14 days</option>' in (await admin.get("/dmc/-/settings")).text
    await admin.fill("/dmc/-/settings", {"trash_days": "0"})
    assert "This cannot be undone." in await admin.read("/dmc/app/-/delete?tag=1.0")
    await admin.fill("/dmc/app/-/delete?tag=1.0", {"what": "images"})
    assert "Undo" not in await admin.read("/dmc/app")
    assert "Nothing is kept" in await admin.read(LIST)
    assert (await admin.fill("/dmc/-/settings", {"trash_days": "91"})).status_code == 422
