"""The port `Activity`, and how rows come with the changes they are about."""

import time
from dataclasses import replace

import pytest

from moorage.domain.access import Caller
from moorage.domain.activity import Change, Kind, Origin, Outcome
from moorage.domain.errors import MoorageError
from moorage.metastore.activity import WINDOW
from moorage.services.recording import (
    ORIGIN,
    ActivityPlace,
    ActivityQuery,
    ActivityRecord,
    recorded,
    recorded_as,
    row_of,
)
from tests.contracts.tables import APP, OTHER, OpenTables, Tables

EVERYTHING = ActivityQuery()
ANN = Caller(1, "ann")


def row(at: float = 100.0, who: str = "ann", target: str = "dmc/app", kind: Kind = Kind.PUSH_IMAGE) -> ActivityRecord:
    return row_of(Change(kind, target, None, {"size": 1}), who, Origin("10.0.0.7", "request-7"), at)


async def found(
    tables: Tables, query: ActivityQuery = EVERYTHING, *, limit: int = 100, oldest_first: bool = False
) -> list[ActivityRecord]:
    """Return all rows, page by page."""
    rows: list[ActivityRecord] = []
    place: ActivityPlace | None = None
    while True:
        page, place = await tables.activity.page(query, place, limit, oldest_first=oldest_first)
        assert len(page) <= limit
        rows += page
        if place is None:
            return rows


async def test_a_row_comes_back_as_it_was_added(tables: Tables, open_tables: OpenTables) -> None:
    added = replace(row(), before={"digest": None}, token="ci", outcome=Outcome.REFUSED)
    await tables.activity.append([added], {}, 0)
    (stored,) = await found(await open_tables())
    assert stored == replace(added, id=stored.id)
    assert stored.registry == "dmc"


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
async def test_pages_hold_every_row_once_in_order_of_time(tables: Tables, limit: int) -> None:
    times = [5.0, 3.0, 3.0, 9.0, 3.0, 1.0, 9.0]
    await tables.activity.append([row(at) for at in times], {}, 0)
    newest, oldest = await found(tables, limit=limit), await found(tables, limit=limit, oldest_first=True)
    assert [one.at for one in newest] == sorted(times, reverse=True)
    assert oldest == newest[::-1]
    assert len({one.id for one in newest}) == len(times)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (ActivityQuery(who="tom"), {2}),
        (ActivityQuery(address="10.0.0.9"), {4}),
        (ActivityQuery(token="ci"), {2}),
        (ActivityQuery(request_id="request-9"), {3}),
        (ActivityQuery(kind=Kind.SIGN_IN), {4}),
        (ActivityQuery(target="dmc/app"), {1, 2}),
        (ActivityQuery(target="dmc/app:"), {2}),
        (ActivityQuery(target="DMC"), set()),
        (ActivityQuery(target="dmc_app"), set()),
        (ActivityQuery(since=2.0), {2, 3, 4}),
        (ActivityQuery(until=2.0), {1}),
        (ActivityQuery(since=2.0, until=4.0), {2, 3}),
        (ActivityQuery(outcome=Outcome.REFUSED), {4}),
        (ActivityQuery(registries=("dmc", "other")), {1, 2, 3}),
        (ActivityQuery(registries=()), set()),
        (ActivityQuery(who="ann", registries=("other",), since=1.0), {3}),
    ],
)
async def test_a_filter_keeps_what_fits(tables: Tables, query: ActivityQuery, wanted: set[int]) -> None:
    rows = [
        row(1.0),
        replace(row(2.0, "tom", "dmc/app:1.0", Kind.MOVE_TAG), token="ci"),
        replace(row(3.0, target="other/app"), request_id="request-9"),
        replace(row(4.0, target="ann", kind=Kind.SIGN_IN), outcome=Outcome.REFUSED, address="10.0.0.9"),
    ]
    await tables.activity.append(rows, {}, 0)
    assert {int(one.at) for one in await found(tables, query, limit=1)} == wanted
    assert {int(one.at) for one in await found(tables, query, oldest_first=True)} == wanted


async def test_a_read_looks_at_so_many_rows_and_says_where_to_go_on(tables: Tables) -> None:
    await tables.activity.append([row(1.0, "tom"), *(row(2.0 + number) for number in range(WINDOW))], {}, 0)
    rows, place = await tables.activity.page(ActivityQuery(who="tom"), None, 10)
    assert (rows, place is None) == ((), False)
    (last,), place = await tables.activity.page(ActivityQuery(who="tom"), place, 10)
    assert (last.who, place) == ("tom", None)


async def test_rows_older_than_their_registry_can_be_left_out(tables: Tables) -> None:
    await tables.activity.append([row(time.time() - 60), row(time.time() + 60), row(time.time(), target="gone")], {}, 0)
    query = ActivityQuery(registries=("dmc", "gone"), only_present=True)
    assert len(await found(tables, query)) == 1


async def test_pulls_are_added_to_repositories_that_are_there(tables: Tables) -> None:
    await tables.image(APP, "1")
    await tables.activity.append([], {str(APP): 3, str(OTHER): 1}, 50.0)
    await tables.activity.append([], {str(APP): 2}, 60.0)
    record = await tables.catalog.repository(APP)
    assert record is not None
    assert (record.pulls, record.last_pulled_at, record.pushes) == (5, 60.0, 1)
    assert await tables.catalog.repository(OTHER) is None


async def test_a_change_and_its_row_are_written_together(tables: Tables) -> None:
    ORIGIN.set(Origin("10.0.0.7", "request-7"))
    with recorded(ANN, Change(Kind.CREATE_REGISTRY, "new", None, {"name": "New"})):
        await tables.registry("New")
    (stored,) = await found(tables)
    assert (stored.who, stored.address, stored.request_id) == ("ann", "10.0.0.7", "request-7")
    assert (stored.kind, stored.target, stored.registry) == (Kind.CREATE_REGISTRY, "new", "new")
    assert (stored.before, stored.after) == (None, {"name": "New"})


async def test_what_is_undone_leaves_no_row(tables: Tables) -> None:
    with pytest.raises(MoorageError), recorded(ANN, Change(Kind.CREATE_REGISTRY, "dmc")):
        await tables.registry("DMC")
    with recorded(ANN, Change(Kind.DELETE_USER, "nil")):
        assert not await tables.accounts.delete("nil")
    assert await found(tables) == []


async def test_only_the_write_inside_is_recorded_and_only_once(tables: Tables) -> None:
    with recorded(ANN, Change(Kind.CREATE_REGISTRY, "one")):
        await tables.registry("one")
        await tables.registry("two")
    await tables.registry("three")
    assert [stored.target for stored in await found(tables)] == ["one"]


async def test_rows_are_made_of_what_the_write_returned(tables: Tables) -> None:
    def tell(gone: object) -> list[Change]:
        return [Change(Kind.DELETE_TAG, f"{APP}:{tag}") for tag in getattr(gone, "tags", ())]

    image = await tables.image(APP, "a", "b")
    for _ in range(2):
        with recorded_as(ANN, tell):
            await tables.manifests.delete(APP, image, "ann")
    assert sorted(stored.target for stored in await found(tables)) == ["dmc/app:a", "dmc/app:b"]
