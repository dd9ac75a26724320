"""Which tags never move."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.immutable import MOST_PATTERNS, check_may_move, parse_immutable_tags

TAGS = st.text("abv.-_019", min_size=1, max_size=12)


def is_held(tag: str, *patterns: str) -> bool:
    try:
        check_may_move(tag, patterns)
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


@given(TAGS, st.integers(0, 12), st.integers(0, 12))
def test_a_tag_with_a_part_left_out_is_held(tag: str, start: int, end: int) -> None:
    assert is_held(tag, f"{tag[:start]}*{tag[max(start, end) :]}")


@given(TAGS, TAGS)
def test_a_pattern_without_a_star_holds_itself_alone(tag: str, other: str) -> None:
    assert is_held(other, tag) == (tag == other)


@pytest.mark.parametrize(
    "texts", [["a b"], [""], ["é"], ["v*\n"], ["[a]"], ["x" * 129], ["v*"] + [f"{n}" for n in range(20)]]
)
def test_what_is_no_pattern_is_refused_in_words(texts: list[str]) -> None:
    with pytest.raises(MoorageError) as refused:
        parse_immutable_tags(texts)
    assert refused.value.error is ErrorCode.VALUE_INVALID
    assert refused.value.detail == {"field": "immutable_tags"}


def test_patterns_are_kept_once_in_their_order() -> None:
    assert parse_immutable_tags(["v*", "latest", "v*"]) == ("v*", "latest")
    assert len(parse_immutable_tags(str(number) for number in range(MOST_PATTERNS))) == MOST_PATTERNS
