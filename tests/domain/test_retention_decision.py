"""What rules of retention decide: a table of what people expect, and what holds whatever the rules are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.immutable import parse_immutable_tags
from moorage.domain.retention import DAY, Of, Rest, Rule
from moorage.domain.retention_decision import LAST_TAG, NO_RULE, Decision, KnownRule, Verdict, decide_retention, mark_of
from moorage.domain.retention_facts import ImageFacts, PinFacts, RepositoryFacts, TagFacts, reach

NOW = 1_000 * DAY
V, ALL = parse_immutable_tags(["v*"]), parse_immutable_tags(["*"])


def digest(name: str) -> str:
    return "sha256:" + name.encode().hex().ljust(64, "0")


def image(name: str, days: float = 0, pulled: float | None = None, **more: Any) -> ImageFacts:  # noqa: ANN401  fields of many types
    at = None if pulled is None else NOW - pulled * DAY
    return replace(ImageFacts(digest(name), NOW - days * DAY, at), **more)


def repository(tags: Mapping[str, float], *images: ImageFacts, **more: Any) -> RepositoryFacts:  # noqa: ANN401  fields of many types
    """Return a repository with a tag on an image of its own for each of these, pushed so many days ago."""
    every = [*(image(name, days) for name, days in tags.items()), *images]
    facts = RepositoryFacts(
        "app",
        {each.digest: each for each in every},
        tuple(TagFacts(name, digest(name), NOW - days * DAY) for name, days in tags.items()),
    )
    return replace(facts, **more)


def ruled(*rules: Rule) -> list[KnownRule]:
    return [KnownRule(number, f"rule {number}", rule) for number, rule in enumerate(rules, 1)]


def decide(facts: RepositoryFacts, *rules: Rule) -> Verdict:
    return decide_retention(facts, ruled(*rules), NOW)


def going(verdict: Verdict) -> list[str | None]:
    return [decision.tag for decision in verdict.going]


def of(verdict: Verdict, key: str) -> Decision:
    (found,) = (decision for decision in verdict.decisions if decision.key == key)
    return found


TWELVE = {f"t{number:02}": float(number) for number in range(12)}
VERSIONS = dict.fromkeys(("v1.9.0", "v1.10.0", "v1.10.4", "v2.0.0", "v2.1.0-rc1", "v1.8.3", "v1", "latest"), 100.0)


@pytest.mark.parametrize(
    ("tags", "rules", "gone"),
    [
        (TWELVE, [Rule(newest=10)], ["t10", "t11"]),
        (TWELVE, [Rule(pushed_days=10)], ["t10", "t11"]),
        ({"pr-1": 8, "pr-2": 6, "main": 30}, [Rule(tags=("pr-*",), pushed_days=7)], ["pr-1"]),
        ({"pr-1": 8, "pr-2": 6, "main": 30}, [Rule(repositories="shop/*", pushed_days=7)], []),
        ({"pr-1": 8, "pr-1-keep": 8, "a": 0}, [Rule(tags=("pr-*",), but_not=("*-keep",), pushed_days=7)], ["pr-1"]),
        (VERSIONS, [Rule(tags=("v*",), minors=3)], ["v1.8.3"]),
        (VERSIONS, [Rule(tags=("v*",), minors=1)], ["v1.10.0", "v1.10.4", "v1.8.3", "v1.9.0"]),
        ({"a": 1, "b": 2, "c": 3}, [Rule(newest=1, rest=Rest.PASS), Rule(pushed_days=3)], ["c"]),
        ({"a": 1, "pr-1": 9}, [Rule(tags=("pr-*",), newest=5, rest=Rest.PASS), Rule(pushed_days=1)], ["a"]),
        ({"a": 1, "b": 50}, [Rule(tags=("b",), newest=1), Rule(pushed_days=3)], []),
        ({"a": 1, "b": 50}, [], []),
    ],
)
def test_the_first_rule_that_is_about_a_tag_decides(tags: dict[str, float], rules: list[Rule], gone: list[str]) -> None:
    assert going(decide(repository(tags), *rules)) == gone


def test_a_decision_says_which_rule_and_why() -> None:
    facts = repository({"a": 1, "b": 20}, image("c"))
    verdict = decide(facts, Rule(newest=1, pulled_days=7))
    assert (of(verdict, "a").reason, of(verdict, "b").reason) == (
        "among the 1 newest and not pulled yet, and pushed 1 day ago",
        "not among the 1 newest, never pulled",
    )
    assert {decision.rule.name for decision in verdict.decisions if decision.rule} == {"rule 1"}
    assert of(verdict, digest("c")) == Decision(None, digest("c"), goes=False, reason=NO_RULE)


@pytest.mark.parametrize(
    ("pushed", "pulled", "counted", "stays"),
    [
        (100, 89, 400, True),
        (100, 91, 400, False),
        (100, None, 400, False),
        (89, None, 400, True),
        (100, None, 89, True),
        (100, 91, 10, False),
    ],
)
def test_what_was_pulled_lately_stays_and_what_had_no_chance_to_be(
    pushed: float, pulled: float | None, counted: float, *, stays: bool
) -> None:
    facts = repository({"a": 0, "b": pushed}, pulls_since=NOW - counted * DAY)
    facts = replace(facts, images={**facts.images, digest("b"): image("b", pushed, pulled)})
    assert of(decide(facts, Rule(pulled_days=90)), "b").goes is not stays


def test_a_pull_of_a_platform_is_one_of_its_index() -> None:
    facts = repository({"a": 0, "index": 100}, image("child", 100, 1), children={digest("index"): [digest("child")]})
    assert going(decide(facts, Rule(pulled_days=90))) == []


def test_an_image_without_a_tag_goes_some_time_after_it_lost_it() -> None:
    facts = repository({}, image("lost", 90, untagged_at=NOW - 13 * DAY), image("old", 90, untagged_at=NOW - 15 * DAY))
    verdict = decide(facts, Rule(of=Of.UNTAGGED, pushed_days=14))
    assert [decision.digest for decision in verdict.going] == [digest("old")]
    assert of(verdict, digest("old")).reason == "without a tag since 15 days ago"
    assert verdict.due == NOW + 1 * DAY


def test_platforms_and_referrers_are_not_untagged() -> None:
    facts = repository(
        {"index": 50},
        image("child", 50),
        image("sbom", 50, subject=digest("child")),
        image("orphan", 50, subject=digest("gone")),
        children={digest("index"): [digest("child")]},
    )
    verdict = decide(facts, Rule(of=Of.UNTAGGED, pushed_days=14))
    assert [decision.digest for decision in verdict.going] == [digest("orphan")]


def test_an_index_goes_with_its_platforms_and_what_refers_to_them() -> None:
    signature = digest("child").replace(":", "-") + ".sig"
    facts = repository(
        {"a": 0, "index": 50, "own": 50},
        image("child", 50),
        image("own-child", 50),
        image("sbom", 50, subject=digest("index")),
        image("sig", 50),
        children={digest("index"): [digest("child"), digest("own")]},
    )
    facts = replace(facts, tags=(*facts.tags, TagFacts(signature, digest("sig"), NOW)))
    verdict = decide(facts, Rule(tags=("index",), pushed_days=7))
    assert going(verdict) == ["index", signature]
    assert set(of(verdict, "index").takes) == {digest(name) for name in ("index", "child", "sbom", "sig")}
    assert of(verdict, signature).reason == "goes with index"


def test_a_signature_under_a_tag_stays_as_long_as_its_image() -> None:
    signature = digest("a").replace(":", "-") + ".sig"
    facts = repository({"a": 0}, image("sig", 90))
    facts = replace(facts, tags=(*facts.tags, TagFacts(signature, digest("sig"), NOW - 90 * DAY)))
    verdict = decide(facts, Rule(pushed_days=7))
    assert going(verdict) == []
    assert of(verdict, signature).reason == f"belongs to {digest('a')}"


def test_a_repository_keeps_its_last_tag() -> None:
    verdict = decide(repository({"a": 50, "b": 40}), Rule(pushed_days=7))
    assert (going(verdict), of(verdict, "b").reason) == (["a"], LAST_TAG)


def test_what_a_label_lets_go_goes_even_if_it_is_the_last() -> None:
    facts = repository({"a": 3})
    facts = replace(facts, images={digest("a"): image("a", 3, expires_after=2 * DAY)})
    verdict = decide(facts, Rule(of=Of.LABELLED))
    assert (going(verdict), of(verdict, "a").reason) == (
        ["a"],
        "the time of its label moorage.expires-after ended 1 day ago",
    )


def test_a_label_keeps_until_its_time_is_over() -> None:
    facts = repository({"a": 3, "b": 3})
    facts = replace(facts, images={**facts.images, digest("a"): image("a", 3, expires_after=4 * DAY)})
    verdict = decide(facts, Rule(of=Of.LABELLED), Rule(pushed_days=1))
    assert (going(verdict), verdict.due) == (["b"], NOW + DAY)


def test_an_immutable_tag_stays() -> None:
    verdict = decide(repository({"v1": 90, "a": 0}, immutable=V), Rule(pushed_days=7))
    assert (going(verdict), of(verdict, "v1").reason) == ([], "immutable (v*)")


def test_a_pin_keeps_an_image_its_tags_and_the_index_it_is_a_platform_of() -> None:
    facts = repository(
        {"a": 0, "index": 50, "b": 50},
        image("child", 50),
        children={digest("index"): [digest("child")]},
        pins={digest("child"): [PinFacts("agent", "runs in prod", NOW + 60), PinFacts("old", "", NOW + 30)]},
    )
    verdict = decide(facts, Rule(pushed_days=7))
    assert (going(verdict), verdict.due) == (["b"], NOW + 60)
    assert of(verdict, "index").reason == "one of its platforms is pinned by agent: runs in prod"


def test_two_tags_of_an_image_are_decided_one_by_one() -> None:
    facts = repository({"a": 0, "pr-1": 9})
    facts = replace(facts, tags=(facts.tags[0], TagFacts("pr-1", digest("a"), NOW - 9 * DAY)))
    verdict = decide(facts, Rule(tags=("pr-*",), pushed_days=7))
    assert (going(verdict), of(verdict, "pr-1").is_whole, of(verdict, "pr-1").takes) == (["pr-1"], False, ())


def test_time_alone_changes_nothing_that_a_count_keeps() -> None:
    assert decide(repository({"a": 50, "b": 1}), Rule(newest=2)).due == inf
    assert decide(repository({"a": 3, "b": 1}), Rule(pushed_days=7)).due == NOW + 4 * DAY
    assert decide(repository({"a": 3, "b": 1}), Rule(pushed_days=7, newest=1)).due == NOW + 4 * DAY


def test_other_rules_have_another_mark() -> None:
    marks = {
        mark_of(ruled(*rules), immutable) for rules in ([], [Rule(newest=1)], [Rule(newest=2)]) for immutable in ((), V)
    }
    assert len(marks) == 6


NAMES = ["a", "b", "c", "d", "e", "f"]
names = st.sampled_from(NAMES)
ages = st.floats(0, 60)


@st.composite
def repositories(draw: st.DrawFn) -> RepositoryFacts:
    images = {
        digest(name): image(
            name,
            draw(ages),
            draw(st.none() | ages),
            subject=draw(st.none() | st.builds(digest, names)),
            untagged_at=draw(st.none() | st.builds(lambda age: NOW - age * DAY, ages)),
            expires_after=draw(st.none() | st.integers(1, 60 * DAY)),
        )
        for name in NAMES
    }
    tag_names = st.sampled_from(
        ["v1.0.0", "v1.1.0", "pr-1", "pr-2", "x", *(digest(n).replace(":", "-") + ".sig" for n in NAMES)]
    )
    tags = draw(st.dictionaries(tag_names, st.tuples(st.builds(digest, names), ages)))
    children = draw(
        st.dictionaries(st.builds(digest, names), st.lists(st.builds(digest, names), max_size=3), max_size=3)
    )
    return RepositoryFacts(
        path="app",
        images=images,
        tags=tuple(TagFacts(name, target, NOW - age * DAY) for name, (target, age) in tags.items()),
        children=children,
        pins=draw(st.dictionaries(st.builds(digest, names), st.just([PinFacts("ann", "", None)]), max_size=2)),
        immutable=draw(st.sampled_from([(), V, ALL])),
    )


few = st.none() | st.integers(1, 30)
rules = st.builds(
    Rule,
    of=st.sampled_from(Of),
    repositories=st.sampled_from(["*", "app", "other"]),
    tags=st.sampled_from([("*",), ("pr-*",), ("v*",)]),
    newest=st.none() | st.integers(1, 3),
    pushed_days=few,
    pulled_days=few,
    rest=st.sampled_from(Rest),
)


def staying(facts: RepositoryFacts, verdict: Verdict) -> set[str]:
    """Return what must stay: what a tag that stays, a pin, or anything that is not said to go leads to."""
    taken = {image for decision in verdict.decisions for image in decision.takes}
    return reach(set(facts.images) - taken, facts.followers)


@given(repositories(), st.lists(rules, max_size=4))
def test_nothing_goes_that_is_pinned_immutable_or_below_something_that_stays(
    facts: RepositoryFacts, some: Sequence[Rule]
) -> None:
    verdict = decide(facts, *some)
    taken = {image for decision in verdict.decisions for image in decision.takes}
    assert not taken & set(facts.pins)
    assert not taken & staying(facts, verdict)
    kept_tags = {tag.digest for tag in facts.tags if tag.name not in going(verdict)}
    assert not taken & reach(kept_tags, facts.followers)
    gone = [decision for decision in verdict.going if decision.tag is not None]
    assert not (gone and facts.immutable == ALL)
    assert not any((decision.tag or "").startswith("v") for decision in gone if facts.immutable)
    assert not {decision.digest for decision in gone} & set(facts.pins)


@given(repositories(), st.lists(rules, max_size=4))
def test_whatever_goes_names_a_rule_of_its_repository(facts: RepositoryFacts, some: Sequence[Rule]) -> None:
    for decision in decide(facts, *some).going:
        assert decision.rule is not None
        assert decision.rule.rule in some
        assert decision.rule.rule.repositories != "other"


@given(repositories(), st.lists(rules, max_size=4))
def test_each_tag_is_decided_once_and_each_image_taken_once(facts: RepositoryFacts, some: Sequence[Rule]) -> None:
    verdict = decide(facts, *some)
    assert sorted(decision.tag for decision in verdict.decisions if decision.tag) == sorted(
        tag.name for tag in facts.tags
    )
    taken = [image for decision in verdict.decisions for image in decision.takes]
    assert len(taken) == len(set(taken))


@given(repositories(), st.lists(rules, max_size=4))
def test_before_it_is_due_nothing_more_goes(facts: RepositoryFacts, some: Sequence[Rule]) -> None:
    verdict = decide(facts, *some)
    soon = min(verdict.due, NOW + 365 * DAY) - 1
    if soon > NOW:
        later = decide_retention(facts, ruled(*some), soon)
        assert {decision.key for decision in later.going} <= {decision.key for decision in verdict.going}
