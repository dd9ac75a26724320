"""Registries: the list, making one, changing it."""

import json
import re

import pytest

from moorage.domain.access import Role, Visibility
from moorage.services.records import Holder, HolderKind
from tests.ui.conftest import Visitors
from tests.ui.visitor import Visitor, attributes, text_of
from tests.ui.world import ADMIN, World


async def test_the_first_page_of_a_new_server_says_what_a_registry_is(admin: Visitor) -> None:
    said = await admin.read("/")
    assert "Create your first registry" in said
    assert "docker push server:5443/dmc/ubuntu:trusty" in said


async def test_a_list_shows_only_what_one_may_see(world: World, visitors: Visitors) -> None:
    await world.person("mara")
    await world.person("jonas")
    await world.registry("Ours", mara=Role.READER)
    await world.registry("Everybodys", visibility=Visibility.INTERNAL)
    await world.registry("Open", visibility=Visibility.PUBLIC)
    for name, seen in (("mara", {"ours", "everybodys", "open"}), ("jonas", {"everybodys", "open"})):
        visitor = visitors()
        await visitor.sign_in(name)
        page = await visitor.get("/")
        assert {path[1:] for path in attributes(page, "href") if path.strip("/").isalpha()} == seen
    nobody = visitors()
    assert "1 registry" in await nobody.read("/")
    assert "Browse public images" not in await nobody.read("/-/sign-in")
    await world.image("open/app", "1.0")
    assert "Browse public images" in await nobody.read("/-/sign-in")


async def test_somebody_to_whom_nothing_is_open_is_told_whom_to_ask(world: World, nobody: Visitor) -> None:
    await world.person("mara")
    await nobody.sign_in("mara")
    assert "No registry is open to you yet" in await nobody.read("/")
    assert (await nobody.get("/-/new")).status_code == 403


async def test_the_list_filters_by_every_word_and_sorts_all_rows(world: World, admin: Visitor) -> None:
    await world.registry("Alpha", "the first crew")
    await world.registry("Beta", "the second crew")
    await world.image("beta/app", "1", layers=[5_000])
    await world.image("alpha/app", "1", layers=[1_000])
    assert "1 registry" in await admin.read("/?q=CREW+second")
    assert "Nothing matches" in await admin.read("/?q=third")
    page = await admin.read("/?sort=size")
    assert page.index("Beta") < page.index("Alpha")
    page = await admin.read("/?sort=last-push")
    assert page.index("Alpha") < page.index("Beta")


@pytest.mark.parametrize("name", ["", "a..b", "-a", "ünïcode", "a" * 65, "v2", "API", "a/b", "<script>", "a\u202eb"])
async def test_a_name_that_cannot_be_is_explained_and_all_input_kept(admin: Visitor, name: str) -> None:
    fields = {"name": name, "description": 'the "crew"', "visibility": "internal"}
    response = await admin.fill("/-/new", fields)
    assert response.status_code == 422
    assert 'value="the &#34;crew&#34;"' in response.text
    assert 'value="internal" checked' in response.text
    assert 'aria-invalid="true"' in response.text
    assert '<span class="err" id="name-o" role="status"><svg' in response.text
    check = (await admin.client.get("/-/name-check", params={"name": name})).json()
    assert check["kind"] == "err"
    assert "set-cookie" not in response.headers


async def test_a_name_is_taken_without_regard_to_case(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    response = await admin.fill("/-/new", {"name": "dmc"})
    assert response.status_code == 422
    check = await admin.get("/-/name-check?name=dMc")
    assert check.json() == {"kind": "err", "text": "There is a registry named DMC already"}
    assert (await admin.get("/-/name-check?name=Hub")).json() == {"kind": "good", "text": "hub is free"}


async def test_only_those_who_may_create_ask_whether_a_name_is_free(world: World, nobody: Visitor) -> None:
    await world.registry("DMC")
    assert b"DMC" not in (await nobody.get("/-/name-check?name=dmc")).content
    await world.person("mara")
    await nobody.sign_in("mara")
    assert (await nobody.get("/-/name-check?name=dmc")).status_code == 403


async def test_a_description_that_is_too_long_is_explained_at_its_field(admin: Visitor, world: World) -> None:
    response = await admin.fill("/-/new", {"name": "DMC", "description": "x" * 201})
    assert response.status_code == 422
    assert 'aria-describedby="desc-e"' in response.text
    await world.registry("DMC")
    response = await admin.fill("/dmc/-/settings", {"description": "y" * 201, "visibility": "public"})
    assert response.status_code == 422
    assert f'value="{"y" * 201}"' in response.text


async def test_settings_change_description_and_who_can_pull(world: World, admin: Visitor, nobody: Visitor) -> None:
    await world.registry("DMC")
    assert (await nobody.get("/dmc")).status_code == 404
    response = await admin.fill("/dmc/-/settings", {"description": "for all", "visibility": "public"})
    assert (response.status_code, response.headers["location"]) == (303, "/dmc/-/settings")
    assert "DMC Public for all" in await nobody.read("/dmc")
    response = await admin.fill("/dmc/-/settings", {"description": "", "visibility": "everybody"})
    assert response.status_code == 422


async def test_maintainers_describe_a_registry_and_no_more(world: World, nobody: Visitor) -> None:
    await world.person("mara")
    await world.registry("DMC", mara=Role.MAINTAINER)
    await nobody.sign_in("mara")
    said = await nobody.read("/dmc/-/settings")
    assert "Who can pull" not in said
    assert "Danger" not in said
    response = await nobody.fill("/dmc/-/settings", {"description": "ours"})
    assert response.status_code == 303
    assert "DMC Private ours" in await nobody.read("/dmc")
    refused = await nobody.fill("/dmc/-/settings", {"description": "ours", "visibility": "public"})
    assert refused.status_code == 403
    assert (await nobody.get("/dmc/-/delete")).status_code == 403


async def test_names_in_upper_case_lead_to_the_address(admin: Visitor, world: World) -> None:
    await world.registry("DMC")
    for asked, address in (("/DMC?q=a%20b", "/dmc?q=a%20b"), ("/Dmc/shop/api/-/images", "/dmc/shop/api/-/images")):
        response = await admin.get(asked)
        assert (response.status_code, response.headers["location"]) == (308, address)
    assert (await admin.get("/dmc/")).headers["location"] == "/dmc"


async def test_a_registry_is_deleted_only_by_its_name(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.image("dmc/app", "1.0")
    response = await admin.fill("/dmc/-/delete", {"typed": "dmc"})
    assert response.status_code == 422
    assert len(await world.services.registries.list(ADMIN)) == 1
    response = await admin.fill("/dmc/-/delete", {"typed": "DMC"})
    assert response.status_code == 303
    assert await world.services.registries.list(ADMIN) == ()


async def test_repositories_stand_as_a_tree_and_sort_flat(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    for path, size in (("shop/api", 3_000), ("nginx", 1_000), ("base/node", 2_000), ("shop/web", 9_000)):
        await world.image(f"dmc/{path}", "1", layers=[size])
    tree = await admin.get("/dmc")
    assert [path for path in attributes(tree, "href") if path.startswith("/dmc/") and "/-/" not in path] == [
        "/dmc/nginx",
        "/dmc/base/node",
        "/dmc/shop/api",
        "/dmc/shop/web",
    ]
    assert 'data-group="shop"' in tree.text
    flat = await admin.get("/dmc?sort=size")
    assert flat.text.index("/dmc/shop/web") < flat.text.index("/dmc/shop/api") < flat.text.index("/dmc/nginx")
    assert "data-group" not in flat.text
    assert "2 repositories" in await admin.read("/dmc?q=shop")
    assert "Nothing matches" in await admin.read("/dmc?q=nothing")


async def test_more_repositories_than_a_tree_holds_come_in_pages(
    world: World, admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.ui.registries.MOST_REPOSITORIES", 3)
    await world.registry("DMC")
    names = [f"r{place}" for place in range(7)]
    for name in names:
        await world.image(f"dmc/{name}", "1")
    seen, path = [], "/dmc"
    while path:
        page = await admin.get(path)
        assert "data-complete" not in page.text
        seen += [href[5:] for href in attributes(page, "href") if href.startswith("/dmc/r")]
        path = "".join(f"/dmc{href}" for href in attributes(page, "href") if href.startswith("?after="))
    assert seen == names


async def test_the_ways_to_push_are_a_page_of_their_own(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.image("dmc/app", "1.0")
    assert "/dmc/-/push" in attributes(await admin.get("/dmc"), "href")
    page = await admin.get("/dmc/-/push")
    assert 'class="dlg"' in page.text
    assert "docker push server:5443/dmc/ubuntu:trusty" in text_of(page)


async def test_readers_are_shown_how_to_pull_but_not_to_push(world: World, nobody: Visitor) -> None:
    await world.person("mara")
    await world.registry("DMC", mara=Role.READER)
    await nobody.sign_in("mara")
    said = await nobody.read("/dmc")
    assert "docker pull server:5443/dmc/ubuntu:trusty" in said
    assert "docker push" not in said
    assert "Writers, maintainers and owners of DMC can push." in said


async def test_the_name_check_speaks_json_that_nobody_keeps(admin: Visitor) -> None:
    response = await admin.get("/-/name-check?name=x")
    assert response.headers["cache-control"] == "no-store"
    assert set(json.loads(response.content)) == {"kind", "text"}


async def test_an_owner_chooses_how_layers_are_pulled(world: World, admin: Visitor, nobody: Visitor) -> None:
    await world.person("mara")
    await world.registry("DMC", mara=Role.MAINTAINER)
    assert 'name="redirects" value="server" checked' in (await admin.get("/dmc/-/settings")).text
    await admin.fill("/dmc/-/settings", {"description": "", "visibility": "private", "redirects": "off"})
    assert 'name="redirects" value="off" checked' in (await admin.get("/dmc/-/settings")).text
    await nobody.sign_in("mara")
    assert 'name="redirects"' not in (await nobody.get("/dmc/-/settings")).text


async def test_who_holds_a_role_on_a_pattern_sees_what_it_matches_and_no_more(world: World, nobody: Visitor) -> None:
    await world.person("mara")
    await world.registry("DMC")
    await world.image("dmc/team/app", "1.0", layers=(1_000,))
    await world.image("dmc/secret", "1.0", layers=(90_000,))
    await world.grant("dmc", Holder(HolderKind.USER, "mara"), Role.MAINTAINER, "team/*")
    await nobody.sign_in("mara")
    for path in ("/", "/dmc"):
        page = await nobody.read(path)
        assert "DMC" in page
        assert "secret" not in page
        # An image of 90 KB would show in the sizes.
        assert "KB" in page
        assert not re.search(r"9[0-9](\.[0-9])? KB", page)
    assert "team" in await nobody.read("/dmc")
    assert "Delete" in await nobody.read("/dmc/team/app")
    assert (await nobody.get("/dmc/team/app/-/settings")).status_code == 200
    for path in ("/dmc/-/settings", "/dmc/-/delete"):
        assert (await nobody.get(path)).status_code == 403
    assert (await nobody.get("/dmc/secret")).status_code == (await nobody.get("/dmc/sesame")).status_code == 404
    assert "secret" not in (await nobody.get("/dmc/secre")).text.replace("/dmc/secre", "")
