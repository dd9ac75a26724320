"""Repositories: tags and images as lists, and the way a pasted image name leads to them."""

import pytest

from moorage.domain.access import Visibility
from moorage.domain.manifest import OCI_MANIFEST
from moorage.domain.name import parse_repository
from moorage.ui.attestations import MOST_READ
from tests.many import add_attached, add_tags
from tests.ui.visitor import Visitor, attributes, text_of
from tests.ui.world import ADMIN, UNKNOWN, World

HELM = "application/vnd.cncf.helm.config.v1+json"


@pytest.fixture
async def shop(world: World) -> World:
    await world.registry("DMC")
    return world


async def test_a_tag_is_shown_with_all_that_identifies_it(shop: World, admin: Visitor) -> None:
    digest = await shop.index("dmc/shop/api", "2.14.1", by="mara", layers=[62_000_000])
    page = await admin.get("/dmc/shop/api")
    assert "2.14.1" in text_of(page)
    assert "2 platforms 124.0 MB just now by mara" in text_of(page)
    assert digest in attributes(page, "title")
    assert {digest, "docker pull server:5443/dmc/shop/api:2.14.1"} <= set(attributes(page, "data-copy"))


async def test_an_index_unfolds_to_its_platforms(shop: World, admin: Visitor) -> None:
    await shop.index("dmc/app", "1.0")
    folded = await admin.get("/dmc/app")
    assert "linux/arm64" not in folded.text
    link = next(href for href in attributes(folded, "href") if "open=" in href)
    said = await admin.read(f"/dmc/app{link.partition('#')[0]}")
    assert "linux/amd64" in said
    assert "linux/arm64" in said


SLSA, SPDX = "https://slsa.dev/provenance/v0.2", "https://spdx.dev/Document"
ABOUT = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": "sha256:" + "0" * 64}


@pytest.mark.parametrize(
    ("predicates", "marks", "words"),
    [
        ([SLSA], {"annotations": ABOUT, "platform": UNKNOWN}, "Provenance"),
        ([SPDX, SLSA, SPDX], {"platform": UNKNOWN}, "SBOM Provenance"),
        (["https://cyclonedx.org/bom/v1.4"], {"annotations": ABOUT}, "SBOM"),
        (["https://example.com/review"], {"annotations": ABOUT}, "Attestation"),
        ([], {"annotations": ABOUT}, "Attestation"),
    ],
)
async def test_what_attests_a_platform_is_named_below_the_platforms_and_offers_no_pull(
    shop: World, admin: Visitor, predicates: list[str], marks: dict[str, object], words: str
) -> None:
    digest = await shop.attestation("dmc/app", *predicates)
    await shop.index("dmc/app", "1.0", more=[{"mediaType": OCI_MANIFEST, "digest": digest, "size": 500, **marks}])
    page = await admin.get("/dmc/app?open=1.0")
    said = text_of(page).partition("2 platforms")[2]
    assert f" {words} {digest.partition(':')[2][:12]} " in said
    assert said.index("linux/amd64") < said.index(words) > said.index("linux/arm64")
    assert "Artifact" not in said
    assert f'<span class="badge">{words.partition(" ")[0]}</span>' in page.text
    assert not any(digest in command for command in attributes(page, "data-copy") if "pull" in command)


async def test_an_index_of_very_many_attestations_reads_few_of_them(shop: World, admin: Visitor) -> None:
    found = [await shop.attestation("dmc/app", SLSA) for _ in range(MOST_READ + 5)]
    more = [{"mediaType": OCI_MANIFEST, "digest": digest, "size": 500, "annotations": ABOUT} for digest in found]
    await shop.index("dmc/app", "1.0", more=more)
    page = await admin.get("/dmc/app?open=1.0")
    assert page.text.count(">Provenance<") == MOST_READ
    assert page.text.count(">Attestation<") == 5


async def test_tags_of_one_image_point_at_each_other(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app", "1.0", "latest")
    assert "same image as 1.0" in await admin.read("/dmc/app")


async def test_tags_come_in_pages_whose_union_is_exact(shop: World, admin: Visitor) -> None:
    names = {f"t{place}" for place in range(120)}
    await shop.image("dmc/app", *names)
    for sort in ("newest", "name"):
        seen: list[str] = []
        path = f"/dmc/app?sort={sort}"
        while path:
            page = await admin.get(path)
            seen += [label.removeprefix("Select ") for label in attributes(page, "aria-label") if "Select t" in label]
            path = "".join(f"/dmc/app{href}" for href in attributes(page, "href") if "after=" in href)
        assert len(seen) == 120
        assert set(seen) == names
    assert "50 of 120 tags" in await admin.read("/dmc/app")
    assert "100 of 120 tags" in await admin.read("/dmc/app?n=100")


async def test_the_filter_covers_all_tags_not_one_page(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app", *(f"t{place}" for place in range(120)))
    assert "11 tags" in await admin.read("/dmc/app?q=t11&n=200")
    assert "Nothing matches" in await admin.read("/dmc/app?q=u")


@pytest.mark.parametrize("sort", ["name", "newest"])
async def test_a_filter_that_little_fits_says_how_far_it_looked_and_goes_on(
    shop: World, admin: Visitor, sort: str
) -> None:
    await shop.image("dmc/app", "a")
    await add_tags(shop.database, parse_repository("dmc/app"), [*(f"t{number:05d}" for number in range(10_000)), "zz"])
    page = await admin.read(f"/dmc/app?q=zz&sort={sort}")
    assert "Nothing matches so far" in page
    assert "Searched the first 10,000 tags" in page
    (further,) = {
        href for href in attributes(await admin.get(f"/dmc/app?q=zz&sort={sort}"), "href") if "after=" in href
    }
    page = await admin.read(f"/dmc/app{further}")
    assert "1 tag" in page
    assert "Searched" not in page


async def test_images_that_are_hard_to_find_are_searched_a_part_at_a_time(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app")
    await add_attached(shop.database, parse_repository("dmc/app"), 2_000)
    page = await admin.read("/dmc/app/-/images?show=untagged")
    assert "None so far" in page
    assert "Searched the first 2,000 images" in page
    (further,) = {
        href for href in attributes(await admin.get("/dmc/app/-/images?show=untagged"), "href") if "after=" in href
    }
    assert "Untagged" in await admin.read(f"/dmc/app/-/images{further}")
    assert "more than 0 images" in await admin.read("/dmc/app/-/delete?all=1")


async def test_no_row_costs_a_query(shop: World, admin: Visitor) -> None:
    pages = ("/", "/dmc", "/dmc/app", "/dmc/app/-/images")
    await shop.image("dmc/app", "first")
    for path in pages:
        # Who may do what is read once, and then not again until somebody changes it.
        await admin.get(path)
    counts = []
    for rows in (range(2), range(2, 40)):
        for place in rows:
            await shop.image(f"dmc/r{place}", "1.0")
            await shop.image("dmc/app", f"t{place}")
        for path in pages:
            before = shop.database.statements
            await admin.get(path)
            counts.append(shop.database.statements - before)
    few, many = counts[:4], counts[4:]
    assert few == many
    assert min(many) > 0


async def test_images_are_listed_once_with_all_their_tags(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app", "1.0", "latest")
    loose = await shop.image("dmc/app")
    said = await admin.read("/dmc/app/-/images")
    assert "1.0 latest linux/amd64" in said
    untagged = await admin.get("/dmc/app/-/images?show=untagged")
    assert loose in attributes(untagged, "value")
    assert "latest" not in text_of(untagged)
    assert f"docker pull server:5443/dmc/app@{loose}" in attributes(untagged, "data-copy")


async def test_a_repository_without_tags_points_at_its_images(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app")
    said = await admin.read("/dmc/app")
    assert "No tags" in said
    assert "docker push server:5443/dmc/app:trusty" in said
    assert "No untagged images" not in await admin.read("/dmc/app/-/images?show=untagged")


async def test_a_pasted_image_name_leads_to_its_row(shop: World, admin: Visitor) -> None:
    digest = await shop.image("dmc/shop/api", "2.14.1")
    by_tag = await admin.get("/dmc/shop/api:2.14.1")
    assert (by_tag.status_code, by_tag.headers["location"]) == (303, "/dmc/shop/api?q=2.14.1")
    assert "2.14.1" in await admin.read(by_tag.headers["location"])
    for pasted in (f"/dmc/shop/api@{digest}", f"/dmc/shop/api:2.14.1@{digest}"):
        by_digest = await admin.get(pasted)
        assert by_digest.headers["location"] == f"/dmc/shop/api/-/images?digest={digest}"
        assert "2.14.1 linux/amd64" in await admin.read(by_digest.headers["location"])
    assert (await admin.get("/dmc/shop/api:.x")).status_code == 404
    assert (await admin.get("/dmc/shop/api@sha256:12")).status_code == 404


async def test_kinds_that_are_no_container_image_are_named(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/chart", "1.0", config_type=HELM, platform=None)
    page = await admin.get("/dmc/chart")
    assert "1.0 Helm chart" in text_of(page)
    assert '<span class="badge">Helm chart</span>' in page.text
    assert '<span class="badge">Helm chart</span>' in (await admin.get("/dmc/chart/-/images")).text


async def test_a_charts_version_is_shown_as_helm_writes_it_and_used_as_it_is_stored(
    shop: World, admin: Visitor
) -> None:
    await shop.image("dmc/chart", "1.0.0_build.5", "stable_build", config_type=HELM, platform=None)
    page = await admin.get("/dmc/chart?sort=name")
    assert "1.0.0+build.5 Helm chart" in text_of(page)
    assert "stable+build Helm chart same image as 1.0.0+build.5" in text_of(page)
    assert "1.0.0_build.5" not in text_of(page)
    assert {"1.0.0_build.5"} <= set(attributes(page, "title")) & set(attributes(page, "value"))
    assert "server:5443/dmc/chart:1.0.0_build.5" in attributes(page, "data-copy")
    assert "/dmc/chart/-/delete?tag=1.0.0_build.5" in attributes(page, "href")
    assert "1.0.0+build.5 Helm chart" in await admin.read("/dmc/chart?q=0%2Bbuild")
    images = await admin.get("/dmc/chart/-/images")
    assert "1.0.0+build.5 stable+build Helm chart" in text_of(images)


async def test_the_command_that_is_copied_is_one_that_pulls_it(shop: World, admin: Visitor) -> None:
    digest = await shop.image("dmc/chart", "1.0.0_build.5", config_type=HELM, platform=None)
    untagged = await shop.image("dmc/chart", config_type=HELM, platform=None)
    by_version = "helm pull oci://server:5443/dmc/chart --version 1.0.0+build.5"
    for path in ("/dmc/chart", "/dmc/chart/-/images"):
        copied = attributes(await admin.get(path), "data-copy")
        assert by_version in copied
        assert not any("docker pull" in text for text in copied)
    assert {digest, untagged} <= set(attributes(await admin.get("/dmc/chart/-/images"), "data-copy"))
    image = await shop.image("dmc/plain", "1.0_0")
    assert "docker pull server:5443/dmc/plain:1.0_0" in attributes(await admin.get("/dmc/plain"), "data-copy")
    copied = attributes(await admin.get("/dmc/plain/-/images"), "data-copy")
    assert f"docker pull server:5443/dmc/plain@{image}" in copied


async def test_the_list_of_repositories_says_what_is_no_container_image(world: World, admin: Visitor) -> None:
    await world.registry("DMC")
    await world.image("dmc/chart", "1.0", config_type=HELM, platform=None)
    await world.image("dmc/changed", "old", config_type=HELM, platform=None)
    await world.image("dmc/changed", "new")
    await world.image("dmc/changed", "sha256-0.sig", config_type=HELM, platform=None)
    await world.image("dmc/changed", config_type=HELM, platform=None)
    await world.index("dmc/many", "1.0")
    page = text_of(await admin.get("/dmc"))
    assert "chart Helm chart" in page
    assert page.count("Helm chart") == 1
    assert "Artifact" not in page


async def test_an_images_tag_is_shown_as_it_is(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app", "1.0.0_build.5")
    assert "1.0.0_build.5" in await admin.read("/dmc/app")
    assert "1.0.0_build.5" in await admin.read("/dmc/app/-/images")


async def test_anybody_sees_a_public_repository_and_nothing_to_change(world: World, nobody: Visitor) -> None:
    await world.registry("Open", visibility=Visibility.PUBLIC)
    await world.image("open/app", "1.0")
    page = await nobody.get("/open/app")
    assert page.status_code == 200
    assert "checkbox" not in page.text
    assert "Settings" not in page.text
    assert '<a class="btn push" href="/-/sign-in?next=/open/app">Sign in</a>' in page.text


async def test_a_description_that_is_too_long_is_kept_and_explained(shop: World, admin: Visitor) -> None:
    await shop.image("dmc/app", "1.0")
    response = await admin.fill("/dmc/app/-/settings", {"description": "z" * 201})
    assert response.status_code == 422
    assert f'value="{"z" * 201}"' in response.text
    record = await shop.services.catalog.repository(ADMIN, parse_repository("dmc/app"))
    assert record.description == ""
