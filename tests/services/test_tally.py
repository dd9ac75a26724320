"""What is counted in memory: bounded, and nothing of it lost that was not written."""

import time
from collections.abc import Callable, Iterator

import pytest

from moorage.domain.activity import Kind, Origin, Outcome, Reason, Who
from moorage.domain.name import Repository
from moorage.services.recording import ORIGIN, ActivityRecord
from moorage.services.tally import MOST_UNWRITTEN, ROOM, ROOM_OF_ONE, SECONDS, Tally

APP = Repository("dmc", "app")


@pytest.fixture(autouse=True)
def _somewhere() -> Iterator[None]:
    before = ORIGIN.set(Origin("10.0.0.7", "request-7"))
    yield
    ORIGIN.reset(before)


def soon() -> float:
    return time.time()


def later() -> float:
    return time.time() + SECONDS + 1


def times(row: ActivityRecord) -> object:
    return (row.after or {}).get("times", 1)


def test_pulls_are_handed_over_once() -> None:
    tally = Tally()
    for _ in range(3):
        tally.pulled(APP)
    assert tally.take(soon()) == ([], {"dmc/app": 3})
    assert tally.take(soon()) == ([], {})


def test_a_refusal_is_a_row_at_once_and_its_likes_are_one_more_after_a_minute() -> None:
    tally = Tally()
    for _ in range(3):
        tally.refused("tom", "", "dmc/app", "PUT", 403)
    ((first,), _) = tally.take(soon())
    assert (first.who, first.target, first.registry, first.kind) == ("tom", "dmc/app", "dmc", Kind.ACCESS)
    assert (first.address, first.request_id, first.outcome) == ("10.0.0.7", "request-7", Outcome.REFUSED)
    assert first.after == {"method": "PUT", "status": 403, "times": 3}
    for _ in range(5):
        tally.refused("tom", "", "dmc/app", "PUT", 403)
    assert tally.take(soon())[0] == []
    ((second,), _) = tally.take(later())
    assert times(second) == 5
    assert tally.take(later())[0] == []


@pytest.mark.parametrize("address", [True, False])
def test_guesses_are_bounded_whoever_makes_them_from_wherever(*, address: bool) -> None:
    tally = Tally()
    for number in range(10 * ROOM):
        ORIGIN.set(Origin(f"10.0.0.{number}" if address else "10.0.0.7"))
        tally.sign_in_refused(Who(f"person-{number}"), Reason.WRONG)
    rows, _ = tally.take(soon())
    assert len(rows) == ROOM + 1
    assert sum(int(str(times(row))) for row in rows) == 10 * ROOM
    assert (rows[-1].who, rows[-1].address, rows[-1].target) == ("", "", "")


def test_a_flood_of_one_person_hides_nobody_else() -> None:
    tally = Tally()
    for number in range(10 * ROOM):
        tally.refused("tom", "", f"dmc/guess-{number}", "GET", 404)
    tally.refused("mara", "laptop", "dmc/app", "PUT", 403)
    rows, _ = tally.take(soon())
    of_tom = [row for row in rows if row.who == "tom"]
    assert len(of_tom) == ROOM_OF_ONE + 1
    assert sum(int(str(times(row))) for row in of_tom) == 10 * ROOM
    assert (of_tom[-1].target, of_tom[-1].address) == ("", "")
    assert [(row.who, row.token, row.target) for row in rows if row not in of_tom] == [("mara", "laptop", "dmc/app")]


def test_a_flood_of_one_kind_hides_none_of_another() -> None:
    tally = Tally()
    for number in range(2 * ROOM):
        tally.sign_in_refused(Who(f"person-{number}"), Reason.WRONG)
    tally.signed_in(Who("ann"))
    tally.refused("tom", "", "dmc", "GET", 403)
    rows, _ = tally.take(soon())
    assert {(row.who, row.kind, row.outcome) for row in rows} >= {
        ("ann", Kind.SIGN_IN, Outcome.DONE),
        ("tom", Kind.ACCESS, Outcome.REFUSED),
    }


@pytest.mark.parametrize(
    "count", [lambda tally: tally.signed_in(Who("ann")), lambda tally: tally.sign_in_refused(Who("ann"), Reason.WRONG)]
)
def test_a_new_minute_is_a_new_row(count: Callable[[Tally], None]) -> None:
    tally = Tally()
    count(tally)
    assert len(tally.take(later())[0]) == 1
    count(tally)
    assert len(tally.take(soon())[0]) == 1


def test_what_could_not_be_written_is_kept_and_bounded() -> None:
    tally = Tally()
    tally.pulled(APP)
    tally.signed_in(Who("ann"))
    rows, pulls = tally.take(soon())
    tally.pulled(APP)
    tally.give_back(rows, pulls)
    assert tally.take(soon()) == (rows, {"dmc/app": 2})
    tally.give_back(list(rows) * 2 * MOST_UNWRITTEN, {})
    assert len(tally.take(soon())[0]) == MOST_UNWRITTEN
