"""The port `Catalog`: lists for people, and deletions that say beforehand what they take."""

import asyncio

import pytest

from moorage.domain.access import Role, Visibility
from moorage.domain.digest import Digest, digest_of
from moorage.domain.name import Repository
from moorage.domain.pattern import matches
from moorage.domain.reach import reach_of
from moorage.metastore import pages
from moorage.metastore.names import BATCH
from moorage.services.page_records import Part
from moorage.services.records import ImageRecord, TagRecord
from tests.contracts.tables import APP, OTHER, Tables
from tests.many import add_attached, add_tags

LAYER = b"layer"


async def tag_names(tables: Tables, order: str = "name", matching: str = "") -> list[str]:
    found = await tables.catalog.tags(APP, order=order, after=None, limit=100, matching=matching)
    return [tag.name for tag in found.rows]


async def image_of(tables: Tables, digest: Digest) -> ImageRecord:
    return (await tables.catalog.image(APP, digest))[0]


async def stored(tables: Tables) -> int:
    """Return the bytes of all images and blobs on the server, once nothing waits to be collected."""
    await tables.pass_time(2)
    await tables.collect()
    summaries = await tables.registries.summaries(None, sees_all=True)
    bodies = 0
    for summary in summaries:
        for repository in await tables.catalog.repositories(summary.registry.id, None, "", 100, sees_all=True):
            images = await tables.catalog.images(repository.name, untagged=False, after=None, limit=100)
            whole = {
                one.digest for image in images.rows for one in await tables.catalog.image(repository.name, image.digest)
            }
            for digest in whole:
                found = await tables.manifests.find(repository.name, digest)
                assert found is not None
                bodies += len(found.body)
    return bodies + (await tables.garbage.usage()).stored


async def test_names_are_those_that_can_be_read_and_hold_images(tables: Tables) -> None:
    ann = await tables.accounts.create("ann", "hash", is_admin=False)
    tom = await tables.accounts.create("tom", "hash", is_admin=False)
    await tables.registry("open", Visibility.PUBLIC)
    await tables.registry("inside", Visibility.INTERNAL)
    dmc = await tables.registries.find("dmc")
    assert dmc is not None
    await tables.grant(dmc.id, "ann", Role.READER)
    for registry in ("dmc", "open", "inside"):
        await tables.image(Repository(registry, "app"))
        await tables.blob(Repository(registry, "blobs-only"), b"x")
    assert await tables.catalog.names(None, "", 10, sees_all=False) == ("open/app",)
    assert await tables.catalog.names(tom.id, "", 10, sees_all=False) == ("inside/app", "open/app")
    assert await tables.catalog.names(ann.id, "", 10, sees_all=False) == ("dmc/app", "inside/app", "open/app")
    assert await tables.catalog.names(None, "", 10, sees_all=True) == ("dmc/app", "inside/app", "open/app")


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_pages_of_names_are_all_names_in_byte_order(tables: Tables, limit: int) -> None:
    dmc = await tables.registries.find("dmc")
    assert dmc is not None
    paths = ["math", "math-voila", "math.x", "math/x", "math/x/y", "math0", "a", "z__z", "z_z"]
    for path in paths:
        await tables.put(Repository("dmc", path), {"manifests": []}, "application/x", "latest")
    names: list[str] = []
    while page := await tables.catalog.names(None, names[-1] if names else "", limit, sees_all=True):
        names.extend(page)
    assert names == sorted(f"dmc/{path}" for path in paths)
    listed: list[str] = []
    while records := await tables.catalog.repositories(
        dmc.id, None, listed[-1] if listed else "", limit, sees_all=True
    ):
        listed.extend(record.name.path for record in records)
    assert listed == sorted(paths)


async def test_a_repository_shows_its_tags_size_and_last_push(tables: Tables) -> None:
    assert await tables.catalog.repository(APP) is None
    await tables.image(APP, "a", "b", layers=[b"x" * 1000, b"x" * 1000])
    await tables.image(APP, layers=[b"x" * 1000])
    found = await tables.catalog.repository(APP)
    assert found is not None
    assert (found.name, found.tags, found.pushed_by, found.description) == (APP, 2, "ann", "")
    assert 1000 < found.size < 2000 + 3000
    tag = await tables.manifests.find(APP, "a")
    assert tag is not None
    assert found.pushed_at >= tag.pushed_at


async def test_a_description_can_be_changed_where_there_is_a_repository(tables: Tables) -> None:
    assert not await tables.catalog.describe(APP, "images")
    await tables.image(APP)
    assert await tables.catalog.describe(APP, "images")
    found = await tables.catalog.repository(APP)
    assert found is not None
    assert found.description == "images"


@pytest.mark.parametrize("order", ["name", "newest"])
@pytest.mark.parametrize("limit", [1, 3])
async def test_pages_of_tags_are_the_whole_list(tables: Tables, order: str, limit: int) -> None:
    for names in (("v1", "Latest"), ("a", "b", "c"), ("v10",), ("_",)):
        await tables.image(APP, *names)
    found: list[TagRecord] = []
    while page := (
        await tables.catalog.tags(APP, order=order, after=found[-1].place if found else None, limit=limit)
    ).rows:
        found.extend(page)
    names_of_pages = [tag.name for tag in found]
    assert names_of_pages == await tag_names(tables, order)
    if order == "name":
        assert names_of_pages == ["Latest", "_", "a", "b", "c", "v1", "v10"]
    else:
        assert names_of_pages == ["_", "v10", "a", "b", "c", "Latest", "v1"]


@pytest.mark.parametrize("order", ["name", "newest"])
async def test_a_page_goes_on_where_the_last_one_ended_though_its_last_tag_was_deleted(
    tables: Tables, order: str
) -> None:
    for names in (("v1", "Latest"), ("a", "b", "c"), ("v10",), ("_",)):
        await tables.image(APP, *names)
    expected = await tag_names(tables, order)
    names_of_pages: list[str] = []
    after = None
    while page := (await tables.catalog.tags(APP, order=order, after=after, limit=1)).rows:
        names_of_pages.append(page[0].name)
        after = page[0].place
        await tables.manifests.delete_tag(APP, page[0].name, "ann")
    assert names_of_pages == expected


@pytest.mark.parametrize("untagged", [True, False])
async def test_a_page_goes_on_where_the_last_one_ended_though_its_last_image_was_deleted(
    tables: Tables, *, untagged: bool
) -> None:
    pushed = [await tables.image(APP, *([] if untagged else [f"v{number}"])) for number in range(5)]
    found: list[Digest] = []
    after = None
    while page := (await tables.catalog.images(APP, untagged=untagged, after=after, limit=1)).rows:
        found.append(page[0].digest)
        after = page[0].place
        await tables.manifests.delete(APP, page[0].digest, "ann")
    assert found == pushed[::-1]


@pytest.mark.parametrize(
    ("matching", "names"), [("1", ["v1.0", "v1_0"]), ("_", ["v1_0"]), ("%", []), ("V", []), ("v1.", ["v1.0"])]
)
async def test_tags_are_found_by_a_part_of_their_name(tables: Tables, matching: str, names: list[str]) -> None:
    await tables.image(APP, "v1.0", "v1_0", "latest")
    assert await tag_names(tables, matching=matching) == names


@pytest.mark.parametrize("order", ["name", "newest"])
async def test_a_page_looks_through_so_many_tags_and_says_where_the_next_goes_on(tables: Tables, order: str) -> None:
    await tables.image(APP, "a-rare")
    look = pages.WINDOWS * pages.TAGS_SEEN
    await add_tags(tables.database, APP, [*(f"many-{number:06d}" for number in range(look)), "rare"])
    first = await tables.catalog.tags(APP, order=order, after=None, limit=10, matching="rare")
    assert [tag.name for tag in first.rows] == ["a-rare"]
    assert first.stopped is not None
    assert first.seen == look
    rest = await tables.catalog.tags(APP, order=order, after=first.stopped, limit=10, matching="rare")
    assert [tag.name for tag in rest.rows] == ["rare"]
    assert rest.stopped is None
    absent = await tables.catalog.tags(APP, order=order, after=None, limit=10, matching="absent")
    assert (absent.rows, absent.stopped) == ((), first.stopped)
    whole = await tables.catalog.tags(APP, order=order, after=None, limit=look + 3)
    assert (len(whole.rows), whole.stopped) == (look + 2, None)


@pytest.mark.parametrize("untagged", [True, False])
async def test_a_page_looks_through_so_many_images_and_says_where_the_next_goes_on(
    tables: Tables, *, untagged: bool
) -> None:
    lonely = await tables.image(APP)
    look = pages.WINDOWS * pages.IMAGES_SEEN
    await add_attached(tables.database, APP, look)
    first = await tables.catalog.images(APP, untagged=untagged, after=None, limit=10)
    assert (first.rows, first.seen) == ((), look)
    assert first.stopped is not None
    rest = await tables.catalog.images(APP, untagged=untagged, after=first.stopped, limit=10)
    assert ([image.digest for image in rest.rows], rest.stopped) == ([lonely], None)


async def test_a_tag_shows_the_image_it_points_to(tables: Tables) -> None:
    child = await tables.image(APP, layers=[b"x" * 1000])
    index = await tables.index(APP, "latest", children=[child, digest_of(b"missing")])
    (tag,) = (await tables.catalog.tags(APP, order="newest", after=None, limit=10)).rows
    assert (tag.name, tag.digest, tag.is_index, tag.pushed_by) == ("latest", index, True, "ann")
    assert 1000 < tag.size < 3000


async def test_an_image_is_shown_with_its_tags_parents_and_children(tables: Tables) -> None:
    children = [await tables.image(APP), await tables.image(APP, "arm")]
    index = await tables.index(APP, "a", "b", children=children)
    whole = await tables.catalog.image(APP, index)
    assert [image.digest for image in whole] == [index, *sorted(children)]
    assert sorted(whole[0].tags) == ["a", "b"]
    assert all(image.parents == (index,) for image in whole[1:])
    assert (await image_of(tables, children[1])).tags == ("arm",)
    assert await tables.catalog.image(APP, digest_of(b"missing")) == ()
    assert await tables.catalog.image(OTHER, index) == ()


async def test_untagged_are_images_that_nothing_else_leads_to(tables: Tables) -> None:
    lonely = await tables.image(APP)
    tagged = await tables.image(APP, "latest")
    await tables.index(APP, "index", children=[await tables.image(APP)])
    await tables.image(APP, subject=tagged)
    found = await tables.catalog.images(APP, untagged=True, after=None, limit=10)
    assert [image.digest for image in found.rows] == [lonely]
    assert await tables.catalog.images(OTHER, untagged=True, after=None, limit=10) == Part(())


@pytest.mark.parametrize("untagged", [True, False])
async def test_pages_of_images_are_the_whole_list_newest_first(tables: Tables, *, untagged: bool) -> None:
    pushed = [await tables.image(APP, *([] if untagged else [f"v{number}"])) for number in range(5)]
    found: list[ImageRecord] = []
    while page := (
        await tables.catalog.images(APP, untagged=untagged, after=found[-1].place if found else None, limit=2)
    ).rows:
        found.extend(page)
    assert [image.digest for image in found] == pushed[::-1]


async def test_deleting_an_image_takes_what_exists_only_for_it(tables: Tables) -> None:
    own, shared, tagged = await tables.image(APP), await tables.image(APP), await tables.image(APP, "kept")
    index = await tables.index(APP, "a", "b", children=[own, shared, tagged])
    other = await tables.index(APP, "other", children=[shared])
    signature = await tables.image(APP, subject=index)
    plan = await tables.catalog.deletion(APP, [index], [])
    assert set(plan.images) == {index, own, signature}
    assert plan.tags == ("a", "b")
    assert await tables.catalog.delete(APP, [index], [], "ann") == plan
    left = {
        digest for digest in (own, shared, tagged, index, other, signature) if await tables.catalog.image(APP, digest)
    }
    assert left == {shared, tagged, other}
    assert await tag_names(tables) == ["kept", "other"]


async def test_deleting_a_tag_takes_the_tag_alone(tables: Tables) -> None:
    image = await tables.image(APP, "a", "b")
    plan = await tables.catalog.delete(APP, [], ["a", "never pushed"], "ann")
    assert plan is not None
    assert (plan.tags, plan.images, plan.frees) == (("a",), (), 0)
    assert (await image_of(tables, image)).tags == ("b",)


async def test_what_is_not_there_is_not_deleted(tables: Tables) -> None:
    image = await tables.image(OTHER, "latest")
    assert await tables.catalog.delete(APP, [image], ["latest"], "ann") is None
    assert await tables.catalog.delete(APP, None, (), "ann") is None
    await tables.image(APP)
    plan = await tables.catalog.delete(APP, [image], ["latest"], "ann")
    assert plan is not None
    assert (plan.tags, plan.images, plan.frees) == ((), (), 0)
    assert await tables.manifests.find(OTHER, "latest") is not None


async def test_deleting_a_repository_leaves_its_neighbours(tables: Tables) -> None:
    neighbours = [Repository("dmc", path) for path in ("app2", "app/child", "ap")]
    for repository in (APP, *neighbours):
        await tables.image(repository, "latest")
    plan = await tables.catalog.delete(APP, None, (), "ann")
    assert plan is not None
    assert plan.tags == ("latest",)
    assert await tables.catalog.repository(APP) is None
    assert await tables.manifests.find(APP, "latest") is None
    assert await tables.manifests.tags(APP, "", 10) is None
    assert await tables.blobs.find(APP, digest_of(LAYER)) is None
    for repository in neighbours:
        assert await tables.manifests.find(repository, "latest") is not None
        assert await tables.blobs.find(repository, digest_of(LAYER)) is not None


@pytest.mark.parametrize("what", ["image", "index", "repository"])
async def test_what_a_deletion_says_it_frees_comes_free(tables: Tables, what: str) -> None:
    await tables.image(OTHER, "theirs", layers=[b"shared with another repository" * 100])
    await tables.image(APP, "kept", layers=[b"shared with another image" * 100])
    layers = [b"shared with another repository" * 100, b"shared with another image" * 100, b"own" * 1000, b"own" * 1000]
    image = await tables.image(APP, "latest", layers=layers)
    index = await tables.index(APP, "index", children=[image, await tables.image(APP, layers=[b"another" * 1000])])
    digests = {"image": [image], "index": [index], "repository": None}[what]
    before = await stored(tables)
    plan = await tables.catalog.delete(APP, digests, [], "ann")
    assert plan is not None
    assert plan.frees > 3000
    assert before - await stored(tables) == plan.frees


async def named(tables: Tables, registry: str, *paths: str) -> None:
    """Push something small to repositories."""
    for path in paths:
        await tables.put(Repository(registry, path), {"manifests": []}, "application/x", "latest")


PATHS = [
    "a",
    "docs",
    "docs-old",
    "team",
    "team/app",
    "team/app-prod",
    "team/b/c",
    "team-x/app",
    "teams",
    "web-prod",
    "z",
]


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize(
    "patterns",
    [
        ["team/*"],
        ["team*", "team/*"],
        ["docs", "team/app"],
        ["*-prod"],
        ["*-prod", "team/*", "docs"],
        ["t*app*", "z", "nothing/*"],
        ["*/*", "team"],
        [],
    ],
)
async def test_pages_hold_just_what_the_patterns_of_their_reader_match(
    tables: Tables, patterns: list[str], limit: int
) -> None:
    ann, dmc = await tables.person("ann"), await tables.registries.find("dmc")
    assert dmc is not None
    other = await tables.registry("dmc-2")
    await named(tables, "dmc", *PATHS)
    await named(tables, "dmc-2", "docs", "team/app")
    await tables.grant(other.id, "ann", Role.READER, "docs")
    for pattern in patterns:
        await tables.grant(dmc.id, "ann", Role.READER, pattern)
    expected = [path for path in sorted(PATHS) if any(matches(pattern, path) for pattern in patterns)]
    names: list[str] = []
    while page := await tables.catalog.names(ann.id, names[-1] if names else "", limit, sees_all=False):
        assert len(page) <= limit
        names.extend(page)
    assert names == sorted(["dmc-2/docs", *(f"dmc/{path}" for path in expected)])
    listed: list[str] = []
    while records := await tables.catalog.repositories(
        dmc.id, ann.id, listed[-1] if listed else "", limit, sees_all=False
    ):
        listed.extend(record.name.path for record in records)
    assert listed == expected


async def test_a_page_keeps_within_a_reach(tables: Tables) -> None:
    await named(tables, "dmc", *PATHS)
    for patterns in (["dmc/team/*"], ["dmc/*-prod", "dmc/z"], ["other/*"], []):
        expected = [f"dmc/{path}" for path in sorted(PATHS) if any(matches(one, f"dmc/{path}") for one in patterns)]
        found = await tables.catalog.names(None, "", 100, sees_all=True, within=reach_of(patterns))
        assert list(found) == expected


async def test_other_things_go_on_while_many_names_are_looked_through(tables: Tables) -> None:
    ann, dmc = await tables.person("ann"), await tables.registries.find("dmc")
    assert dmc is not None
    await tables.grant(dmc.id, "ann", Role.READER, "*-prod")
    await tables.many_repositories("dmc", 2 * BATCH + 1)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    assert await tables.catalog.names(ann.id, "", 10, sees_all=False) == ()
    counting.cancel()
    assert turns >= 2
