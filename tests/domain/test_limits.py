"""An access token reaches as far as it says and no further, and makes none that reaches further than itself."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.access import Action, Caller, Grant, Place, Role, Visibility, is_allowed, is_own
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.limits import Limits, TokenAction, covers, parse_place, whole
from moorage.domain.pattern import matches

PULL, PUSH, DELETE, MANAGE = TokenAction
ALL = frozenset(TokenAction)

paths = st.text("ab/*", max_size=8).filter(
    lambda text: "**" not in text and "//" not in text and text.strip("/") == text
)
patterns = st.one_of(
    st.just("*"),
    st.builds(lambda registry, path: f"{registry}/{path or '*'}", st.sampled_from(["dmc", "dm", "dmc-x"]), paths),
)
stars = st.lists(st.text("ab/", max_size=3), min_size=8, max_size=8)
actions = st.sampled_from([frozenset({PULL}), frozenset({MANAGE}), frozenset({PULL, PUSH}), ALL])
ends = st.one_of(st.none(), st.integers(0, 10).map(float))
few = st.sampled_from(["*", "dmc/*", "dmc/a*", "dmc/a", "dmc/a/b", "dm/*"])
limits = st.builds(Limits, st.just(1), st.just("one"), actions, st.lists(few, min_size=1, max_size=2).map(tuple), ends)


def filled(pattern: str, stars: list[str]) -> str:
    """Return a name that a pattern matches: one of what its stars stand for."""
    first, *rest = pattern.split("*")
    return first + "".join(star + part for star, part in zip(stars, rest, strict=False))


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("*", ["*", "dmc/*", "dmc/team/*", "dmc/app"], []),
        ("dmc/*", ["dmc/*", "dmc/team/*", "dmc/app", "dmc/a/b"], ["*", "dm/app", "dmc-x/app", "dmc-x/*", "dmc"]),
        ("dmc/team/*", ["dmc/team/*", "dmc/team/app", "dmc/team/a/*"], ["dmc/*", "dmc/team", "dmc/teams/app", "*"]),
        ("dmc/team*", ["dmc/team", "dmc/team*", "dmc/teams/app"], ["dmc/*", "dmc/tea", "dmc/tea*"]),
        ("dmc/*/app", ["dmc/*/app", "dmc/a/app", "dmc/a/b/app", "dmc/a*/app"], ["dmc/app", "dmc/*", "dmc/a/app2"]),
        ("dmc/app", ["dmc/app"], ["dmc/*", "dmc/app2", "dmc/app/x", "dmc/ap*", "*"]),
    ],
)
def test_a_pattern_holds_what_lies_wholly_within_it(pattern: str, inside: list[str], outside: list[str]) -> None:
    assert [place for place in inside if not covers(pattern, place)] == []
    assert [place for place in outside if covers(pattern, place)] == []


@given(patterns, patterns, stars)
def test_what_is_within_a_pattern_matches_nothing_beyond_it(wide: str, narrow: str, stars: list[str]) -> None:
    name = filled(narrow, stars)
    assert matches(narrow, name)
    assert matches(wide, name) or not covers(wide, narrow)


@given(patterns, st.lists(st.text("ab*", max_size=3), min_size=8, max_size=8))
def test_a_pattern_holds_each_that_says_more_in_place_of_a_star(wide: str, stars: list[str]) -> None:
    assert covers(wide, filled(wide, stars))


def test_within_is_passed_on() -> None:
    some = ["*", "dmc/*", "dmc/*a*", "dmc/a*", "dmc/*a", "dmc/a*b", "dmc/a", "dmc/a/*", "dmc/*/a", "dmc/a/b", "dm/*"]
    found = [(a, b, c) for a, b, c in product(some, repeat=3) if covers(a, b) and covers(b, c)]
    assert len(found) > 3 * len(some)
    assert [triple for triple in found if not covers(triple[0], triple[2])] == []


@given(patterns)
def test_every_pattern_is_within_itself_and_the_server(pattern: str) -> None:
    assert covers(pattern, pattern)
    assert covers("*", pattern)


@pytest.mark.parametrize(
    ("held", "place", "allowed"),
    [
        ((PULL, ["dmc/*"]), "dmc/app", {PULL}),
        ((PULL, ["dmc/*"]), "dmc/*", {PULL}),
        ((PULL, ["dmc/*"]), "other/app", set()),
        ((PULL, ["dmc/*"]), "*", set()),
        ((MANAGE, ["*"]), "dmc/app", {MANAGE}),
        ((MANAGE, []), "dmc/app", set()),
        ((DELETE, ["a/x", "dmc/y", "dmc/app"]), "dmc/app", {DELETE}),
    ],
)
def test_a_token_is_for_its_actions_in_its_patterns(
    held: tuple[TokenAction, list[str]], place: str, allowed: set[TokenAction]
) -> None:
    token = Limits(1, "one", frozenset({held[0]}), tuple(held[1]))
    assert {action for action in TokenAction if token.cover(action, place)} == allowed


@given(limits, limits, st.sampled_from(TokenAction), few)
def test_a_token_includes_none_that_reaches_further(
    maker: Limits, child: Limits, action: TokenAction, place: str
) -> None:
    included = maker.include(child.actions, child.patterns, child.expires_at)
    assert not included or maker.cover(action, place) or not child.cover(action, place)


@pytest.mark.parametrize(
    ("actions", "patterns", "included"),
    [
        ([PULL, PUSH], ["dmc/*", "dm/a"], True),
        ([PULL], ["dmc/team/*", "dm/a", "dmc/x"], True),
        ([PULL, DELETE], ["dmc/*"], False),
        ([DELETE, PULL], ["dmc/*"], False),
        ([PULL], ["dmc/*", "dm/*"], False),
        ([PULL], ["dm/*", "dmc/*"], False),
        ([PULL], ["*"], False),
    ],
)
def test_a_token_includes_what_all_of_it_covers(
    actions: list[TokenAction], patterns: list[str], *, included: bool
) -> None:
    maker = Limits(1, "one", frozenset({PULL, PUSH}), ("dm/a", "dmc/*"))
    assert maker.include(actions, patterns, None) is included


@pytest.mark.parametrize(
    ("maker", "child", "included"),
    [(None, None, True), (None, 9.0, True), (5.0, 5.0, True), (5.0, 4.9, True), (5.0, 5.1, False), (5.0, None, False)],
)
def test_a_token_includes_none_that_outlives_it(maker: float | None, child: float | None, *, included: bool) -> None:
    assert Limits(1, "one", ALL, ("*",), maker).include([PULL], ["*"], child) is included


callers = st.builds(Caller, st.just(7), st.just("ann"), st.booleans())
places = st.one_of(
    st.none(),
    st.builds(
        Place,
        st.sampled_from(Visibility),
        st.lists(st.builds(Grant, st.sampled_from(Role), st.sampled_from(["*", "a*", "a/b"])), max_size=2).map(tuple),
        st.sampled_from(["dmc", "dm"]),
    ),
)


@given(callers, limits, st.sampled_from(Action), places, st.one_of(st.none(), st.sampled_from(["a", "a/b", "b"])))
def test_an_access_token_allows_nothing_that_its_account_may_not(
    caller: Caller, held: Limits, action: Action, place: Place | None, path: str | None
) -> None:
    repository = None if path is None or place is None else f"{place.address}/{path}"
    narrowed = is_allowed(replace(caller, limits=held), action, place, repository)
    assert is_allowed(caller, action, place, repository) or not narrowed


@given(callers, limits, limits, st.sampled_from(Action), places, st.sampled_from(["a", "a/b", "b"]))
def test_a_token_made_with_another_allows_nothing_that_the_other_does_not(
    caller: Caller, maker: Limits, child: Limits, action: Action, place: Place | None, path: str
) -> None:
    included = maker.include(child.actions, child.patterns, child.expires_at)
    repository = None if place is None else f"{place.address}/{path}"
    for asked in (None, repository):
        if included and is_allowed(replace(caller, limits=child), action, place, asked):
            assert is_allowed(replace(caller, limits=maker), action, place, asked)


@given(limits)
def test_only_with_manage_one_looks_after_ones_own_account(held: Limits) -> None:
    assert is_own(Caller(7, "ann", limits=held), "ann") is (MANAGE in held.actions)
    assert not is_own(Caller(7, "ann", limits=held), "bob")
    assert not is_own(Caller(None, "ann", limits=held), "ann")


@pytest.mark.parametrize(
    ("text", "place"),
    [("*", "*"), ("dmc/*", "dmc/*"), ("DMC/team/*", "dmc/team/*"), ("dmc/a.b_c-d/*x", "dmc/a.b_c-d/*x")],
)
def test_a_place_is_written_in_one_way(text: str, place: str) -> None:
    assert parse_place(text) == place
    assert parse_place(place) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dmc",
        "dmc/",
        "/app",
        "*/app",
        "d*/app",
        "**",
        "dmc/**",
        "dmc//a",
        "dmc/A",
        "dmc/a b",
        "dmc/a\n",
        "api/*",
        "dmc/ä",
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(MoorageError) as refused:
        parse_place(text)
    assert refused.value.error is ErrorCode.VALUE_INVALID
    assert refused.value.detail == {"field": "patterns"}


def test_all_of_a_registry_is_one_place() -> None:
    assert whole("dmc") == parse_place("dmc/*")
