"""The ports `RetentionRuns` and `RunTrash`: who is at a run, what it let go, and bringing all of that back."""

import time
from dataclasses import replace

import pytest

from moorage.domain.access import Caller
from moorage.domain.retention import Rule
from moorage.services.letting_go import LettingGoService
from moorage.services.retention_records import Ran
from moorage.services.retention_run_records import Refused, Run
from moorage.services.trash_records import Restored
from tests.contracts.tables import APP, Tables
from tests.contracts.test_letting_go import OLD, age, decided, left, mark, ruled
from tests.contracts.test_letting_go import run as run_rules
from tests.contracts.test_trash import keeping

SYSTEM = Caller(0, "moorage", is_admin=True)


async def registry_of(tables: Tables) -> int:
    found = await tables.registries.find("dmc")
    assert found is not None
    return found.id


async def begun(tables: Tables, runner: str = "") -> Run:
    return await tables.runs.begin(await registry_of(tables), "mara", runner, 100.0)


async def let_all_go(tables: Tables, run: int | None) -> None:
    found, verdict = await decided(tables)
    await tables.retention.let_go(found, verdict.going, "moorage", mark(await ruled(tables)), run)


async def restored(tables: Tables, run: int) -> tuple[Restored | Refused, ...]:
    registry = await registry_of(tables)
    entries = await tables.run_trash.of_run(registry, run, None, 100)
    return await tables.run_trash.restore(registry, [entry.id for entry in entries], "mara")


async def test_one_run_of_a_registry_is_open_at_a_time(tables: Tables) -> None:
    first = await begun(tables)
    assert (first.address, first.asked_by, first.ended_at, first.seen_at) == ("dmc", "mara", None, 0.0)
    assert await begun(tables, "another") == first
    assert await tables.runs.open() == (first,)
    taken = await tables.runs.take(first, "runner", 101.0)
    assert taken is not None
    assert await tables.runs.note(replace(taken, ended_at=102.0))
    assert await tables.runs.open() == ()
    second = await begun(tables, "another")
    assert (second.id > first.id, second.runner, second.seen_at) == (True, "another", 100.0)
    registry = await registry_of(tables)
    assert [run.id for run in await tables.runs.page(registry, None, 10)] == [second.id, first.id]
    assert [run.id for run in await tables.runs.page(registry, second.id, 10)] == [first.id]
    assert await tables.runs.find(registry + 1, first.id) is None


async def test_a_run_counts_for_each_rule_that_runs_when_it_is_taken(tables: Tables) -> None:
    run = await begun(tables)
    assert (run.by_rule, run.total) == ({}, Ran())
    await run_rules(tables, OLD)
    taken = await tables.runs.take(run, "one", 101.0)
    assert taken is not None
    assert list(taken.by_rule.values()) == [Ran()]


async def test_of_two_that_take_a_run_one_has_it_and_the_other_says_nothing_of_it(tables: Tables) -> None:
    run = await begun(tables)
    taken = await tables.runs.take(run, "one", 101.0)
    assert taken is not None
    assert await tables.runs.take(run, "two", 101.0) is None
    assert not await tables.runs.note(replace(taken, runner="two", settled=7))
    assert await tables.runs.note(replace(taken, settled=3))
    found = await tables.runs.find(run.registry_id, run.id)
    assert found is not None
    assert (found.runner, found.settled) == ("one", 3)
    assert await tables.runs.note(replace(found, ended_at=200.0))
    assert not await tables.runs.note(replace(found, settled=9))
    assert await tables.runs.take(found, "two", 300.0) is None


@pytest.mark.parametrize("days", [0, 14])
async def test_what_goes_is_counted_in_its_run_whether_the_trash_keeps_it_or_not(tables: Tables, days: int) -> None:
    await keeping(tables, days)
    await run_rules(tables, OLD)
    await tables.image(APP, "1", layers=[b"1"])
    await tables.image(APP, "2", layers=[b"2"])
    await age(tables)
    run = await begun(tables)
    await let_all_go(tables, run.id)
    found = await tables.runs.find(run.registry_id, run.id)
    assert found is not None
    ((_, ran),) = found.by_rule.items()
    assert ran == found.total == Ran(1, 1, ran.frees)
    assert ran.frees > 0
    entries = await tables.run_trash.of_run(run.registry_id, run.id, None, 100)
    assert [(entry.run, entry.tags, entry.images) for entry in entries] == ([(run.id, 1, 1)] if days else [])


async def test_all_that_a_run_let_go_comes_back_and_nothing_else(tables: Tables) -> None:
    await keeping(tables)
    await run_rules(tables, OLD)
    for name in ("1", "2", "3", "4"):
        await tables.image(APP, name, layers=[name.encode()])
    by_hand = await tables.catalog.delete(APP, (), ("4",), "mara")
    assert by_hand
    await age(tables)
    before = await left(tables)
    run = await begun(tables)
    await let_all_go(tables, run.id)
    assert len((await left(tables))[0]) == 1
    (shown,) = await tables.run_trash.runs(run.registry_id, 5)
    assert (shown.run, shown.entries, shown.tags, shown.images) == (run.id, 2, 2, 2)
    done = await restored(tables, run.id)
    assert all(isinstance(each, Restored) for each in done)
    assert await left(tables) == before
    assert await tables.run_trash.runs(run.registry_id, 5) == ()
    assert [entry.run for entry in await tables.trash.page(run.registry_id, None, 10)] == [None]
    assert await restored(tables, run.id) == ()


async def test_what_cannot_come_back_is_named_and_the_rest_comes(tables: Tables) -> None:
    await keeping(tables)
    await run_rules(tables, Rule(tags=("old*",), pushed_days=7))
    image = await tables.image(APP, "old", "new", layers=[b"1"])
    await tables.image(APP, "old2", layers=[b"2"])
    await age(tables)
    run = await begun(tables)
    await let_all_go(tables, run.id)
    assert (await left(tables))[0] == {"new"}
    other = await tables.image(APP, "old", layers=[b"3"])
    done = await restored(tables, run.id)
    (refused,) = [each for each in done if isinstance(each, Refused)]
    assert "old point elsewhere by now" in refused.reason
    assert [each.tags for each in done if isinstance(each, Restored)] == [("old2",)]
    tags, images = await left(tables)
    assert (tags, {image, other} <= images) == ({"new", "old", "old2"}, True)
    (still,) = await tables.run_trash.of_run(run.registry_id, run.id, None, 10)
    assert still.id == refused.entry.id


async def test_what_is_refused_leaves_no_repository_behind(tables: Tables) -> None:
    await keeping(tables)
    await run_rules(tables, Rule(tags=("old*",), pushed_days=7))
    await tables.image(APP, "old", "new", layers=[b"1"])
    await age(tables)
    run = await begun(tables)
    await let_all_go(tables, run.id)
    await tables.catalog.delete(APP, None, (), "mara")
    (refused,) = await restored(tables, run.id)
    assert isinstance(refused, Refused)
    assert "restore the image first" in refused.reason
    assert await tables.catalog.repository(APP) is None


async def test_a_run_that_was_left_in_the_middle_is_taken_up_where_it_was(tables: Tables) -> None:
    await keeping(tables)
    await run_rules(tables, Rule(newest=1))
    for number in range(6):
        await tables.image(APP, str(number), layers=[b"%d" % number])
    run = await begun(tables)
    taken = await tables.runs.take(run, "first", time.time())
    assert taken is not None

    async def killed(_: float) -> None:
        raise KeyboardInterrupt

    service = LettingGoService(tables.rules, tables.line, tables.retention, tables.runs, SYSTEM, killed)
    with pytest.raises(KeyboardInterrupt):
        await service.go_on(taken)
    stopped = await tables.runs.find(run.registry_id, run.id)
    assert stopped is not None
    assert (stopped.ended_at, stopped.seen_at, stopped.total.tags) == (None, 0.0, 2)
    again = await tables.runs.take(stopped, "second", time.time())
    assert again is not None
    await LettingGoService(tables.rules, tables.line, tables.retention, tables.runs, SYSTEM).go_on(again)
    ended = await tables.runs.find(run.registry_id, run.id)
    assert ended is not None
    assert (ended.ended_at is not None, ended.total.tags, ended.total.images) == (True, 5, 5)
    (rule,) = await tables.rules.every(run.registry_id)
    assert rule.ran == ended.total
    assert {entry.deleted_by for entry in await tables.trash.page(run.registry_id, None, 10)} == {"mara"}


async def test_a_registry_takes_its_runs_with_it(tables: Tables) -> None:
    registry = await keeping(tables, 0)
    run = await begun(tables)
    await tables.registry_trash.delete(registry.address, "mara")
    assert await tables.runs.open() == ()
    await tables.collect()
    assert await tables.runs.find(registry.id, run.id) is None
