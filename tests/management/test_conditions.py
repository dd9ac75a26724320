"""Changes on condition: nobody overwrites what they have not seen."""

import asyncio
import time

import pytest

from moorage.app.services import SYSTEM
from moorage.domain.name import parse_repository
from moorage.management.api import tables
from moorage.management.conditions import names, takes_condition
from tests.management.world import World

REGISTRY = "/registries/dmc"
REPOSITORY = REGISTRY + "/repositories/team/app"
USER = "/users/reader"
MEMBER = REGISTRY + "/members/reader"
USER_GRANT = REGISTRY + "/grants/users/reader/team/*"
GROUP_GRANT = REGISTRY + "/grants/groups/ops/*"
ROBOTS = ("/robots/mirror", REGISTRY + "/robots/ci")
GROUP_MEMBER = "/groups/ops/members/reader"
SET = (MEMBER, USER_GRANT, GROUP_GRANT, GROUP_MEMBER)
"""What is given and taken."""

TAG = REPOSITORY + "/-/tags/1"
DELETED = (
    TAG,
    REPOSITORY,
    REGISTRY,
    *SET,
    "/groups/ops",
    *ROBOTS,
    *(robot + "/tokens/one" for robot in ROBOTS),
    USER + "/tokens/one",
    USER + "/identities/corp",
)
CHANGES = (
    (REGISTRY, {"description": "new"}),
    (REPOSITORY, {"description": "new"}),
    (USER, {"is_disabled": True}),
    *((robot, {"is_disabled": True}) for robot in ROBOTS),
)
STALE = '"0123456789abcdef0123456789abcdef"'


async def etag(world: World, path: str) -> str:
    return str((await world.ask("GET", path)).headers["etag"])


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("path", "change"), CHANGES)
async def test_a_change_is_made_while_the_document_is_what_was_read(
    world: World, path: str, change: dict[str, object]
) -> None:
    read = await etag(world, path)
    changed = await world.ask("PATCH", path, change, headers={"if-match": f'"other", {read}'})
    assert changed.status_code == 200
    assert changed.headers["etag"] == await etag(world, path) != read
    again = await world.ask("PATCH", path, change, headers={"if-match": read})
    assert (again.status_code, again.json()["code"]) == (412, "PRECONDITION_FAILED")


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("path", "change"), CHANGES)
async def test_what_is_refused_changes_nothing(world: World, path: str, change: dict[str, object]) -> None:
    before = (await world.ask("GET", path)).json()
    for condition in (STALE, "W/" + await etag(world, path), "nonsense", ""):
        for sent in (change, {} if path in {REGISTRY, USER} else change):
            refused = await world.ask("PATCH", path, sent, headers={"if-match": condition})
            assert refused.status_code == 412, condition
    assert (await world.ask("GET", path)).json() == before


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("path", DELETED)
async def test_a_deletion_is_made_on_the_same_condition(world: World, path: str) -> None:
    if path == REGISTRY:
        await world.ask("DELETE", REPOSITORY)
        await world.ask("DELETE", REGISTRY + "/deleted")
    if path in SET:
        await put(world, path)
    assert (await world.ask("DELETE", path, headers={"if-match": STALE})).status_code == 412
    read = await etag(world, path)
    assert (await world.ask("DELETE", path, headers={"if-match": read})).status_code in {200, 204}
    assert (await world.ask("GET", path)).status_code == 404
    assert (await world.ask("DELETE", path, headers={"if-match": read})).status_code in {404, 412}


async def put(world: World, path: str, role: str = "writer", **conditions: str) -> int:
    """Give it, and return how that went."""
    headers = {name.replace("_", "-"): value for name, value in conditions.items()}
    body = None if path == GROUP_MEMBER else {"role": role}
    return (await world.ask("PUT", path, body, headers=headers)).status_code


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("path", SET)
async def test_what_is_given_is_given_once_or_in_place_of_what_was_read(world: World, path: str) -> None:
    if path == MEMBER:
        await world.ask("DELETE", path)
    assert (await world.ask("GET", path)).status_code == 404
    for condition in (STALE, "*"):
        assert await put(world, path, if_match=condition) == 412
    assert (await world.ask("GET", path)).status_code == 404
    assert await put(world, path, if_none_match="*") in {200, 204}
    read = await etag(world, path)
    for refused in ({"if_none_match": "*"}, {"if_none_match": read}, {"if_match": read, "if_none_match": "*"}):
        assert await put(world, path, "owner", **refused) == 412
    assert await etag(world, path) == read
    assert await put(world, path, "maintainer", if_match=read, if_none_match=STALE) in {200, 204}
    assert await put(world, path, "maintainer", if_match="*") in {200, 204}
    assert (await etag(world, path) == read) is (path == GROUP_MEMBER)


@pytest.mark.usefixtures("people")
async def test_a_tag_is_moved_from_where_it_was_read_or_made_once(world: World) -> None:
    first = (await world.ask("GET", TAG)).json()["digest"]
    second = await world.image("dmc/team/app", layer=b"another")
    read, new = await etag(world, TAG), REPOSITORY + "/-/tags/new"
    for path, condition in ((TAG, {"if-match": STALE}), (TAG, {"if-none-match": "*"}), (new, {"if-match": "*"})):
        assert (await world.ask("PUT", path, {"digest": second}, headers=condition)).status_code == 412
    moved = await world.ask("PUT", TAG, {"digest": second}, headers={"if-match": read})
    assert (moved.status_code, moved.json()["digest"], moved.headers["etag"]) == (200, second, await etag(world, TAG))
    assert (await world.ask("PUT", TAG, {"digest": first}, headers={"if-match": read})).status_code == 412
    assert (await world.ask("PUT", new, {"digest": first}, headers={"if-none-match": "*"})).status_code == 200


@pytest.mark.usefixtures("people")
async def test_a_tag_that_comes_in_between_stops_the_deletion_of_its_image(world: World) -> None:
    digest = (await world.ask("GET", TAG)).json()["digest"]
    path = f"{REPOSITORY}/-/images/{digest}"
    read = await etag(world, path)
    assert await etag(world, f"{REPOSITORY}/-/images/1") == read
    await world.ask("PUT", REPOSITORY + "/-/tags/new", {"digest": digest})
    assert (await world.ask("DELETE", path, headers={"if-match": read})).status_code == 412
    assert (await world.ask("DELETE", path, headers={"if-match": await etag(world, path)})).status_code == 200


@pytest.mark.usefixtures("people")
async def test_of_many_who_give_a_first_role_one_succeeds(world: World) -> None:
    asked = [put(world, USER_GRANT, role, if_none_match="*") for role in ("reader", "writer", "maintainer") * 5]
    assert sorted(await asyncio.gather(*asked)) == [200] + [412] * 14


@pytest.mark.usefixtures("people")
async def test_who_joins_in_between_stops_the_deletion_of_a_group(world: World) -> None:
    read = await etag(world, "/groups/ops")
    await put(world, GROUP_MEMBER)
    assert (await world.ask("DELETE", "/groups/ops", headers={"if-match": read})).status_code == 412


@pytest.mark.usefixtures("people")
async def test_a_pull_changes_the_tag_and_stops_nothing(world: World) -> None:
    read = await etag(world, REPOSITORY)
    world.services.tally.pulled(parse_repository("dmc/team/app"))
    await world.services.activity.flush()
    assert await etag(world, REPOSITORY) != read
    assert (await world.ask("GET", REPOSITORY, headers={"if-none-match": read})).status_code == 200
    assert (await world.ask("PATCH", REPOSITORY, {"description": "x"}, headers={"if-match": read})).status_code == 200
    assert (await world.ask("DELETE", REPOSITORY, headers={"if-match": read})).status_code == 412


@pytest.mark.usefixtures("people")
async def test_the_use_of_an_access_token_stops_nobody_from_revoking_it(world: World) -> None:
    path = USER + "/tokens/one"
    read, tokens = await etag(world, path), world.services.access_tokens
    tokens.note_use((await tokens.list(SYSTEM, "reader", "", 1))[0].id, time.time())
    await tokens.flush()
    assert await etag(world, path) != read
    assert (await world.ask("DELETE", path, headers={"if-match": read})).status_code == 204


@pytest.mark.usefixtures("people")
async def test_a_push_in_between_stops_a_deletion(world: World) -> None:
    read = await etag(world, REPOSITORY)
    await world.image("dmc/team/app", "2", layer=b"another")
    assert (await world.ask("DELETE", REPOSITORY, headers={"if-match": read})).status_code == 412
    assert (await world.services.catalog.repository(SYSTEM, parse_repository("dmc/team/app"))).tags == 2


@pytest.mark.usefixtures("people")
async def test_of_many_who_read_the_same_one_succeeds(world: World) -> None:
    read = await etag(world, REGISTRY)
    asked = [
        world.ask("PATCH", REGISTRY, {"description": f"number {number}"}, headers={"if-match": read})
        for number in range(20)
    ]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*asked))
    assert statuses == [200] + [412] * 19


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("path", "change"), CHANGES)
async def test_whatever_is_there_matches_a_star_or_no_condition(
    world: World, path: str, change: dict[str, object]
) -> None:
    assert (await world.ask("PATCH", path, change, headers={"if-match": "*"})).status_code == 200
    assert (await world.ask("PATCH", path, change)).status_code == 200


@pytest.mark.usefixtures("people")
async def test_a_condition_that_cannot_be_heeded_is_refused(world: World) -> None:
    for rows in tables(world.offered).values():
        for row in rows:
            if row.method not in {"GET", "PATCH"} and not takes_condition(row.handler):
                path = row.path.replace(":path", "").format_map(Names())
                answer = await world.ask(row.method, path, {}, headers={"if-match": STALE})
                assert answer.status_code == 412, row


class Names(dict[str, str]):
    """A name for every part of a path."""

    def __missing__(self, key: str) -> str:
        return {"registry": "dmc", "repository": "team/app", "tag": "1", "user": "reader"}.get(key, "x")


@pytest.mark.usefixtures("people")
async def test_who_may_not_see_a_thing_learns_nothing_from_a_condition(world: World) -> None:
    for condition in (STALE, await etag(world, REGISTRY)):
        hidden = await world.ask("PATCH", REGISTRY, {}, caller="stranger", headers={"if-match": condition})
        missing = await world.ask("PATCH", "/registries/xyz", {}, caller="stranger", headers={"if-match": condition})
        assert (hidden.status_code, missing.status_code) == (404, 404)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("path", [path for path, _ in CHANGES])
async def test_who_knows_a_document_is_not_sent_it_again(world: World, path: str) -> None:
    known = await etag(world, path)
    for condition in (known, f'"x", W/{known}', "*"):
        for method in ("GET", "HEAD"):
            answer = await world.ask(method, path, headers={"if-none-match": condition})
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == known
            assert "content-type" not in answer.headers
    assert (await world.ask("GET", path, headers={"if-none-match": STALE})).status_code == 200
    assert (await world.ask("GET", path, caller="nobody", headers={"if-none-match": "*"})).status_code in {401, 404}


@pytest.mark.usefixtures("people")
async def test_two_documents_have_two_tags(world: World) -> None:
    found = {await etag(world, path) for path, _ in CHANGES}
    assert len(found) == len(CHANGES)
    assert all(tag.startswith('"') for tag in found)


@pytest.mark.parametrize(
    ("header", "strong", "weak"),
    [('"a"', True, True), ('W/"a"', False, True), ('"b", "a"', True, True), ("a", False, False), ("", False, False)],
)
def test_a_list_of_tags_is_read(header: str, *, strong: bool, weak: bool) -> None:
    assert (names(header, '"a"', weak=False), names(header, '"a"', weak=True)) == (strong, weak)
