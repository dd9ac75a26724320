"""The ports `Retention` and `RetentionLine`: what rules see, what they let go, and when they look again."""

import time
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import update

from moorage.domain.digest import Digest
from moorage.domain.history import How
from moorage.domain.immutable import parse_immutable_tags
from moorage.domain.name import Repository
from moorage.domain.retention import DAY, Of, Rule
from moorage.domain.retention_decision import Verdict, decide_retention, mark_of
from moorage.metastore.steps import Steps
from moorage.metastore.tables import manifests, repositories, tag_moves, tags
from moorage.services.retention_records import KnownRepository, LetGo, Pin, Pulled, RuleChanges, RuledRegistry
from tests.contracts.tables import APP, OTHER, Tables

OLD = Rule(pushed_days=7)
UNTAGGED = Rule(of=Of.UNTAGGED, pushed_days=7)


async def age(tables: Tables, days: float = 100) -> None:
    """Let everything that is there have been pushed so many days ago."""
    at = time.time() - days * DAY

    def story() -> Steps[None]:
        yield update(manifests).values(pushed_at=at), {}
        yield update(tags).values(pushed_at=at), {}
        yield update(tag_moves).values(at=at), {}
        yield update(repositories).values(pushed_at=at), {}

    await tables.database.write(story)


async def run(tables: Tables, *rules: Rule) -> None:
    """Let rules run."""
    found = await tables.registries.find("dmc")
    assert found is not None
    for number, rule in enumerate(rules):
        made = await tables.rules.create(found.id, f"rule {number}", rule, "ann")
        await tables.rules.note_preview([made])
        await tables.rules.change(found.id, made.id, RuleChanges(is_paused=False))


async def ruled(tables: Tables) -> RuledRegistry:
    (found,) = await tables.line.registries()
    return found


def mark(registry: RuledRegistry) -> str:
    return mark_of([rule.known for rule in registry.rules], registry.immutable)


async def known(tables: Tables, repository: Repository = APP) -> KnownRepository:
    found = await tables.retention.known(repository, time.time())
    assert found is not None
    return found


async def decided(tables: Tables) -> tuple[KnownRepository, Verdict]:
    found = await known(tables)
    rules = [rule.known for rule in (await ruled(tables)).rules]
    return found, decide_retention(found.facts, rules, time.time())


async def let_go(tables: Tables) -> LetGo:
    found, verdict = await decided(tables)
    return await tables.retention.let_go(found, verdict.going, "moorage", mark(await ruled(tables)))


async def left(tables: Tables) -> tuple[set[str], set[str]]:
    """Return the tags and images that are there."""
    facts = (await known(tables)).facts
    return {tag.name for tag in facts.tags}, set(facts.images)


async def test_what_rules_see_is_what_was_pushed(tables: Tables) -> None:
    child = await tables.image(APP)
    index = await tables.index(APP, "index", children=[child])
    sbom = await tables.image(APP, subject=index)
    facts = (await known(tables)).facts
    assert set(facts.images) == {child, index, sbom}
    assert (facts.children, facts.images[sbom].subject) == ({index: [child]}, index)
    (tag,) = facts.tags
    assert (tag.name, tag.digest, facts.immutable, facts.pins) == ("index", index, (), {})
    assert await tables.retention.known(OTHER, time.time()) is None


async def test_an_image_that_is_pushed_again_is_as_young_as_a_new_one(tables: Tables) -> None:
    body = b'{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}'
    digest = await tables.push(APP, body, "application/vnd.oci.image.index.v1+json")
    await age(tables)
    await tables.push(APP, body, "application/vnd.oci.image.index.v1+json")
    assert (await known(tables)).facts.images[digest].pushed_at > time.time() - DAY


async def test_an_image_without_a_tag_is_as_old_as_its_loss(tables: Tables) -> None:
    first = await tables.image(APP, "1")
    await age(tables)
    await tables.image(APP, "1")
    image = (await known(tables)).facts.images[first]
    assert image.untagged_at is not None
    assert image.pushed_at < time.time() - DAY < image.untagged_at


async def test_a_family_goes_together_and_what_others_need_stays(tables: Tables) -> None:
    await run(tables, Rule(tags=("old*",), pushed_days=7))
    child, shared = await tables.image(APP, layers=[b"1" * 100]), await tables.image(APP, layers=[b"shared" * 100])
    index = await tables.index(APP, "old", "old2", children=[child, shared])
    await tables.index(APP, "new", children=[shared])
    await tables.image(APP, subject=index, layers=[b"3" * 10])
    await age(tables)
    gone = await let_go(tables)
    assert (await left(tables))[0] == {"new"}
    assert shared in (await left(tables))[1]
    assert len((await left(tables))[1]) == 2
    assert sorted(tag for parted in gone.parted for tag in parted.tags) == ["old", "old2"]
    assert (gone.left, sum(len(parted.images) for parted in gone.parted)) == (0, 3)
    moves = await tables.history.moves(APP, "old", None, 1)
    assert (moves[0].by, moves[0].how) == ("moorage", How.RETENTION)


async def test_what_a_preview_says_comes_free_is_what_comes_free(tables: Tables) -> None:
    await run(tables, Rule(tags=("old*",), pushed_days=7))
    for number in range(3):
        await tables.image(APP, f"old{number}", layers=[b"of all" * 50, str(number).encode() * 50])
    await tables.image(APP, "new", layers=[b"1" * 50])
    await tables.image(OTHER, "new", layers=[b"2" * 50])
    await age(tables)
    found, verdict = await decided(tables)
    frees = await tables.retention.frees(found, [decision.takes for decision in verdict.going])
    assert len(frees) == 3
    gone = await let_go(tables)
    assert sum(frees) == sum(parted.frees for parted in gone.parted) > 300


async def moved(tables: Tables, _: Digest) -> None:
    await tables.tags.point(APP, "old", await tables.image(APP), "ann")


async def pushed(tables: Tables, image: Digest) -> None:
    assert await tables.tags.point(APP, "old", image, "ann") == ()
    body = await tables.manifests.find(APP, image)
    assert body is not None
    await tables.push(APP, body.body, body.media_type, "old")


async def pulled(tables: Tables, image: Digest) -> None:
    await tables.image_pulls.append([Pulled(APP, image, "ann")], time.time())


async def pinned(tables: Tables, image: Digest) -> None:
    await tables.pins.put(APP, Pin(image, "agent", "", time.time(), None))


async def tagged(tables: Tables, image: Digest) -> None:
    await tables.tags.point(APP, "another", image, "ann")


async def referred(tables: Tables, image: Digest) -> None:
    await tables.image(APP, subject=image)


async def put_into_an_index(tables: Tables, image: Digest) -> None:
    await tables.index(APP, "index", children=[image])


async def made_immutable(tables: Tables, _: Digest) -> None:
    await tables.registries.update("dmc", {"immutable_tags": "old"})


async def paused(tables: Tables, _: Digest) -> None:
    registry = await ruled(tables)
    await tables.rules.change(registry.id, registry.rules[0].id, RuleChanges(is_paused=True))


async def changed(tables: Tables, _: Digest) -> None:
    registry = await ruled(tables)
    await tables.rules.delete(registry.id, registry.rules[0].id)
    await run(tables, Rule(pushed_days=500))


@pytest.mark.parametrize(
    "meanwhile",
    [moved, pushed, pulled, pinned, tagged, referred, put_into_an_index, made_immutable, paused, changed],
)
async def test_what_changed_since_it_was_decided_stays(
    tables: Tables, meanwhile: Callable[[Tables, Digest], Awaitable[None]]
) -> None:
    await run(tables, OLD)
    image = await tables.image(APP, "old")
    await tables.image(APP, "older")
    await age(tables)
    await tables.image(APP, "new")
    found, verdict = await decided(tables)
    going = [decision for decision in verdict.going if decision.tag == "old"]
    before = mark(await ruled(tables))
    await meanwhile(tables, image)
    gone = await tables.retention.let_go(found, going, "moorage", before)
    assert image in (await left(tables))[1]
    if meanwhile not in {tagged, put_into_an_index}:
        assert (gone.parted, gone.left) == ((), 1)
        assert "old" in (await left(tables))[0]


async def test_nothing_is_found_twice(tables: Tables) -> None:
    await run(tables, OLD, UNTAGGED)
    await tables.image(APP, "old")
    await tables.image(APP)
    await age(tables)
    await tables.image(APP, "new")
    found, verdict = await decided(tables)
    assert len(verdict.going) == 2
    before = mark(await ruled(tables))
    assert len((await tables.retention.let_go(found, verdict.going, "moorage", before)).parted) == 2
    assert await tables.retention.let_go(found, verdict.going, "moorage", before) == LetGo((), 2)


async def test_repositories_are_listed_by_name(tables: Tables) -> None:
    other = (await tables.registry("OTHER")).id
    names = [Repository("dmc", path) for path in ("a", "a-b", "a/b", "b")]
    for name in names:
        await tables.image(name, "1")
    await tables.image(Repository("other", "a"), "1")
    dmc = await tables.registries.find("dmc")
    assert dmc is not None
    first = await tables.retention.repositories(dmc.id, "", 3)
    assert [*first, *await tables.retention.repositories(dmc.id, str(first[-1]), 3)] == names
    assert await tables.retention.repositories(other, "", 3) == (Repository("other", "a"),)


async def lined_up(tables: Tables, limit: int = 2) -> list[str]:
    """Return who is in line by now."""
    found: list[str] = []
    some = await tables.line.due(time.time(), None, limit)
    while some:
        found += [due.name.path for due in some]
        some = await tables.line.due(time.time(), some[-1], limit)
    return found


async def rest(tables: Tables) -> None:
    """Look at everything that is in line, and forget what happened until now."""
    await age(tables)
    await tables.line.line_up_changed(time.time(), 2)
    for due in await tables.line.due(time.time(), None, 1000):
        await tables.line.settle(due, None)


async def line_up_all(tables: Tables) -> None:
    registry = await ruled(tables)
    name: str | None = ""
    while name is not None:
        name = await tables.line.line_up(registry, name, 2)
    await tables.line.set_mark(registry, "mark")


async def test_a_whole_registry_is_put_in_line(tables: Tables) -> None:
    await run(tables, OLD)
    for number in range(5):
        await tables.image(Repository("dmc", f"app{number}"), "1")
    await line_up_all(tables)
    assert await lined_up(tables) == [f"app{number}" for number in range(5)]
    assert (await ruled(tables)).mark == "mark"


async def test_only_what_changed_is_put_in_line(tables: Tables) -> None:
    await run(tables, OLD)
    await tables.registry("OTHER")
    names = [Repository("dmc", f"app{number}") for number in range(5)]
    images = [await tables.image(name, "1") for name in names]
    await rest(tables)
    await tables.line.line_up_changed(time.time(), 2)
    assert await lined_up(tables) == []
    await tables.image(names[1])
    await tables.image(Repository("other", "app"), "1")
    await tables.tags.point(names[3], "2", images[3], "ann")
    await tables.line.line_up_changed(time.time(), 2)
    assert await lined_up(tables) == ["app1", "app3"]


async def test_whoever_was_looked_at_comes_again_when_it_is_due(tables: Tables) -> None:
    await run(tables, OLD)
    await tables.image(APP, "1")
    await line_up_all(tables)
    (due,) = await tables.line.due(time.time(), None, 10)
    await tables.line.settle(due, time.time() + 1000)
    assert await lined_up(tables) == []
    (later,) = await tables.line.due(time.time() + 1001, None, 10)
    await tables.line.settle(later, None)
    assert await tables.line.due(time.time() + 10 * DAY, None, 10) == ()


async def test_a_pin_that_is_taken_away_meanwhile_is_not_overlooked(tables: Tables) -> None:
    await run(tables, OLD)
    image = await tables.image(APP, "1")
    await tables.pins.put(APP, Pin(image, "ann", "", time.time(), None))
    await line_up_all(tables)
    (due,) = await tables.line.due(time.time(), None, 10)
    await tables.pins.remove(APP, image, "ann")
    await tables.line.settle(due, None)
    assert await lined_up(tables) == ["app"]
    (again,) = await tables.line.due(time.time(), None, 10)
    await tables.line.settle(again, None)
    assert await lined_up(tables) == []


async def test_only_rules_that_run_count(tables: Tables) -> None:
    assert await tables.line.registries() == ()
    await run(tables, OLD, UNTAGGED)
    await tables.registries.update("dmc", {"immutable_tags": "v*"})
    registry = await ruled(tables)
    assert ([rule.rule for rule in registry.rules], registry.immutable, registry.mark) == (
        [OLD, UNTAGGED],
        parse_immutable_tags(["v*"]),
        "",
    )
    await tables.rules.change(registry.id, registry.rules[0].id, RuleChanges(is_paused=True))
    assert [rule.rule for rule in (await ruled(tables)).rules] == [UNTAGGED]


async def test_it_is_known_when_rules_ran_last(tables: Tables) -> None:
    assert await tables.line.ran_at() > time.time() - DAY
    await tables.line.begin_run(5.0)
    assert await tables.line.ran_at() == 5.0
