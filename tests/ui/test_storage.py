"""Storage: administrators see what is damaged, what it breaks and what heals it."""

from dataclasses import replace

from moorage.domain.damage import Fault
from moorage.domain.digest import digest_of
from moorage.domain.room import Room
from moorage.domain.sizes import size
from moorage.services.disk import DiskService
from tests.ui.conftest import Visitors
from tests.ui.visitor import Visitor
from tests.ui.world import SERVER_QUOTA, World


async def test_damage_is_shown_with_the_images_it_breaks_and_what_to_do(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.image("dmc/app", "1.0")
    page = await admin.read("/-/admin/storage")
    assert "none yet" in page
    (blob, *_) = await world.verified.contents.blobs("", 10)
    assert await world.verified.damages.quarantine(blob, Fault.CHANGED, digest_of(b"x"), 5.0, lambda: True)
    page = await admin.read("/-/admin/storage")
    assert "1 damaged blob" in page
    assert "its bytes are others than its digest says" in page
    assert "push dmc/app:1.0 again" in page


async def test_what_is_stored_is_told_apart(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.image("dmc/app", "1.0", layers=[2_000_000])
    await world.image("dmc/app", "2.0", layers=[5_000_000])
    await admin.fill("/dmc/app/-/delete?tag=1.0", {"what": "images"})
    page = await admin.read("/-/admin/storage")
    for said in ("7.0 MB on disk", "5.0 MB in use", "2.0 MB recently deleted", "0 B waiting for clean-up", "DMC"):
        assert said in page
    assert "Recently deleted: 2.0 MB" in await admin.read("/dmc")
    assert "2.0 MB recently deleted" in await admin.read("/dmc/-/policies")
    for place in ("/dmc", "/dmc/app"):
        page = await admin.read(f"{place}/-/settings")
        for said in ("Space In use 7.0 MB", "Recently deleted 2.0 MB", "On disk 7.0 MB"):
            assert said in page


async def test_a_round_can_be_asked_for(world: World, admin: Visitor) -> None:
    answer = await admin.fill("/-/admin/storage", {}, "/-/admin/storage")
    assert answer.status_code == 303
    state = await world.services.verify.state()
    assert state.open is not None
    assert state.open.asked_by == "admin"
    assert "asked for by admin" in await admin.read("/-/admin/storage")


async def test_others_see_nothing_of_it(world: World, visitors: Visitors) -> None:
    await world.person("mara")
    visitor = visitors()
    assert (await visitor.get("/-/admin/storage")).status_code == 303
    await visitor.sign_in("mara")
    assert (await visitor.get("/-/admin/storage")).status_code == 403
    assert "/-/admin/storage" not in (await visitor.get("/")).text


async def test_the_page_says_how_much_of_the_servers_quota_is_in_use(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.image("dmc/app", "1.0")
    held = await world.services.server_quota.look()
    assert held.used
    page = await admin.read("/-/admin/storage")
    assert f"{size(held.used)} on disk of a quota of {size(SERVER_QUOTA)}" in page


async def test_the_page_says_where_blobs_are_and_what_is_free(world: World, admin: Visitor, visitors: Visitors) -> None:
    page = await admin.read("/-/admin/storage")
    for said in ("Local disk at /var/lib/moorage", "500.0 GB, 379.8 GB free"):
        assert said in page
    world.services = replace(world.services, disk=DiskService("s3://images/moorage", None, world.services.access))
    another = visitors()
    await another.sign_in("admin")
    page = await another.read("/-/admin/storage")
    for said in ("Bucket s3://images/moorage", "no limit known"):
        assert said in page


async def test_clean_up_is_asked_for_and_told(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.image("dmc/app", "1.0")
    page = await admin.read("/-/admin/storage")
    for said in ("Last run none yet", "Runs by itself", "Unfinished uploads 0", "as of just now"):
        assert said in page
    answer = await admin.fill("/-/admin/storage", {}, "/-/admin/storage/clean")
    assert answer.status_code == 303
    assert "admin asked for a run" in await admin.read("/-/admin/storage")
    await world.services.collect.collect()
    page = await admin.read("/-/admin/storage")
    for said in ("asked for by admin", "Freed 0 B, 0 blobs", "Skipped 0 blobs", "Next run in"):
        assert said in page


async def test_a_disk_that_is_nearly_full_is_on_every_page_of_administrators(
    world: World, admin: Visitor, visitors: Visitors
) -> None:
    await world.person("mara")
    mara = visitors()
    await mara.sign_in("mara")
    said, low = "The disk is nearly full: 2.0 GB of 100.0 GB are free.", "Less than 10 % of the disk are free."
    world.room = Room(100_000_000_000, 2_000_000_000)
    await world.disk.room()
    assert said in await admin.read("/")
    assert said in await admin.read("/-/admin/storage")
    assert "nearly full" not in (await mara.get("/")).text
    assert low not in await admin.read("/-/admin/storage")


async def test_a_disk_that_gets_full_is_amber_on_the_page(world: World, admin: Visitor) -> None:
    world.room = Room(100_000_000_000, 9_000_000_000)
    assert "Less than 10 % of the disk are free." in await admin.read("/-/admin/storage")
    assert "nearly full" not in await admin.read("/")
