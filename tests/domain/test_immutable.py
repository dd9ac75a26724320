"""Which tags never move."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.immutable import (
    LONGEST_REASON,
    MOST_RULES,
    Rule,
    check_may_move,
    check_reason,
    held_by,
    parse_immutable_tags,
)

TAGS = st.text("abv.-_019", min_size=1, max_size=12)


def is_held(tag: str, *rules: str, path: str = "app") -> bool:
    try:
        check_may_move(tag, path, parse_immutable_tags(rules))
    except MoorageError as error:
        assert error.error is ErrorCode.TAG_IMMUTABLE  # noqa: PT017
        return True
    return False


@pytest.mark.parametrize(
    ("pattern", "held", "free"),
    [
        ("v*", ("v", "v1", "v1.2.3"), ("latest", "1v", "V1")),
        ("*-final", ("-final", "1.0-final"), ("final", "1.0-final2")),
        ("1.*.0", ("1.2.0", "1.2.3.0"), ("1.0", "1x2.0", "1.2.0-rc")),
        ("latest", ("latest",), ("latest2", "xlatest")),
        ("*", ("anything", "1"), ()),
    ],
)
def test_a_star_stands_for_any_characters_and_all_else_for_itself(
    pattern: str, held: tuple[str, ...], free: tuple[str, ...]
) -> None:
    assert all(is_held(tag, pattern) for tag in held)
    assert not any(is_held(tag, pattern) for tag in free)


def test_one_of_several_patterns_is_enough_and_none_holds_nothing() -> None:
    assert is_held("v1", "x*", "v*")
    assert not is_held("v1")


def test_what_a_rule_leaves_out_and_where_it_is_not_moves() -> None:
    rule = "v* !*-dev !*-rc* @team/*"
    assert is_held("v1", rule, path="team/app")
    assert not is_held("v1-dev", rule, path="team/app")
    assert not is_held("v1-rc2", rule, path="team/app")
    assert not is_held("v1", rule, path="app")
    assert not is_held("v1", rule, path="team")
    assert is_held("v1-dev", rule, "v1-dev", path="team/app"), "one rule leaves out what another one holds"


def test_several_tags_are_as_many_rules_and_a_rule_is_read_as_it_is_written() -> None:
    rules = parse_immutable_tags(["v* *-final !*-dev @team/*", "latest"])
    assert rules == (
        Rule("v*", ("*-dev",), "team/*"),
        Rule("*-final", ("*-dev",), "team/*"),
        Rule("latest"),
    )
    assert parse_immutable_tags(map(str, rules)) == rules
    assert held_by("1-final", "team/app", rules) == rules[1]
    assert held_by("1", "team/app", rules) is None


def test_what_was_set_when_a_rule_was_no_more_than_tags_is_read_whole() -> None:
    patterns = [f"{number:02}" + "x" * 120 + "*" for number in range(20)]
    assert [rule.tags for rule in parse_immutable_tags([" ".join(patterns)])] == patterns


@pytest.mark.parametrize("text", ["", " ", "\n", "x" * (LONGEST_REASON + 1)])
def test_what_says_nothing_is_no_reason(text: str) -> None:
    with pytest.raises(MoorageError) as refused:
        check_reason(text)
    assert refused.value.error is ErrorCode.VALUE_INVALID


@given(TAGS, st.integers(0, 12), st.integers(0, 12))
def test_a_tag_with_a_part_left_out_is_held(tag: str, start: int, end: int) -> None:
    assert is_held(tag, f"{tag[:start]}*{tag[max(start, end) :]}")


@given(TAGS, TAGS)
def test_a_pattern_without_a_star_holds_itself_alone(tag: str, other: str) -> None:
    assert is_held(other, tag) == (tag == other)


@pytest.mark.parametrize(
    "texts",
    [
        ["a  b"],
        ["!v*"],
        ["@team/*"],
        ["v* !"],
        ["v* @"],
        ["v* @Team"],
        ["v* @a @b"],
        ["v*\t!x"],
        ["v* !" + "x" * 100 + " !" + "y" * 100 + " !" + "z" * 100],
        [""],
        ["é"],
        ["v*\n"],
        ["[a]"],
        ["x" * 129],
        ["v*"] + [f"{n}" for n in range(20)],
    ],
)
def test_what_is_no_pattern_is_refused_in_words(texts: list[str]) -> None:
    with pytest.raises(MoorageError) as refused:
        parse_immutable_tags(texts)
    assert refused.value.error is ErrorCode.VALUE_INVALID
    assert refused.value.detail == {"field": "immutable_tags"}


def test_patterns_are_kept_once_in_their_order() -> None:
    assert parse_immutable_tags(["v*", "latest", "v*"]) == (Rule("v*"), Rule("latest"))
    assert len(parse_immutable_tags(str(number) for number in range(MOST_RULES))) == MOST_RULES
