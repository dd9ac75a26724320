"""Rules of retention: what they may say, and how they say it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.retention import Of, Rest, Rule, check_name, check_rule, parse_span, read_rule, rule_text, words

SAID = {
    "In shop/*, of tags like pr-*: keep the 20 newest, and all pulled in the last 7 days. Remove the rest.": Rule(
        repositories="shop/*", tags=("pr-*",), newest=20, pulled_days=7
    ),
    "In all repositories: remove images without a tag 7 days after they lost it.": Rule(of=Of.UNTAGGED, pushed_days=7),
    "In tools/kaniko-cache: remove what nobody pulled for 30 days.": Rule(
        repositories="tools/kaniko-cache", pulled_days=30
    ),
    "In all repositories, of tags like pr-*: remove what was pushed more than 7 days ago.": Rule(
        tags=("pr-*",), pushed_days=7
    ),
    "In all repositories, of tags like v*: keep the versions of the last 3 minors. Remove the rest.": Rule(
        tags=("v*",), minors=3
    ),
    "In all repositories: keep the 10 newest. The rules below decide about the rest.": Rule(newest=10, rest=Rest.PASS),
    "In all repositories, of tags like a*, b* or c* but not *-dev: keep the newest. Remove the rest.": Rule(
        tags=("a*", "b*", "c*"), but_not=("*-dev",), newest=1
    ),
    "In all repositories: keep the 5 newest without a tag. Remove the rest.": Rule(of=Of.UNTAGGED, newest=5),
    "In all repositories: remove images when the time that their label moorage.expires-after says is over.": Rule(
        of=Of.LABELLED
    ),
}


@pytest.mark.parametrize("said", SAID)
def test_a_rule_is_said_in_words(said: str) -> None:
    assert words(check_rule(SAID[said])) == said


@pytest.mark.parametrize(
    "rule",
    [
        Rule(),
        Rule(rest=Rest.PASS),
        Rule(newest=0),
        Rule(newest=10_001),
        Rule(pushed_days=0),
        Rule(pulled_days=3651),
        Rule(minors=101),
        Rule(newest=1, tags=()),
        Rule(newest=1, tags=("a b",)),
        Rule(newest=1, tags=("a",) * 21),
        Rule(newest=1, but_not=("ü",)),
        Rule(newest=1, repositories=""),
        Rule(newest=1, repositories="A"),
        Rule(newest=1, repositories="a//b"),
        Rule(of=Of.UNTAGGED, minors=1),
        Rule(of=Of.LABELLED, newest=1),
        Rule(of=Of.LABELLED, rest=Rest.PASS),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: Rule) -> None:
    with pytest.raises(MoorageError) as failed:
        check_rule(rule)
    assert failed.value.error is ErrorCode.VALUE_INVALID


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb", "\u202e"])
def test_a_rule_needs_a_name(name: str) -> None:
    with pytest.raises(MoorageError):
        check_name(name)
    assert check_name("Keep 20 pull-request tags") == "Keep 20 pull-request tags"


numbers = st.none() | st.integers(1, 100)
rules = st.builds(
    Rule,
    of=st.sampled_from(Of),
    repositories=st.sampled_from(["*", "app"]),
    tags=st.sampled_from([("*",), ("pr-*", "x")]),
    but_not=st.sampled_from([(), ("*-dev",)]),
    newest=numbers,
    pushed_days=numbers,
    pulled_days=numbers,
    minors=numbers,
    rest=st.sampled_from(Rest),
)


@given(rules)
def test_a_rule_is_read_as_it_was_written(rule: Rule) -> None:
    assert read_rule(rule_text(rule)) == rule


@pytest.mark.parametrize(
    ("text", "seconds"), [("7d", 604_800), ("36h", 129_600), (" 2w ", 1_209_600), ("90s", 90), ("5m", 300)]
)
def test_a_label_says_a_time(text: str, seconds: int) -> None:
    assert parse_span(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "1.5d", "7 d", "7y", "9999999999d", "٣d"])
def test_another_label_says_none(text: str) -> None:
    assert parse_span(text) is None
