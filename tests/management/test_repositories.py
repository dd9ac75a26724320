"""Repositories, tags and images over HTTP."""

from pathlib import Path

import pytest

from moorage.domain.name import parse_repository
from moorage.metastore.sqlite import SQLite
from tests.management.world import World
from tests.many import add_tags

APP = "/registries/dmc/repositories/team/app"


async def names(world: World, path: str, key: str, n: int) -> list[str]:
    """Return the whole list, read page by page."""
    found: list[str] = []
    following = f"{path}{'&' if '?' in path else '?'}n={n}"
    while following:
        page = (await world.ask("GET", following)).json()
        assert 0 < len(page["items"]) <= n
        found += [item[key] for item in page["items"]]
        following = (page["next"] or "").removeprefix("/api/v1")
    return found


async def test_a_repository_is_found_under_its_name_with_slashes(world: World) -> None:
    shown = (await world.ask("GET", APP)).json()
    assert (shown["name"], shown["image"], shown["tags"]) == ("team/app", "dmc/team/app", 1)
    assert (await world.ask("GET", "/registries/dmc/repositories")).json()["items"] == [shown]
    escaped = await world.http.get("/api/v1/registries/dmc/repositories/team%2Fapp", headers={"x-caller": "admin"})
    assert escaped.json() == shown


async def test_a_repository_called_like_a_list_is_still_a_repository(world: World) -> None:
    await world.image("dmc/team/tags", "1")
    shown = await world.ask("GET", "/registries/dmc/repositories/team/tags")
    assert shown.json()["name"] == "team/tags"
    listed = await world.ask("GET", "/registries/dmc/repositories/team/tags/-/tags")
    assert [tag["name"] for tag in listed.json()["items"]] == ["1"]


@pytest.mark.parametrize(
    "name", ["Team/app", "team//app", "team/%2e%2e", "team/%00", "team/%0a", "a" * 300, "-/tags", ""]
)
async def test_a_name_that_can_be_none_is_refused(world: World, name: str) -> None:
    answer = await world.ask("GET", f"/registries/dmc/repositories/{name}")
    assert answer.status_code in {400, 404}


async def test_a_description_is_changed(world: World) -> None:
    answer = await world.ask("PATCH", APP, {"description": "what it is"})
    assert answer.json()["description"] == "what it is"
    assert (await world.ask("GET", APP)).json()["description"] == "what it is"
    assert (await world.ask("PATCH", APP, {"description": "x" * 201})).json()["errors"][0]["field"] == "description"


@pytest.mark.parametrize("n", [1, 2, 100])
async def test_pages_of_repositories_together_are_all_of_them(world: World, n: int) -> None:
    wanted = ["math", "math-voila", "math/x", "math2", "math_x"]
    for name in wanted:
        await world.image(f"dmc/{name}", "1")
    found = await names(world, "/registries/dmc/repositories", "name", n)
    assert found == sorted([*wanted, "team/app"])


@pytest.mark.parametrize("n", [1, 2, 100])
async def test_pages_of_tags_together_are_all_of_them(world: World, n: int) -> None:
    tags = ["1.0", "1.0-rc", "1.0_a", "2", "A", "latest"]
    for tag in tags:
        await world.image("dmc/team/app", tag, layer=tag.encode())
    assert await names(world, f"{APP}/-/tags?order=name", "name", n) == sorted(["1", *tags])
    assert await names(world, f"{APP}/-/tags", "name", n) == [*reversed(tags), "1"]
    assert await names(world, f"{APP}/-/tags?order=name&matching=1.0", "name", n) == ["1.0", "1.0-rc", "1.0_a"]


@pytest.mark.parametrize("n", [1, 2, 100])
async def test_pages_of_images_together_are_all_of_them(world: World, n: int) -> None:
    pushed = [await world.image("dmc/team/app", layer=str(number).encode()) for number in range(4)]
    untagged = await names(world, f"{APP}/-/images?untagged=true", "digest", n)
    assert sorted(untagged) == sorted(pushed)
    assert len(await names(world, f"{APP}/-/images", "digest", n)) == len(pushed) + 1


async def test_an_image_is_shown_by_tag_and_by_digest(world: World) -> None:
    by_tag = (await world.ask("GET", f"{APP}/-/images/1")).json()
    by_digest = (await world.ask("GET", f"{APP}/-/images/{by_tag['digest']}")).json()
    assert by_tag == by_digest
    assert (by_tag["tags"], by_tag["children"], by_tag["is_index"]) == (["1"], [], False)


async def test_an_index_is_shown_with_its_platforms(world: World) -> None:
    child = await world.image("dmc/multi", layer=b"arm")
    await world.index("dmc/multi", "2", children={"arm64": child})
    shown = (await world.ask("GET", "/registries/dmc/repositories/multi/-/images/2")).json()
    assert (shown["is_index"], shown["platforms"]) == (True, ["linux/arm64"])
    assert [image["digest"] for image in shown["children"]] == [child]
    assert shown["children"][0]["parents"] == [shown["digest"]]


async def test_a_tag_points_to_what_is_there(world: World) -> None:
    second = await world.image("dmc/team/app", layer=b"another")
    first = (await world.ask("GET", f"{APP}/-/tags/1")).json()
    moved = (await world.ask("PUT", f"{APP}/-/tags/1", {"digest": second})).json()
    assert (moved["name"], moved["digest"], moved["pushed_by"]) == ("1", second, "moorage")
    assert (await world.ask("GET", f"{APP}/-/tags/1")).json() == moved
    assert (await world.ask("GET", f"{APP}/-/images/{first['digest']}")).json()["tags"] == []
    assert (await world.ask("PUT", f"{APP}/-/tags/new", {"digest": first["digest"]})).status_code == 200
    (row,) = (await world.ask("GET", "/activity?what=move-tag&target=dmc/team/app:new")).json()["items"]
    assert (row["before"], row["after"]) == (None, {"digest": first["digest"]})
    elsewhere = await world.image("dmc/other", layer=b"elsewhere")
    for digest in (elsewhere, "sha256:" + "0" * 64):
        assert (await world.ask("PUT", f"{APP}/-/tags/1", {"digest": digest})).status_code == 404
    assert (await world.ask("PUT", f"{APP}/-/tags/1", {"digest": "1"})).status_code == 400
    assert (await world.ask("GET", f"{APP}/-/tags/none")).status_code == 404


async def test_a_tag_that_never_moves_is_not_moved_here_either(world: World) -> None:
    second = await world.image("dmc/team/app", layer=b"another")
    await world.ask("PATCH", "/registries/dmc", {"immutable_tags": ["1"]})
    first = (await world.ask("GET", f"{APP}/-/tags/1")).json()
    assert (await world.ask("PUT", f"{APP}/-/tags/1", {"digest": second})).status_code == 409
    assert (await world.ask("PUT", f"{APP}/-/tags/1", {"digest": first["digest"]})).json() == first
    assert (await world.ask("DELETE", f"{APP}/-/tags/1")).status_code == 409


@pytest.mark.usefixtures("people")
async def test_whoever_may_push_may_move_a_tag(world: World) -> None:
    digest = (await world.ask("GET", f"{APP}/-/tags/1")).json()["digest"]
    for caller, status in (("stranger", 404), ("reader", 403), ("writer", 200)):
        answer = await world.ask("PUT", f"{APP}/-/tags/2", {"digest": digest}, caller=caller)
        assert answer.status_code == status


async def test_a_deleted_tag_leaves_its_image(world: World) -> None:
    digest = (await world.ask("GET", f"{APP}/-/images/1")).json()["digest"]
    gone = await world.ask("DELETE", f"{APP}/-/tags/1")
    assert gone.json() == {"tags": ["1"], "images": [], "frees": 0, "entry": 1}
    assert (await world.ask("GET", f"{APP}/-/images/{digest}")).json()["tags"] == []
    assert (await world.ask("DELETE", f"{APP}/-/tags/1")).status_code == 404


async def test_a_deleted_image_takes_its_tags_and_says_what_that_frees(world: World) -> None:
    digest = await world.image("dmc/team/app", "2", "3", layer=b"x" * 5000)
    gone = (await world.ask("DELETE", f"{APP}/-/images/{digest}")).json()
    assert (gone["tags"], gone["images"]) == (["2", "3"], [digest])
    assert gone["frees"] > 5000
    assert [tag["name"] for tag in (await world.ask("GET", f"{APP}/-/tags")).json()["items"]] == ["1"]
    assert (await world.ask("DELETE", f"{APP}/-/images/{digest}")).status_code == 404


async def test_an_image_is_deleted_by_digest_alone(world: World) -> None:
    answer = await world.ask("DELETE", f"{APP}/-/images/1")
    assert (answer.status_code, answer.json()["code"]) == (400, "DIGEST_INVALID")
    assert (await world.ask("GET", f"{APP}/-/images/1")).status_code == 200


async def test_a_deleted_repository_is_gone_with_its_images(world: World) -> None:
    gone = (await world.ask("DELETE", APP)).json()
    assert (gone["tags"], len(gone["images"])) == (["1"], 1)
    for path in (APP, f"{APP}/-/tags", f"{APP}/-/images/1"):
        assert (await world.ask("GET", path)).status_code == 404
    assert (await world.ask("DELETE", APP)).status_code == 404


async def test_an_address_behind_a_repository_knows_its_own_methods_only(world: World) -> None:
    behind = "/registries/dmc/repositories/team/app/-/tags"
    answer = await world.ask("PATCH", behind, {"description": "x"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert (await world.ask("GET", behind.replace("tags", "nothing"))).status_code == 404


@pytest.mark.parametrize("order", ["newest", "name"])
async def test_the_next_page_is_there_though_the_last_tag_of_this_one_was_deleted(world: World, order: str) -> None:
    for tag in ("a", "b", "c"):
        await world.image("dmc/team/app", tag)
    first = (await world.ask("GET", f"{APP}/-/tags?order={order}&n=2")).json()
    assert (await world.ask("DELETE", f"{APP}/-/tags/{first['items'][-1]['name']}")).status_code == 200
    second = (await world.ask("GET", first["next"].removeprefix("/api/v1"))).json()
    shown = {tag["name"] for tag in (*first["items"], *second["items"])}
    assert shown == {"1", "a", "b", "c"}


@pytest.mark.parametrize("path", ["tags", "images"])
async def test_what_is_no_key_of_a_list_by_time_is_refused(world: World, path: str) -> None:
    answer = await world.ask("GET", f"{APP}/-/{path}?after=x")
    assert answer.status_code == 400
    assert "that is no key of a page before" in answer.text


@pytest.mark.usefixtures("people")
async def test_a_tag_is_taken_back_to_where_it_has_pointed(world: World) -> None:
    second = await world.image("dmc/team/app", "1", layer=b"another")
    strange = await world.image("dmc/team/app", layer=b"never tagged")
    now, before = (await world.ask("GET", f"{APP}/-/tags/1/history")).json()["items"]
    assert (now["how"], now["by"], now["digest"], now["is_here"]) == ("push", "moorage", second, True)
    assert (now["previous"], before["previous"]) == (before["digest"], None)
    back = {"digest": before["digest"], "how": "rollback"}
    assert (await world.ask("PUT", f"{APP}/-/tags/1", back, caller="reader")).status_code == 403
    assert (await world.ask("PUT", f"{APP}/-/tags/1", back, caller="writer")).json()["digest"] == before["digest"]
    for wrong in ({"digest": strange, "how": "rollback"}, {"digest": strange, "how": "push"}):
        assert (await world.ask("PUT", f"{APP}/-/tags/1", wrong)).status_code == 400
    moves = (await world.ask("GET", f"{APP}/-/tags/1/history", caller="reader")).json()["items"]
    assert [(move["how"], move["by"]) for move in moves] == [
        ("rollback", "writer"),
        ("push", "moorage"),
        ("push", "moorage"),
    ]
    row, *_ = (await world.ask("GET", "/activity?what=move-tag&target=dmc/team/app:1")).json()["items"]
    assert (row["who"], row["after"]) == ("writer", back)


@pytest.mark.parametrize("n", [1, 2, 100])
async def test_pages_of_a_history_together_are_all_of_it(world: World, n: int) -> None:
    for number in range(4):
        await world.image("dmc/team/app", "1", layer=str(number).encode())
    await world.ask("DELETE", f"{APP}/-/tags/1")
    assert await names(world, f"{APP}/-/tags/1/history", "how", n) == ["deletion", *["push"] * 5]
    for wrong in ("x", "-1", "%D9%A1"):
        assert (await world.ask("GET", f"{APP}/-/tags/1/history?after={wrong}")).status_code == 400
    for path in (f"{APP}/-/tags/never/history", "/registries/dmc/repositories/never/-/tags/1/history"):
        assert (await world.ask("GET", path)).status_code == 404


async def test_a_page_of_what_seldom_matches_may_be_empty_and_have_a_next_one(world: World, tmp_path: Path) -> None:
    database = SQLite(tmp_path / "data" / "moorage.db")
    await database.start()
    await add_tags(database, parse_repository("dmc/team/app"), (f"t{number}" for number in range(10_000)))
    await database.close()
    await world.image("dmc/team/app", "A-newest")
    answer = await world.ask("GET", f"{APP}/-/tags?order=name&matching=z9")
    assert answer.json()["items"] == []
    assert answer.json()["next"] in answer.headers["link"]
    following = await world.ask("GET", answer.json()["next"].removeprefix("/api/v1"))
    assert following.json() == {"items": [], "next": None}
    newest = (await world.ask("GET", f"{APP}/-/tags?matching=newest")).json()
    assert [tag["name"] for tag in newest["items"]] == ["A-newest"]
    assert "after=" in newest["next"]
