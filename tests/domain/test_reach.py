"""Reach: which names a list goes through, and that it holds just those that the decision lets one read."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.pattern import matches
from moorage.domain.reach import EVERYTHING, Reach, reach_of, whole_of

NAMES = st.builds("/".join, st.lists(st.text("ab", min_size=1, max_size=3), min_size=2, max_size=3)) | st.builds(
    "dmc/{}".format, st.text("ab", min_size=1, max_size=3).map(lambda part: part + "-b")
)
PATTERNS = st.builds("{}/{}".format, st.sampled_from(["a", "ab", "dmc"]), st.text("ab/*-", min_size=1, max_size=5))


def listed(reach: Reach, names: list[str], after: str = "") -> list[str]:
    """Go through sorted names as a list does."""
    return [
        name
        for span in reach.past(after)
        for name in span.among(name for name in sorted(names) if span.start <= name < span.end)
    ]


@given(st.lists(PATTERNS, max_size=6), st.lists(NAMES, unique=True))
def test_a_list_holds_what_some_pattern_matches_in_order(patterns: list[str], names: list[str]) -> None:
    expected = sorted(name for name in names if any(matches(pattern, name) for pattern in patterns))
    assert listed(reach_of(patterns), names) == expected


@given(st.lists(PATTERNS, max_size=6), st.lists(NAMES, unique=True), NAMES)
def test_a_page_begins_past_the_last_name_of_the_one_before(patterns: list[str], names: list[str], after: str) -> None:
    reach = reach_of(patterns)
    assert listed(reach, names, after) == [name for name in listed(reach, names) if name > after]


@given(st.lists(PATTERNS, max_size=4), st.lists(PATTERNS, max_size=4), st.lists(NAMES, unique=True))
def test_what_two_reach_is_what_each_of_them_does(one: list[str], other: list[str], names: list[str]) -> None:
    both = reach_of(one).within(reach_of(other))
    assert listed(both, names) == [
        name for name in listed(reach_of(one), names) if name in listed(reach_of(other), names)
    ]


@given(st.lists(PATTERNS, max_size=6))
def test_spans_do_not_overlap(patterns: list[str]) -> None:
    spans = reach_of(patterns).spans
    assert all(one.end <= next_one.start for one, next_one in pairwise(spans))


def test_a_list_goes_through_no_more_names_than_begin_like_a_pattern() -> None:
    spans = reach_of(["dmc/team/*", "dmc/docs", "dmc/a*-prod"]).spans
    assert [(span.start, span.end, bool(span.filters)) for span in spans] == [
        ("dmc/a", "dmc/b", True),
        ("dmc/docs", "dmc/docs ", False),
        ("dmc/team/", "dmc/team0", False),
    ]


def test_what_lies_in_a_whole_registry_needs_no_pattern_of_its_own() -> None:
    assert reach_of(["dmc/team/*", "dmc/*", "dmc/*-prod", "dmc/app"]) == whole_of("dmc")
    assert reach_of(["*", "dmc/*"]) == EVERYTHING
    assert reach_of([]).spans == ()
