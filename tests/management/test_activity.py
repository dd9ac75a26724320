"""Activity over HTTP: what leaves a row, and who may read it."""

import json
import time

import pytest

from moorage.app.services import SYSTEM
from moorage.domain.access import Caller, Role
from moorage.domain.activity import Change, Kind, Origin
from moorage.domain.limits import Limits, TokenAction
from moorage.management.api import tables
from moorage.metastore.activity import WINDOW
from moorage.services.activity import READS
from moorage.services.recording import ORIGIN, ActivityQuery, ActivityRecord, row_of
from tests.management.test_permissions import path_of
from tests.management.world import World

PASSWORD = "another long password"
BODIES: dict[tuple[str, str], object] = {
    ("POST", "/registries"): {"name": "New"},
    ("PATCH", "/registries/{registry}"): {"description": "Ours", "visibility": "public"},
    ("PATCH", "/registries/{registry}/repositories/{repository:path}"): {"description": "The application"},
    ("POST", "/users"): {"name": "new", "password": PASSWORD},
    ("POST", "/keys"): {},
    ("POST", "/users/{user}/identities"): {"directory": "corp", "subject": "uuid-1"},
    ("PATCH", "/robots/{robot}"): {"is_disabled": True},
    ("PATCH", "/registries/{registry}/robots/{robot}"): {"is_disabled": True},
    ("POST", "/robots"): {"name": "other"},
    ("POST", "/registries/{registry}/robots"): {"name": "another"},
    ("POST", "/users/{user}/tokens"): {"name": "one"},
    ("POST", "/robots/{robot}/tokens"): {"name": "one"},
    ("POST", "/registries/{registry}/robots/{robot}/tokens"): {"name": "one"},
    ("POST", "/groups"): {"name": "ops"},
    ("POST", "/registries/{registry}/retention/rules"): {"name": "Ten", "rule": {"newest": 10}},
    ("PATCH", "/registries/{registry}/retention/rules/{rule}"): {"name": "Twenty", "rule": {"newest": 20}},
    ("PUT", "/registries/{registry}/repositories/{repository:path}/-/pins/{image}"): {"why": "runs"},
    ("PATCH", "/users/{user}"): {"password": PASSWORD, "is_disabled": True},
}
"""What is sent to the routes that take a body; to those that give a role, a role."""

METHODS = ("POST", "PATCH", "PUT", "DELETE")
"""In an order in which each finds what it needs."""


async def rows_of(world: World) -> list[ActivityRecord]:
    return [row async for row in await world.services.activity.export(SYSTEM, ActivityQuery())]


async def test_every_change_leaves_a_row(world: World) -> None:
    ORIGIN.set(Origin("10.0.0.7", "request-7"))
    await world.person("reader")
    await world.services.robots.create(SYSTEM, "ci", "dmc")
    await world.services.robots.create(SYSTEM, "mirror")
    every = [row for table in tables(world.offered).values() for row in table if row.method != "GET"]
    every.sort(key=lambda row: (METHODS.index(row.method), -len(row.path)))
    for row in every:
        gone = await world.delete_tag() if "/deleted/" in row.path else 0
        if "{deleted}" in row.path:
            gone = await world.delete_registry()
        run = await world.let_go() if "{run}" in row.path else 0
        before = await rows_of(world)
        image = await world.image("dmc/team/app", "1") if "{registry}" in row.path else ""
        path = path_of(row).replace("/-/images/1", f"/-/images/{image}").replace("sha256:" + "0" * 64, str(image))
        path = path.replace("/deleted/1", f"/deleted/{gone}").replace("registries/1", f"registries/{gone}")
        path = path.replace("/runs/1", f"/runs/{run}")
        if row.method == "DELETE" and "/-/pins/" in path:
            await world.ask("PUT", path, {})
        count = len(await rows_of(world))
        body: object = {"role": "writer"} if row.method == "PUT" and "{registry}" in row.path else None
        if "/-/tags/" in path and row.method == "PUT":
            path, body = path.replace("/-/tags/1", "/-/tags/2"), {"digest": image}
        answer = await world.ask(row.method, path, BODIES.get((row.method, row.path), body))
        assert answer.status_code in {200, 201, 202, 204}, (row.method, row.path, answer.text)
        every_one = await rows_of(world)
        new = every_one[count:]
        # Nothing of what was there has changed or gone: rows are only ever added.
        assert every_one[: len(before)] == before
        assert new, (row.method, row.path)
        assert {one.who for one in new} == {SYSTEM.name}
        assert {(one.address, one.request_id) for one in new} == {("10.0.0.7", "request-7")}
        assert len(before) < count + len(new)


async def test_rows_hold_what_it_was_and_what_it_is_and_no_password(world: World) -> None:
    await world.person("mara")
    await world.ask("PATCH", "/registries/dmc", {"visibility": "internal", "immutable_tags": ["v*", "1"]})
    await world.ask("PUT", "/registries/dmc/members/mara", {"role": "writer"})
    await world.ask("DELETE", "/registries/dmc/members/mara")
    await world.ask("PATCH", "/users/mara", {"password": PASSWORD, "is_disabled": True})
    items = (await world.ask("GET", "/activity?n=5")).json()["items"][::-1]
    assert [(item["what"], item["target"], item["before"], item["after"]) for item in items] == [
        (
            "change-registry",
            "dmc",
            {"visibility": "private", "immutable_tags": ""},
            {"visibility": "internal", "immutable_tags": "v*\n1"},
        ),
        (
            "set-role",
            "dmc",
            {"user": "mara", "pattern": "*", "role": None},
            {"user": "mara", "pattern": "*", "role": "writer"},
        ),
        (
            "set-role",
            "dmc",
            {"user": "mara", "pattern": "*", "role": "writer"},
            {"user": "mara", "pattern": "*", "role": None},
        ),
        ("set-password", "mara", None, None),
        ("change-user", "mara", {"is_disabled": False}, {"is_disabled": True}),
    ]
    assert PASSWORD not in (await world.ask("GET", "/activity.jsonl")).text


async def test_a_change_made_with_an_access_token_names_it_and_no_row_holds_its_secret(world: World) -> None:
    limits = Limits(7, "deploy", frozenset({TokenAction.MANAGE}), ("dmc/*",))
    world.meet(Caller(SYSTEM.user_id, "ops", is_admin=True, limits=limits))
    await world.person("mara")
    made = await world.ask("POST", "/users/mara/tokens", {"name": "laptop"})
    assert (await world.ask("PATCH", "/registries/dmc", {"description": "x"}, caller="ops")).status_code == 200
    rows = (await world.ask("GET", "/activity.jsonl")).text
    assert made.json()["secret"] not in rows
    assert [json.loads(line)["token"] for line in rows.splitlines()][-2:] == ["", "deploy"]


async def test_what_fails_leaves_no_row(world: World) -> None:
    count = len(await rows_of(world))
    for method, path, body in (
        ("POST", "/registries", {"name": "DMC"}),
        ("DELETE", "/registries/nil", None),
        ("PUT", "/registries/dmc/members/nobody", {"role": "writer"}),
        ("PATCH", "/users/nobody", {"is_disabled": True}),
        ("DELETE", "/registries/dmc/repositories/nil", None),
        ("DELETE", "/registries/dmc/repositories/team/app/-/tags/nil", None),
    ):
        assert (await world.ask(method, path, body)).status_code in {404, 409}, path
    assert len(await rows_of(world)) == count


async def test_pages_lead_through_all_of_it(world: World) -> None:
    whole = (await world.ask("GET", "/activity?n=1000")).json()["items"]
    path, seen = "/activity?n=2", []
    while path:
        page = (await world.ask("GET", path)).json()
        seen += page["items"]
        path = (page["next"] or "").removeprefix("/api/v1")
    assert seen == whole
    assert len(whole) > 2
    assert (await world.ask("GET", "/activity?after=x")).status_code == 400


async def test_a_page_looks_no_further_than_so_far_and_the_next_goes_on_there(world: World) -> None:
    change, origin = Change(Kind.PUSH_IMAGE, "dmc/team/app", None, None), Origin("10.0.0.7", "request-7")
    seldom = row_of(change, "seldom", origin, 1.0)
    many = [row_of(change, "often", origin, 2.0 + number) for number in range(READS * WINDOW)]
    await world.services.activity._activity.append([seldom, *many], {}, 0)  # noqa: SLF001  faster than so many changes
    first = (await world.ask("GET", "/activity?who=seldom")).json()
    assert first["items"] == []
    second = (await world.ask("GET", first["next"].removeprefix("/api/v1"))).json()
    assert [item["who"] for item in second["items"]] == ["seldom"]
    assert second["next"] is None


async def test_the_export_is_the_list_oldest_first_a_line_each(world: World) -> None:
    whole = (await world.ask("GET", "/activity?n=1000")).json()["items"]
    answer = await world.ask("GET", "/activity.jsonl")
    assert answer.headers["content-type"].startswith("application/jsonl")
    assert [json.loads(line) for line in answer.text.splitlines()] == whole[::-1]
    assert answer.text.endswith("\n")
    narrow = await world.ask("GET", "/activity.jsonl?what=create-registry")
    assert [json.loads(line)["target"] for line in narrow.text.splitlines()] == ["dmc"]
    assert (await world.ask("GET", "/activity.jsonl?who=nobody")).text == ""


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("what=create-registry", 1),
        ("what=create-registry&registry=DMC", 1),
        ("what=create-registry&who=moorage&target=dm", 1),
        ("what=create-registry&outcome=refused", 0),
        ("what=create-registry&since=2026-01-01", 1),
        ("what=create-registry&until=2026-01-01T00:00:00Z", 0),
        ("what=create-registry&since=2200-01-01T00:00:00%2B01:00", 0),
    ],
)
async def test_filters_narrow_it(world: World, query: str, count: int) -> None:
    assert len((await world.ask("GET", f"/activity?{query}")).json()["items"]) == count


@pytest.mark.parametrize(
    "query", ["what=nothing", "outcome=x", "since=yesterday", "registry=a/b", "who=" + "x" * 513, "token=" + "x" * 65]
)
async def test_a_filter_that_is_none_is_refused(world: World, query: str) -> None:
    for path in ("/activity", "/activity.jsonl"):
        assert (await world.ask("GET", f"{path}?{query}")).status_code == 400


@pytest.mark.usefixtures("people")
async def test_owners_read_what_concerns_their_registries_and_others_nothing(world: World) -> None:
    await world.ask("POST", "/registries", {"name": "Other"})
    for path in ("/activity", "/activity.jsonl"):
        assert (await world.ask("GET", path, caller="nobody")).status_code == 401
        assert "dmc" not in (await world.ask("GET", path, caller="maintainer")).text
        answer = await world.ask("GET", path, caller="owner")
        assert '"registry":"dmc"' in answer.text
        assert '"registry":"other"' not in answer.text
        assert '"registry":""' not in answer.text
        assert (await world.ask("GET", f"{path}?registry=dmc", caller="owner")).text == answer.text
        assert (await world.ask("GET", f"{path}?registry=dmc", caller="maintainer")).status_code == 403
        for hidden in ("other", "nil"):
            assert (await world.ask("GET", f"{path}?registry={hidden}", caller="owner")).status_code == 404


@pytest.mark.parametrize(
    ("actions", "pattern", "seen"),
    [
        ("pull push delete", "*", set()),
        ("manage", "dmc/team/*", set()),
        ("manage", "dmc/*", {"dmc"}),
        ("manage", "*", {"dmc", "other", ""}),
    ],
)
async def test_an_administrators_access_token_reads_what_it_is_for(
    world: World, actions: str, pattern: str, seen: set[str]
) -> None:
    await world.ask("POST", "/registries", {"name": "Other"})
    await world.person("mara")
    limits = Limits(7, "ci", frozenset(map(TokenAction, actions.split())), (pattern,))
    world.meet(Caller(SYSTEM.user_id, "ops", is_admin=True, limits=limits))
    items = (await world.ask("GET", "/activity?n=1000", caller="ops")).json()["items"]
    assert {item["registry"] for item in items} == seen
    lines = (await world.ask("GET", "/activity.jsonl", caller="ops")).text.splitlines()
    assert {json.loads(line)["registry"] for line in lines} == seen


@pytest.mark.usefixtures("people")
async def test_owners_read_what_happens_to_their_robots_and_to_nobody_elses(world: World) -> None:
    await world.ask("POST", "/registries", {"name": "Other"})
    await world.person("neighbour")
    await world.ask("PUT", "/registries/other/members/neighbour", {"role": "owner"})
    for at in ("/registries/dmc/robots", "/registries/other/robots", "/robots"):
        name = "robot-of-" + (at.split("/")[2] if at != "/robots" else "server")
        assert (await world.ask("POST", at, {"name": name})).status_code == 201
        tokens = f"{at}/{name}/tokens"
        assert (await world.ask("POST", tokens, {"name": "deploy", "patterns": ["*"]})).status_code == 201
        assert (await world.ask("DELETE", f"{tokens}/deploy")).status_code == 204
        assert (await world.ask("DELETE", f"{at}/{name}")).status_code == 204
    wanted = ["create-robot", "create-token", "revoke-token", "delete-robot"]
    for caller, name in (("owner", "robot-of-dmc"), ("neighbour", "robot-of-other")):
        for query in ("", "?registry=dmc" if caller == "owner" else "?registry=other"):
            text = (await world.ask("GET", f"/activity.jsonl{query}", caller=caller)).text
            rows = [json.loads(line) for line in text.splitlines()]
            assert [row["what"] for row in rows if row["target"].startswith("robot-of-")] == wanted
            assert {row["target"] for row in rows if row["target"].startswith("robot-of-")} == {name}
    everything = (await world.ask("GET", "/activity.jsonl")).text
    assert everything.count('"target":"robot-of-server"') == len(wanted)


@pytest.mark.parametrize("way", ["put", "patch", "delete", "post"])
@pytest.mark.parametrize("path", ["/activity", "/activity.jsonl"])
async def test_nobody_changes_or_deletes_a_row(world: World, path: str, way: str) -> None:
    assert (await world.ask(way.upper(), path, {})).status_code == 405


async def test_a_new_registry_does_not_tell_of_an_old_one_of_its_name(world: World) -> None:
    await world.person("mara")
    await world.ask("DELETE", "/registries/dmc/repositories/team/app")
    await world.ask("DELETE", "/registries/dmc/deleted")
    await world.ask("DELETE", "/registries/dmc")
    await world.ask("POST", "/registries", {"name": "DMC"})
    await world.services.registries.set_member(SYSTEM, "dmc", "mara", Role.OWNER)
    items = (await world.ask("GET", "/activity", caller="mara")).json()["items"]
    assert [item["what"] for item in items] == ["set-role", "create-registry"]


async def test_a_repository_shows_its_pulls_and_pushes(world: World) -> None:
    await world.image("dmc/team/app", "2")
    world.services.tally.pulled((await world.services.catalog.repositories(SYSTEM, "dmc"))[0].name)
    began = time.time()
    await world.services.activity.flush()
    shown = (await world.ask("GET", "/registries/dmc/repositories/team/app")).json()
    assert (shown["pulls"], shown["pushes"]) == (1, 2)
    assert shown["last_pulled_at"] >= time.strftime("%Y-%m-%dT%H:%M", time.gmtime(began))
