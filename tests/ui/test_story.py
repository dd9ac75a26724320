"""The main story, as a person without script walks it."""

from tests.ui.conftest import Visitors
from tests.ui.visitor import Visitor, attributes, text_of
from tests.ui.world import ADMIN, PASSWORD, World


async def test_somebody_signs_in_creates_a_registry_and_lands_on_the_lines_that_push_to_it(nobody: Visitor) -> None:
    first = await nobody.get("/")
    assert (first.status_code, first.headers["location"]) == (303, "/-/sign-in?next=%2F")
    entered = await nobody.fill(first.headers["location"], {"user": "admin", "password": PASSWORD}, "/-/sign-in")
    assert (entered.status_code, entered.headers["location"]) == (303, "/")

    home = await nobody.get("/")
    assert '<a href="/" aria-current="true">Registries</a>' in home.text
    assert "/-/new" in attributes(home, "href")
    form = await nobody.get("/-/new")
    assert '<input type="radio" name="type" value="hosted" checked><b>Docker / OCI, hosted</b>' in form.text
    created = await nobody.fill("/-/new", {"name": "DMC", "type": "hosted", "visibility": "private"})
    assert (created.status_code, created.headers["location"]) == (303, "/dmc")

    page = await nobody.get("/dmc")
    said = text_of(page)
    assert "DMC was created" in said
    for line in (
        "docker login server:5443 -u admin",
        "docker tag ubuntu:trusty server:5443/dmc/ubuntu:trusty",
        "docker push server:5443/dmc/ubuntu:trusty",
        "docker pull server:5443/dmc/ubuntu:trusty",
    ):
        assert line in said
    assert "/ca.crt" in attributes(page, "href")
    assert "DMC was created" not in await nobody.read("/dmc")


async def test_what_was_pushed_is_listed_described_and_deleted(admin: Visitor, world: World) -> None:
    await world.registry("DMC")
    await world.image("dmc/team/app", "1.0", layers=[2_000_000], by="mara")

    assert "DMC Private 1 2.0 MB just now" in await admin.read("/")
    assert "team/ app 1 2.0 MB just now by mara" in await admin.read("/dmc")
    assert "linux/amd64 2.0 MB just now by mara" in await admin.read("/dmc/team/app")

    saved = await admin.fill("/dmc/team/app/-/settings", {"description": "What the team runs"})
    assert saved.status_code == 303
    assert "What the team runs" in await admin.read("/dmc/team/app")

    question = await admin.read("/dmc/team/app/-/delete?tag=1.0")
    assert "Delete 1 tag from team/app?" in question
    assert "1 image goes, which frees 2.0 MB" in question
    assert "You can undo this until" in question
    deleted = await admin.fill("/dmc/team/app/-/delete?tag=1.0", {"what": "images"})
    assert (deleted.status_code, deleted.headers["location"]) == (303, "/dmc/team/app")
    assert "1 tag and 1 image deleted from team/app" in await admin.read("/dmc/team/app")

    gone = await admin.fill("/dmc/team/app/-/delete?all=1", {})
    assert (gone.status_code, gone.headers["location"]) == (303, "/dmc")
    assert "Push your first image" in await admin.read("/dmc")
    await world.services.trash.free_all(ADMIN, "dmc")
    gone = await admin.fill("/dmc/-/delete", {"typed": "DMC"})
    assert (gone.status_code, gone.headers["location"]) == (303, "/")
    assert "DMC was deleted" in await admin.read("/")


async def test_the_lines_name_the_server_as_it_was_reached_or_as_it_is_known_outside(
    visitors: Visitors, world: World
) -> None:
    await world.registry("DMC")
    for url, external_url, host in (
        ("https://proget:5443", None, "proget:5443"),
        ("https://proget", None, "proget:443"),
        ("https://images.example.com", None, "images.example.com"),
        ("http://localhost:5080", None, "localhost:5080"),
        ("https://127.0.0.1:5443", "https://images.example.com", "images.example.com"),
    ):
        visitor = visitors(url, external_url)
        await visitor.sign_in("admin")
        assert f"docker push {host}/dmc/ubuntu:trusty" in await visitor.read("/dmc")


async def test_a_host_header_that_names_no_host_never_reaches_a_page(nobody: Visitor) -> None:
    for host in ("evil/x", "a b", '"><script>', "x" * 300, "evil@host", "[::1"):
        page = await nobody.client.get("/-/sign-in", headers={"host": host})
        assert host not in page.text
        assert "localhost" in page.text
