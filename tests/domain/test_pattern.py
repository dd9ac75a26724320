"""Patterns: what is one, and what it matches."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.errors import ErrorCode
from moorage.domain.pattern import LONGEST_PATTERN, any_of, matches, parse_pattern
from tests.domain.refusals import refusal

TEXT = st.text("ab/*", max_size=12)


@pytest.mark.parametrize("text", ["*", "app", "team/*", "*/app", "a*b*c", "a.b_c-d/e", "*-*", "a" * LONGEST_PATTERN])
def test_what_is_a_pattern(text: str) -> None:
    assert parse_pattern(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/team",
        "team/",
        "team//app",
        "**",
        "team/**",
        "Team/*",
        "team/?",
        "team/[ab]",
        "te am",
        "team\n",
        "\n",
        "a%",
        "a\\",
        "\u0661",
        "a" * (LONGEST_PATTERN + 1),
    ],
)
def test_what_is_none(text: str) -> None:
    assert refusal(parse_pattern, text) is ErrorCode.VALUE_INVALID


@pytest.mark.parametrize(
    ("pattern", "path", "is_matched"),
    [
        ("*", "app", True),
        ("*", "team/app", True),
        ("app", "app", True),
        ("app", "apps", False),
        ("app", "team/app", False),
        ("team/*", "team/app", True),
        ("team/*", "team/a/b", True),
        ("team/*", "team", False),
        ("team/*", "teams/app", False),
        ("team*", "team", True),
        ("*/app", "team/app", True),
        ("*/app", "app", False),
        ("ab*ba", "aba", False),
        ("ab*ba", "abba", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a_b", "axb", False),
        ("a.b", "axb", False),
    ],
)
def test_what_a_pattern_matches(pattern: str, path: str, *, is_matched: bool) -> None:
    assert matches(pattern, path) is is_matched


@given(TEXT, st.text("ab/", max_size=12))
def test_a_star_is_any_run_of_characters_and_nothing_else_is(pattern: str, path: str) -> None:
    regular = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert matches(pattern, path) is (re.fullmatch(regular, path) is not None)


@given(st.text("abc/._-", max_size=30), st.text("abc/._-", max_size=30), st.text("abc/._-", max_size=30))
def test_a_star_stands_for_whatever_is_put_there(before: str, between: str, after: str) -> None:
    assert matches(f"{before}*{after}", before + between + after)


@given(st.lists(TEXT, max_size=6), st.text("ab/", max_size=12))
def test_one_of_many_patterns_matches_what_it_matches_by_itself(patterns: list[str], path: str) -> None:
    assert any_of(tuple(patterns))(path) is any(matches(pattern, path) for pattern in patterns)


def test_no_pattern_takes_long() -> None:
    # Trying every way to place the stars would take longer than anybody waits.
    assert not matches("*a" * 100 + "*b", "a" * 255)
