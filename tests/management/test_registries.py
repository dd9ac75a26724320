"""Registries and their members over HTTP."""

import pytest

from tests.management.world import World


async def test_a_registry_is_made_and_found_at_its_address(world: World) -> None:
    made = await world.ask("POST", "/registries", {"name": "Base.Images", "description": "for all"})
    assert made.status_code == 201
    assert made.headers["location"] == "/api/v1/registries/base.images"
    assert made.json()["name"] == "Base.Images"
    assert made.json()["visibility"] == "private"
    assert made.json()["created_at"].endswith("Z")
    found = await world.http.get(made.headers["location"], headers={"x-caller": "admin"})
    assert found.json() == made.json()


async def test_an_address_is_found_however_it_is_written(world: World) -> None:
    assert (await world.ask("GET", "/registries/DMC")).json()["address"] == "dmc"


async def test_a_name_is_taken_without_regard_to_case(world: World) -> None:
    answer = await world.ask("POST", "/registries", {"name": "dmc"})
    assert answer.status_code == 409
    assert answer.json()["code"] == "CONFLICT"


@pytest.mark.parametrize("name", ["", "a b", "-a", "a--b", "é", "a/b", "v2", "API", "x" * 65, "..", "a\x00", "a\n"])
async def test_a_name_that_is_none_is_refused_with_the_reason(world: World, name: str) -> None:
    answer = await world.ask("POST", "/registries", {"name": name})
    assert answer.status_code == 400
    assert answer.json()["code"] == "NAME_INVALID"
    assert len((await world.ask("GET", "/registries")).json()["items"]) == 1


async def test_what_is_left_out_of_a_change_stays(world: World) -> None:
    await world.ask("PATCH", "/registries/dmc", {"description": "first"})
    answer = await world.ask("PATCH", "/registries/dmc", {"visibility": "public"})
    assert (answer.json()["description"], answer.json()["visibility"]) == ("first", "public")


@pytest.mark.usefixtures("people")
async def test_a_maintainer_describes_but_does_not_open_a_registry(world: World) -> None:
    described = await world.ask("PATCH", "/registries/dmc", {"description": "x"}, caller="maintainer")
    opened = await world.ask("PATCH", "/registries/dmc", {"visibility": "public"}, caller="maintainer")
    assert (described.status_code, opened.status_code) == (200, 403)
    assert (await world.ask("GET", "/registries/dmc", caller="stranger")).status_code == 404


async def test_a_registry_that_was_deleted_is_not_there_any_more(world: World) -> None:
    assert (await world.ask("DELETE", "/registries/dmc")).status_code == 200
    assert (await world.ask("GET", "/registries/dmc")).status_code == 404
    assert (await world.ask("DELETE", "/registries/dmc")).status_code == 404
    assert (await world.ask("GET", "/registries/~1")).status_code in {400, 404}


async def test_the_list_says_what_a_registry_holds(world: World) -> None:
    (item,) = (await world.ask("GET", "/registries")).json()["items"]
    assert item["repositories"] == 1
    assert item["size"] > len(b"a layer")
    assert item["pushed_at"] is not None


@pytest.mark.parametrize("n", [1, 2, 7])
async def test_pages_together_are_the_whole_list(world: World, n: int) -> None:
    for name in ("math", "math.voila", "math-x", "Math9", "a"):
        await world.ask("POST", "/registries", {"name": name})
    names: list[str] = []
    address = f"/api/v1/registries?n={n}"
    while address:
        answer = await world.http.get(address, headers={"x-caller": "admin"})
        names += [item["address"] for item in answer.json()["items"]]
        address = answer.json()["next"] or ""
        assert answer.headers.get("link", "") == (f'<{address}>; rel="next"' if address else "")
    assert names == sorted(["a", "dmc", "math", "math-x", "math.voila", "math9"])


async def test_a_role_is_given_changed_and_taken(world: World) -> None:
    await world.person("mara")
    member = "/registries/dmc/members/mara"
    assert (await world.ask("GET", "/registries/dmc", caller="mara")).status_code == 404
    for role in ("reader", "writer"):
        given = await world.ask("PUT", member, {"role": role})
        assert given.json() == {"name": "mara", "role": role}
        listed = await world.ask("GET", "/registries/dmc/members")
        assert listed.json() == {"items": [{"name": "mara", "role": role}], "next": None}
    assert (await world.ask("GET", "/registries/dmc", caller="mara")).status_code == 200
    assert (await world.ask("DELETE", member)).status_code == 204
    assert (await world.ask("GET", "/registries/dmc", caller="mara")).status_code == 404


async def test_nobody_becomes_a_member_without_an_account(world: World) -> None:
    assert (await world.ask("PUT", "/registries/dmc/members/ghost", {"role": "reader"})).status_code == 404
    assert (await world.ask("DELETE", "/registries/dmc/members/ghost")).status_code == 404


@pytest.mark.usefixtures("people")
async def test_an_immutable_tag_goes_by_no_route_until_an_owner_lets_it(world: World) -> None:
    digest = await world.image("dmc/held", "v1")
    assert (
        await world.ask("PATCH", "/registries/dmc", {"immutable_tags": ["v*"]}, caller="maintainer")
    ).status_code == 403
    changed = await world.ask("PATCH", "/registries/dmc", {"immutable_tags": ["v*", "v*"]}, caller="owner")
    assert changed.json()["immutable_tags"] == ["v*"]
    ways = ("/-/tags/v1", f"/-/images/{digest}", "")
    for way in ways:
        refused = await world.ask("DELETE", f"/registries/dmc/repositories/held{way}", caller="owner")
        assert (refused.status_code, refused.json()["code"]) == (409, "DENIED")
        assert "v1 is immutable here (v*)" in refused.json()["detail"]
    await world.ask("PATCH", "/registries/dmc", {"immutable_tags": []}, caller="owner")
    assert (await world.ask("DELETE", "/registries/dmc/repositories/held")).status_code == 200


async def test_what_is_no_pattern_of_tags_is_refused(world: World) -> None:
    for wrong in ("two  words", "", "é", "!v*", "v* @Team"):
        answer = await world.ask("PATCH", "/registries/dmc", {"immutable_tags": [wrong]})
        assert answer.status_code in {400, 422}
    assert (await world.ask("GET", "/registries/dmc")).json()["immutable_tags"] == []


@pytest.mark.usefixtures("people")
async def test_an_owner_says_whether_pulls_are_redirected(world: World) -> None:
    assert (await world.ask("GET", "/registries/dmc")).json()["redirects"] == "server"
    refused = await world.ask("PATCH", "/registries/dmc", {"redirects": "on"}, caller="maintainer")
    assert refused.status_code == 403
    for word in ("on", "off", "server"):
        changed = await world.ask("PATCH", "/registries/dmc", {"redirects": word}, caller="owner")
        assert changed.json()["redirects"] == word
    assert (await world.ask("PATCH", "/registries/dmc", {"redirects": "yes"}, caller="owner")).status_code == 400


@pytest.mark.usefixtures("people")
async def test_administrators_set_a_quota_and_owners_see_it(world: World) -> None:
    refused = await world.ask("PATCH", "/registries/dmc", {"quota": 1000}, caller="owner")
    assert (refused.status_code, refused.json()["code"]) == (403, "DENIED")
    changed = await world.ask("PATCH", "/registries/dmc", {"quota": 1_000_000, "quota_warning": 90})
    assert (changed.json()["quota"], changed.json()["quota_warning"]) == (1_000_000, 90)
    seen = (await world.ask("GET", "/registries/dmc/quota", caller="owner")).json()
    assert (seen["level"], seen["left"], seen["note"]) == ("room", 1_000_000 - seen["used"], "")
    assert (await world.ask("GET", "/registries/dmc/quota", caller="maintainer")).status_code == 403


async def test_a_quota_below_use_is_accepted_with_a_note(world: World) -> None:
    used = (await world.ask("GET", "/registries/dmc/quota")).json()["used"]
    await world.ask("PATCH", "/registries/dmc", {"quota": used - 10})
    seen = (await world.ask("GET", "/registries/dmc/quota")).json()
    assert (seen["level"], seen["left"]) == ("full", 0)
    assert seen["note"] == "Pushes are refused until 10 B is freed"


async def test_a_quota_of_null_is_none_and_one_left_out_stays(world: World) -> None:
    tag = (await world.ask("PATCH", "/registries/dmc", {"quota": 1000})).headers["etag"]
    assert (await world.ask("PATCH", "/registries/dmc", {"description": "x"})).json()["quota"] == 1000
    late = await world.ask("PATCH", "/registries/dmc", {"quota": None}, headers={"if-match": tag})
    assert late.status_code == 412
    assert (await world.ask("PATCH", "/registries/dmc", {"quota": None})).json()["quota"] is None
    assert (await world.ask("GET", "/registries/dmc/quota")).json()["level"] == "free"


async def test_what_is_no_quota_is_refused(world: World) -> None:
    for wrong in ({"quota": 0}, {"quota": -1}, {"quota": 10**19}, {"quota": "50GB"}, {"quota_warning": 101}):
        assert (await world.ask("PATCH", "/registries/dmc", wrong)).status_code in {400, 422}
    assert (await world.ask("GET", "/registries/dmc")).json()["quota"] is None


async def test_a_list_says_how_much_of_its_quota_each_registry_uses(world: World) -> None:
    await world.image("dmc/app", "1")

    async def listed() -> tuple[object, object]:
        (found,) = [row for row in (await world.ask("GET", "/registries")).json()["items"] if row["address"] == "dmc"]
        return found["quota_percent"], found["quota_level"]

    assert await listed() == (None, None)
    used = (await world.ask("GET", "/registries/dmc/quota")).json()["used"]
    await world.ask("PATCH", "/registries/dmc", {"quota": used * 2})
    assert await listed() == (50.0, "room")
    await world.ask("PATCH", "/registries/dmc", {"quota": used})
    assert await listed() == (100.0, "full")
