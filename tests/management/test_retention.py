"""Rules of retention and pins over HTTP: written, previewed, run."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import update

from moorage.app.services import SYSTEM
from moorage.domain.activity import Kind
from moorage.domain.name import Repository
from moorage.metastore.steps import Database, Steps
from moorage.metastore.tables import manifests, repositories, tag_moves, tags
from moorage.services.recording import ActivityQuery
from tests.management.world import World

DAY = 86_400
RULES = "/registries/dmc/retention/rules"
PREVIEW = "/registries/dmc/retention/preview"
RUN = "/registries/dmc/retention/run"
RUNS = "/registries/dmc/retention/runs"
PINS = "/registries/dmc/repositories/kept/-/pins"
OLD = {"name": "Old", "rule": {"tags": ["*"], "pushed_days": 7}}


async def age(world: World, days: float = 100) -> None:
    """Let everything that is there have been pushed so many days ago."""
    at = time.time() - days * DAY

    def story() -> Steps[None]:
        yield update(manifests).values(pushed_at=at), {}
        yield update(tags).values(pushed_at=at), {}
        yield update(tag_moves).values(at=at), {}
        yield update(repositories).values(pushed_at=at), {}

    await cast("Database", world.services.health).write(story)


async def add(world: World, **rule: object) -> int:
    made = await world.ask("POST", RULES, {"name": "Old", "rule": {"pushed_days": 7, **rule}})
    assert made.status_code == 201
    number: int = made.json()["id"]
    return number


async def run_rule(world: World, **rule: object) -> int:
    number = await add(world, **rule)
    assert (await world.ask("GET", f"{PREVIEW}?rule={number}")).status_code == 200
    assert (await world.ask("PATCH", f"{RULES}/{number}", {"is_paused": False})).status_code == 200
    return number


async def ran(world: World) -> dict[str, Any]:
    """Ask for a run, let the server do it as its jobs do, and return how it ended."""
    asked = await world.ask("POST", RUN)
    assert asked.status_code == 202
    assert asked.json()["ended_at"] is None
    await world.services.keeping.retention_runs.work()
    place = asked.headers["location"].removeprefix("/api/v1")
    found: dict[str, Any] = (await world.ask("GET", place)).json()
    assert found["ended_at"] is not None
    return found


async def tags_left(world: World) -> list[str]:
    found = await world.services.catalog.tags(SYSTEM, Repository("dmc", "kept"), order="name")
    return [tag.name for tag in found.rows]


async def test_a_rule_is_kept_as_it_was_sent_and_said_in_words(world: World) -> None:
    answer = await world.ask("POST", RULES, OLD)
    made = answer.json()
    assert answer.headers["location"] == f"/api/v1{RULES}/{made['id']}"
    assert made["words"] == "In all repositories: remove what was pushed more than 7 days ago."
    assert (made["is_paused"], made["is_previewed"], made["position"], made["ran_at"]) == (True, False, 1, None)
    assert made["rule"] == {
        "of": "tags",
        "repositories": "*",
        "tags": ["*"],
        "but_not": [],
        "newest": None,
        "pushed_days": 7,
        "pulled_days": None,
        "minors": None,
        "rest": "remove",
    }
    assert (await world.ask("GET", RULES)).json()["items"] == [made]


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"newest": 0},
        {"newest": 1, "tags": []},
        {"newest": 1, "tags": ["a b"]},
        {"newest": 1, "repositories": "A"},
        {"of": "untagged", "minors": 1},
        {"of": "labelled", "newest": 1},
        {"newest": 1, "rest": "x"},
        {"newest": 1, "else": 1},
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(world: World, rule: dict[str, object]) -> None:
    assert (await world.ask("POST", RULES, {"name": "Wrong", "rule": rule})).status_code == 400
    assert (await world.ask("GET", RULES)).json()["items"] == []


async def test_a_rule_runs_only_after_its_preview(world: World) -> None:
    number = await add(world)
    refused = await world.ask("PATCH", f"{RULES}/{number}", {"is_paused": False})
    assert (refused.status_code, "preview" in refused.json()["detail"]) == (409, True)
    await world.ask("GET", f"{PREVIEW}?rule={number}")
    assert (await world.ask("PATCH", f"{RULES}/{number}", {"is_paused": False})).json()["is_paused"] is False
    changed = (await world.ask("PATCH", f"{RULES}/{number}", {"rule": {"newest": 1}})).json()
    assert (changed["is_paused"], changed["is_previewed"]) == (True, False)


@pytest.mark.usefixtures("people")
async def test_a_preview_by_somebody_who_may_not_edit_lets_no_rule_run(world: World) -> None:
    number = await add(world)
    assert (await world.ask("GET", f"{PREVIEW}?rule={number}", caller="writer")).status_code == 200
    assert (await world.ask("GET", f"{RULES}/{number}")).json()["is_previewed"] is False


async def test_a_change_goes_on_only_while_the_rule_is_as_it_was_read(world: World) -> None:
    number = await add(world)
    place = f"{RULES}/{number}"
    etag = (await world.ask("GET", place)).headers["etag"]
    await world.ask("PATCH", place, {"name": "Other"})
    late = {"if-match": etag}
    assert (await world.ask("PATCH", place, {"name": "Late"}, headers=late)).status_code == 412
    assert (await world.ask("DELETE", place, headers=late)).status_code == 412
    etag = (await world.ask("GET", place)).headers["etag"]
    assert (await world.ask("DELETE", place, headers={"if-match": etag})).status_code == 204
    assert (await world.ask("GET", place)).status_code == 404


async def test_a_preview_says_of_each_tag_and_untagged_image_what_why_and_what_comes_free(world: World) -> None:
    old, _ = await world.image("dmc/kept", "old", layer=b"old"), await world.image("dmc/kept", "other", layer=b"other")
    untagged = await world.image("dmc/kept", layer=b"untagged")
    await age(world)
    await world.image("dmc/kept", "new", layer=b"new")
    number = await add(world)
    every, path = [], f"{PREVIEW}?rule={number}&n=2"
    while path:
        page = (await world.ask("GET", path)).json()
        assert len(page["items"]) <= 2
        every += page["items"]
        path = (page["next"] or "").removeprefix("/api/v1")
    every = [row for row in every if row["repository"] == "kept"]
    said = {row["tag"] or row["digest"]: (row["goes"], row["rule"], row["reason"]) for row in every}
    assert said == {
        "new": (False, number, "pushed less than a minute ago"),
        "old": (True, number, "pushed 100 days ago"),
        "other": (True, number, "pushed 100 days ago"),
        str(untagged): (False, None, "no rule is about it"),
    }
    assert len(every) == 4
    assert [row["frees"] > 0 for row in every if row["digest"] == old] == [True]
    assert await tags_left(world) == ["new", "old", "other"]


async def test_a_run_lets_go_says_what_went_and_leaves_a_row_for_each(world: World) -> None:
    number = await run_rule(world)
    assert (await ran(world))["total"] == {"tags": 0, "images": 0, "frees": 0}
    await world.image("dmc/kept", "old", layer=b"old")
    await age(world)
    await world.image("dmc/kept", "new", layer=b"new")
    preview = (await world.ask("GET", PREVIEW)).json()["items"]
    await world.services.catalog.delete_repository(SYSTEM, Repository("dmc", "team/app"))
    done = await ran(world)
    assert (done["repositories"], done["total"]["tags"], done["total"]["images"]) == (1, 1, 1)
    assert done["total"]["frees"] == sum(row["frees"] for row in preview) > 0
    assert done["rules"] == {str(number): done["total"]}
    assert await tags_left(world) == ["new"]
    query = ActivityQuery(kind=Kind.DELETE_TAG)
    (row,) = [row async for row in await world.services.activity.export(SYSTEM, query)]
    assert row.target == "dmc/kept:old"
    assert row.after == {
        "rule": "Old",
        "says": "In all repositories: remove what was pushed more than 7 days ago.",
        "why": "pushed 100 days ago",
    }
    rule = (await world.ask("GET", f"{RULES}/{number}")).json()
    assert (rule["ran"], rule["ran_at"] is not None) == (done["total"], True)


async def test_a_run_is_answered_at_once_and_shows_how_far_it_is(world: World) -> None:
    number = await run_rule(world)
    await world.image("dmc/kept", "old", layer=b"old")
    await age(world)
    await world.image("dmc/kept", "new", layer=b"new")
    asked = await world.ask("POST", RUN)
    run = asked.json()
    assert (asked.status_code, run["settled"], run["total"]["tags"]) == (202, 0, 0)
    assert (await world.ask("POST", RUN)).json() == run, "it is open, and goes on"
    assert await tags_left(world) == ["new", "old"]
    assert await world.services.keeping.retention_runs.work() == 1
    (listed,) = (await world.ask("GET", RUNS)).json()["items"]
    assert listed == (await world.ask("GET", f"{RUNS}/{run['id']}")).json()
    assert (listed["decided"], listed["settled"], listed["rules"][str(number)]["tags"]) == (1, 1, 1)
    assert (listed["asked_by"], listed["ended_at"] is not None) == (SYSTEM.name, True)
    assert (await world.ask("GET", f"{RUNS}/{run['id'] + 1}")).status_code == 404


async def test_all_of_a_run_is_brought_back_in_one_act_with_a_row_for_each(world: World) -> None:
    await run_rule(world)
    for name in ("1", "2"):
        await world.image("dmc/kept", name, layer=name.encode())
    await age(world)
    await world.image("dmc/kept", "new", layer=b"new")
    done = await ran(world)
    assert await tags_left(world) == ["new"]
    entries = (await world.ask("GET", "/registries/dmc/deleted")).json()["items"]
    assert {entry["run"] for entry in entries} == {done["id"]}
    back = (await world.ask("POST", f"{RUNS}/{done['id']}/restore")).json()
    assert (back["entries"], back["images"], sorted(back["tags"])) == (2, 2, ["dmc/kept:1", "dmc/kept:2"])
    assert back["left"] == back["missing"] == back["refused"] == []
    assert await tags_left(world) == ["1", "2", "new"]
    query = ActivityQuery(kind=Kind.RESTORE)
    assert len([row async for row in await world.services.activity.export(SYSTEM, query)]) == 2
    again = await world.ask("POST", f"{RUNS}/{done['id']}/restore")
    assert (again.status_code, "can be restored" in again.json()["detail"]) == (404, True)


@pytest.mark.usefixtures("people")
async def test_only_who_may_delete_everywhere_runs_rules_and_brings_back_what_went(world: World) -> None:
    await run_rule(world)
    assert (await world.ask("POST", RUN, caller="writer")).status_code == 403
    assert (await world.ask("POST", f"{RUNS}/1/restore", caller="writer")).status_code == 403
    assert (await world.ask("GET", RUNS, caller="writer")).json()["items"] == []


async def test_a_paused_rule_lets_nothing_go(world: World) -> None:
    await world.image("dmc/kept", "old", layer=b"old")
    await world.image("dmc/kept", "older", layer=b"older")
    await age(world)
    number = await run_rule(world)
    await world.ask("PATCH", f"{RULES}/{number}", {"is_paused": True})
    assert (await ran(world))["total"]["tags"] == 0
    assert await tags_left(world) == ["old", "older"]


async def test_a_repository_is_looked_at_once_until_it_changes(world: World) -> None:
    await run_rule(world, newest=1, pushed_days=None)
    await world.image("dmc/kept", "1", layer=b"1")
    assert (await ran(world))["repositories"] == 2
    await age(world)
    await ran(world)
    assert (await ran(world))["repositories"] == 0
    await run_rule(world, newest=2, pushed_days=None)
    assert (await ran(world))["repositories"] == 2


async def test_a_pinned_image_stays_until_its_pin_ends(world: World) -> None:
    image = await world.image("dmc/kept", "old", layer=b"old")
    await world.image("dmc/kept", "older", layer=b"older")
    await run_rule(world)
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    pin = await world.ask("PUT", f"{PINS}/{image}", {"why": "runs in prod", "until": until})
    assert (pin.json()["by"], pin.json()["why"]) == (SYSTEM.name, "runs in prod")
    await age(world)
    await world.image("dmc/kept", "new", layer=b"new")
    await ran(world)
    assert await tags_left(world) == ["new", "old"]
    assert (await world.ask("GET", PINS)).json()["items"] == [pin.json()]
    assert (await world.ask("DELETE", f"{PINS}/{image}")).status_code == 204
    assert (await world.ask("GET", f"{PINS}/{image}")).json()["items"] == []
    await ran(world)
    assert await tags_left(world) == ["new"]


@pytest.mark.parametrize(
    "body", [{"until": "2020-01-01T00:00:00Z"}, {"until": "2030-01-01T00:00:00"}, {"why": "x" * 201}]
)
async def test_a_pin_that_makes_no_sense_is_refused(world: World, body: dict[str, str]) -> None:
    image = await world.image("dmc/kept", "1", layer=b"1")
    assert (await world.ask("PUT", f"{PINS}/{image}", body)).status_code == 400
    assert (await world.ask("GET", PINS)).json()["items"] == []


@pytest.mark.usefixtures("people")
async def test_whoever_may_not_delete_takes_only_their_own_pin_away(world: World) -> None:
    image = await world.image("dmc/kept", "1", layer=b"1")
    for name in ("writer", "owner"):
        assert (await world.ask("PUT", f"{PINS}/{image}", {}, caller=name)).status_code == 200
    assert (await world.ask("DELETE", f"{PINS}/{image}?by=owner", caller="writer")).status_code == 403
    assert (await world.ask("DELETE", f"{PINS}/{image}?by=writer", caller="owner")).status_code == 204
    assert [pin["by"] for pin in (await world.ask("GET", PINS)).json()["items"]] == ["owner"]
    assert (await world.ask("PUT", f"{PINS}/sha256:{'0' * 64}", {}, caller="writer")).status_code == 404


async def test_a_renewed_pin_leaves_no_row_each_time(world: World) -> None:
    image = await world.image("dmc/kept", "1", layer=b"1")
    for _ in range(3):
        await world.ask("PUT", f"{PINS}/{image}", {"why": "runs"})
    query = ActivityQuery(kind=Kind.PIN_IMAGE)
    assert len([row async for row in await world.services.activity.export(SYSTEM, query)]) == 1
