"""The ports `RetentionRules`, `Pins` and `ImagePulls`."""

import time
from typing import NoReturn

import pytest

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.retention import MOST_RULES, Of, Rest, Rule
from moorage.services.retention_records import LastPull, Pin, Pulled, Ran, RuleChanges
from tests.contracts.tables import APP, OTHER, Tables

NOWHERE = Digest("sha256:" + "0" * 64)
TEN, OLD = Rule(newest=10, rest=Rest.PASS), Rule(of=Of.UNTAGGED, pushed_days=14)


def refuse(_: object) -> NoReturn:
    raise MoorageError(ErrorCode.PRECONDITION_FAILED)


async def registry(tables: Tables) -> int:
    found = await tables.registries.find("dmc")
    assert found is not None
    return found.id


async def order(tables: Tables) -> list[str]:
    rules = await tables.rules.every(await registry(tables))
    assert [rule.position for rule in rules] == list(range(1, len(rules) + 1))
    return [rule.name for rule in rules]


async def test_a_rule_is_paused_until_it_was_previewed(tables: Tables) -> None:
    dmc = await registry(tables)
    made = await tables.rules.create(dmc, "ten", TEN, "ann")
    assert (made.rule, made.is_paused, made.is_previewed, made.created_by) == (TEN, True, False, "ann")
    with pytest.raises(MoorageError) as failed:
        await tables.rules.change(dmc, made.id, RuleChanges(is_paused=False))
    assert failed.value.error is ErrorCode.IN_USE
    await tables.rules.note_preview([made])
    started = await tables.rules.change(dmc, made.id, RuleChanges(is_paused=False))
    assert started is not None
    assert (started.is_paused, started.is_previewed) == (False, True)


@pytest.mark.parametrize("changes", [RuleChanges(rule=OLD), RuleChanges(position=1)])
async def test_what_a_rule_does_changed_it_is_previewed_anew(tables: Tables, changes: RuleChanges) -> None:
    dmc = await registry(tables)
    await tables.rules.create(dmc, "first", TEN, "ann")
    made = await tables.rules.create(dmc, "second", TEN, "ann")
    await tables.rules.note_preview([made])
    await tables.rules.change(dmc, made.id, RuleChanges(is_paused=False))
    renamed = await tables.rules.change(dmc, made.id, RuleChanges(name="other"))
    changed = await tables.rules.change(dmc, made.id, changes)
    assert renamed is not None
    assert changed is not None
    assert (renamed.name, renamed.is_paused, renamed.is_previewed) == ("other", False, True)
    assert (changed.is_paused, changed.is_previewed) == (True, False)


async def test_a_preview_of_what_a_rule_was_before_does_not_count(tables: Tables) -> None:
    dmc = await registry(tables)
    made = await tables.rules.create(dmc, "ten", TEN, "ann")
    await tables.rules.change(dmc, made.id, RuleChanges(rule=OLD))
    await tables.rules.note_preview([made])
    found = await tables.rules.find(dmc, made.id)
    assert found is not None
    assert not found.is_previewed


async def test_rules_have_an_order(tables: Tables) -> None:
    dmc = await registry(tables)
    made = [await tables.rules.create(dmc, name, TEN, "ann") for name in ("a", "b", "c", "d")]
    for rule, position, then in ((3, 2, "adbc"), (0, 99, "dbca"), (1, 1, "bdca")):
        await tables.rules.change(dmc, made[rule].id, RuleChanges(position=position))
        assert "".join(await order(tables)) == then
    assert await tables.rules.delete(dmc, made[3].id)
    assert "".join(await order(tables)) == "bca"


async def test_a_rule_belongs_to_its_registry(tables: Tables) -> None:
    other = (await tables.registry("OTHER")).id
    made = await tables.rules.create(await registry(tables), "ten", TEN, "ann")
    assert await tables.rules.find(other, made.id) is None
    assert await tables.rules.change(other, made.id, RuleChanges(name="x")) is None
    assert not await tables.rules.delete(other, made.id)
    assert await order(tables) == ["ten"]


async def test_a_check_is_shown_the_rule_and_stops_the_change(tables: Tables) -> None:
    dmc = await registry(tables)
    made = await tables.rules.create(dmc, "ten", TEN, "ann")
    for change in (
        tables.rules.change(dmc, made.id, RuleChanges(name="x"), refuse),
        tables.rules.delete(dmc, made.id, refuse),
    ):
        with pytest.raises(MoorageError):
            await change
    seen: list[object] = []
    await tables.rules.delete(dmc, made.id, seen.append)
    assert seen == [made]


async def test_a_registry_has_so_many_rules_at_most_and_takes_them_along(tables: Tables) -> None:
    dmc = await registry(tables)
    for number in range(MOST_RULES):
        await tables.rules.create(dmc, str(number), TEN, "ann")
    with pytest.raises(MoorageError) as failed:
        await tables.rules.create(dmc, "more", TEN, "ann")
    assert failed.value.error is ErrorCode.CONFLICT
    await tables.registry_trash.delete("dmc", "ann")
    await tables.collect()
    assert await tables.rules.every(dmc) == ()


async def test_a_rule_says_what_it_did_last(tables: Tables) -> None:
    dmc = await registry(tables)
    made = await tables.rules.create(dmc, "ten", TEN, "ann")
    await tables.rules.note_run({made.id: Ran(3, 2, 100)}, 5.0)
    found = await tables.rules.find(dmc, made.id)
    assert found is not None
    assert (found.ran_at, found.ran) == (5.0, Ran(3, 2, 100))


async def test_everybody_has_their_own_pin_on_an_image(tables: Tables) -> None:
    one = await tables.image(APP, "1")
    soon = time.time() + 1000
    agent, ann = Pin(one, "agent", "runs", 1.0, soon), Pin(one, "ann", "", 2.0, None)
    assert await tables.pins.put(APP, agent)
    assert await tables.pins.put(APP, ann)
    assert await tables.pins.page(APP, "", 50) == (agent, ann)
    later = Pin(one, "agent", "runs", 3.0, soon + 1)
    assert await tables.pins.put(APP, later)
    assert await tables.pins.find(APP, one, "agent") == later
    assert await tables.pins.remove(APP, one, "agent")
    assert not await tables.pins.remove(APP, one, "agent")
    assert await tables.pins.page(APP, "", 50) == (ann,)


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_pages_of_pins_go_by_image_and_by_who_holds_them(tables: Tables, limit: int) -> None:
    images = sorted([await tables.image(APP, "1"), await tables.image(APP, "2")])
    for image in images:
        for name in ("tom", "ann", "bob"):
            await tables.pins.put(APP, Pin(image, name, "", 1.0, time.time() - 1 if name == "bob" else None))

    async def pages(of: Digest | None = None) -> list[tuple[Digest, str]]:
        found: list[Pin] = []
        while page := await tables.pins.page(APP, found[-1].key if found else "", limit, of):
            assert len(page) <= limit
            found += page
        return [(pin.digest, pin.by) for pin in found]

    assert await pages() == [(image, name) for image in images for name in ("ann", "tom")]
    for image in images:
        assert await pages(image) == [(image, "ann"), (image, "tom")]
    assert await tables.pins.page(APP, f"{images[1]} ann", 50, images[0]) == ()


async def test_a_pin_is_on_an_image_that_is_there_and_ends(tables: Tables) -> None:
    one = await tables.image(APP, "1")
    await tables.image(OTHER, "1")
    for repository, digest in ((OTHER, one), (APP, NOWHERE)):
        assert not await tables.pins.put(repository, Pin(digest, "ann", "", 1.0, None))
    await tables.pins.put(APP, Pin(one, "ann", "", 1.0, time.time() - 1))
    assert await tables.pins.page(APP, "", 50) == ()
    assert await tables.pins.find(APP, one, "ann") is None
    assert not await tables.pins.remove(APP, one, "ann")
    await tables.pins.put(APP, Pin(one, "ann", "", 1.0, None))
    await tables.catalog.delete(APP, (one,), (), "ann")
    assert await tables.pins.page(APP, "", 50) == ()


async def test_the_last_pull_of_an_image_is_known(tables: Tables) -> None:
    one, two = await tables.image(APP, "1"), await tables.image(APP, "2")
    await tables.image_pulls.append([Pulled(APP, one, "ann"), Pulled(APP, NOWHERE, ""), Pulled(OTHER, one, "")], 5.0)
    await tables.image_pulls.append([Pulled(APP, one, "mara")], 7.0)
    known = await tables.retention.known(APP, time.time())
    assert known is not None
    assert {digest: image.pulled_at for digest, image in known.facts.images.items()} == {one: 7.0, two: None}
    assert await tables.image_pulls.last(APP, [one, two]) == {one: LastPull(7.0, "mara")}
    assert await tables.image_pulls.last(OTHER, [one]) == {}


async def test_the_last_pull_of_a_repository_is_that_of_what_is_there(tables: Tables) -> None:
    one, two = await tables.image(APP, "1"), await tables.image(APP, "2")
    assert await tables.image_pulls.last_of_all(APP) is None
    await tables.image_pulls.append([Pulled(APP, one, "ann")], 5.0)
    await tables.image_pulls.append([Pulled(APP, two, "")], 7.0)
    assert await tables.image_pulls.last_of_all(APP) == LastPull(7.0, "")
    await tables.catalog.delete(APP, (two,), (), "ann")
    assert await tables.image_pulls.last_of_all(APP) == LastPull(5.0, "ann")
