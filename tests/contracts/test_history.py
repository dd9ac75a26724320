"""The port `TagHistory`: every move of a tag is kept, and the tag can be taken back to wherever it has pointed."""

import itertools

import pytest

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.history import How
from moorage.domain.retention import Rule
from moorage.metastore import history
from moorage.services.history_records import PastMove
from tests.contracts.tables import APP, OTHER, Tables
from tests.contracts.test_letting_go import age, let_go, run

NEVER = Digest("sha256:" + "0" * 64)


async def moves(tables: Tables, tag: str) -> tuple[PastMove, ...]:
    return await tables.history.moves(APP, tag, None, 1000)


async def told(tables: Tables, tag: str) -> list[tuple[str, str | None, str | None]]:
    return [(move.how.value, move.previous, move.digest) for move in await moves(tables, tag)]


async def test_every_move_says_from_where_to_where_who_and_how(tables: Tables) -> None:
    first = await tables.image(APP, "latest")
    second = await tables.image(APP, "latest")
    await tables.tags.point(APP, "latest", first, "tom")
    await tables.tags.point(APP, "latest", second, "kim", how=How.ROLLBACK)
    await tables.tags.delete(APP, "latest", "lea")
    found = await moves(tables, "latest")
    assert await told(tables, "latest") == [
        ("deletion", second, None),
        ("rollback", first, second),
        ("retag", second, first),
        ("push", first, second),
        ("push", None, first),
    ]
    assert [move.by for move in found] == ["lea", "kim", "tom", "ann", "ann"]
    assert [move.id for move in found] == sorted((move.id for move in found), reverse=True)
    assert [move.at for move in found] == sorted((move.at for move in found), reverse=True)


async def test_what_does_not_move_is_no_move(tables: Tables) -> None:
    first = await tables.image(APP, "1")
    await tables.tags.point(APP, "1", first, "tom")
    assert await told(tables, "1") == [("push", None, first)]
    assert await tables.history.moves(OTHER, "1", None, 10) == ()
    assert await tables.history.moves(APP, "2", None, 10) == ()


@pytest.mark.parametrize("way", ["tag", "image", "tags", "images"])
async def test_a_tag_that_is_deleted_in_any_way_leaves_its_history(tables: Tables, way: str) -> None:
    first = await tables.image(APP, "1")
    match way:
        case "tag":
            await tables.manifests.delete_tag(APP, "1", "ann")
        case "image":
            await tables.manifests.delete(APP, first, "ann")
        case "tags":
            await tables.catalog.delete(APP, (), ("1",), "ann")
        case _:
            await tables.catalog.delete(APP, (first,), (), "ann")
    assert await told(tables, "1") == [("deletion", first, None), ("push", None, first)]
    assert [move.is_here for move in await moves(tables, "1")] == [False, way in {"tag", "tags"}]


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_pages_together_are_the_whole_history(tables: Tables, size: int) -> None:
    images = [await tables.image(APP, "latest", "other") for _ in range(5)]
    found: list[PastMove] = []
    while page := await tables.history.moves(APP, "latest", found[-1].id if found else None, size):
        found += page
    assert [move.digest for move in found] == [*reversed(images)]


async def test_a_tag_goes_back_to_where_it_has_pointed_and_nowhere_else(tables: Tables) -> None:
    first, second, strange = [await tables.image(APP, tag) for tag in ("1", "1", "2")]
    with pytest.raises(MoorageError) as refused:
        await tables.tags.point(APP, "1", strange, "tom", how=How.ROLLBACK)
    assert refused.value.error is ErrorCode.VALUE_INVALID
    assert await tables.tags.point(APP, "1", NEVER, "tom", how=How.ROLLBACK) is None
    assert await tables.tags.point(APP, "1", second, "tom", how=How.ROLLBACK) == ()
    assert await tables.tags.point(APP, "1", first, "tom", how=How.ROLLBACK)
    await tables.tags.delete(APP, "1", "tom")
    assert await tables.tags.point(APP, "1", second, "tom", how=How.ROLLBACK)
    assert (await tables.manifests.tags(APP, "", 10)) == ("1", "2")


async def test_history_goes_with_its_repository(tables: Tables) -> None:
    await tables.image(APP, "1")
    await tables.catalog.delete(APP, None, (), "ann")
    await tables.image(APP, "2")
    assert await moves(tables, "1") == ()


async def test_of_one_tag_so_many_moves_are_kept_and_those_are_the_newest(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "KEPT_MOVES", 10)
    monkeypatch.setattr(history, "TRIM_EVERY", 4)
    images = [await tables.image(APP, f"{number}") for number in range(2)]
    pointed = [images[number % 2] for number in range(60)]
    for digest in pointed:
        await tables.tags.point(APP, "latest", digest, "tom")
    found = await moves(tables, "latest")
    assert 10 <= len(found) < 40
    assert [move.digest for move in found] == [*reversed(pointed)][: len(found)]
    assert [len(await moves(tables, tag)) for tag in ("0", "1")] == [1, 1]


async def test_what_led_up_to_a_deletion_is_forgotten_in_the_end(tables: Tables) -> None:
    first = await tables.image(APP, "1", "2", "3")
    for tag in ("1", "2"):
        await tables.tags.delete(APP, tag, "tom")
    await tables.tags.point(APP, "2", first, "tom")
    deletion = (await moves(tables, "1"))[0].at
    assert await tables.history.forget(deletion, 10) == 0
    assert await tables.history.forget(deletion + 1000, 1) == 1
    assert await moves(tables, "1") == ()
    assert await tables.history.forget(deletion + 1000, 1) == 1
    assert await tables.history.forget(deletion + 1000, 1) == 0
    assert await told(tables, "2") == [("retag", None, first)]
    assert await told(tables, "3") == [("push", None, first)]


@pytest.mark.parametrize("days", [0, 14])
async def test_every_way_in_which_a_tag_moves_has_its_word(tables: Tables, days: int) -> None:
    assert await tables.registries.update("dmc", {"trash_days": days})
    registry = await tables.registries.find("dmc")
    assert registry
    first = await tables.image(APP, "pr-1")
    second = await tables.image(APP, "pr-1", "kept")
    await tables.tags.point(APP, "pr-1", first, "tom")
    await tables.tags.point(APP, "pr-1", second, "tom", how=How.ROLLBACK)
    await tables.manifests.delete_tag(APP, "pr-1", "lea")
    back = ["push"] if not days else ["restore"]
    if days:
        (entry,) = await tables.trash.page(registry.id, None, 10)
        assert await tables.trash.restore(registry.id, entry.id, "lea")
    else:
        await tables.tags.point(APP, "pr-1", second, "lea", how=How.PUSH)
    await age(tables)
    await run(tables, Rule(tags=("pr-*",), pushed_days=7))
    assert (await let_go(tables)).parted
    expected = ["push", "push", "retag", "rollback", "deletion", *back, "retention"]
    if days:
        entry = (await tables.trash.page(registry.id, None, 1))[0]
        assert await tables.trash.restore(registry.id, entry.id, "lea")
        expected += ["restore"]
        assert set(expected) == {how.value for how in How}
    found = await moves(tables, "pr-1")
    assert [how for how, _, _ in reversed(await told(tables, "pr-1"))] == expected
    for newer, older in itertools.pairwise(found):
        assert newer.previous == older.digest
