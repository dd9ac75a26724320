"""The clauses of a rule of retention, held against one tag or image: whether it is kept, until when, and in words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from moorage.domain.pattern import WHOLE
from moorage.domain.retention import DAY, LABEL, Of, Rule, days
from moorage.domain.retention_facts import ImageFacts, TagFacts
from moorage.domain.version import Version, parse_version


@dataclass(frozen=True, slots=True)
class Thing:
    """What a rule decides about: a tag, or an image without one; `at` is what its age counts from."""

    image: ImageFacts
    tag: TagFacts | None
    at: float
    pulled_at: float | None

    @property
    def key(self) -> str:
        """What it is listed by."""
        return self.image.digest if self.tag is None else self.tag.name

    @property
    def newest_first(self) -> tuple[float, str]:
        """Where it is in a list by time."""
        return -self.at, self.key


class Held(NamedTuple):
    """Whether a clause keeps something, until when if by time alone, and why in words."""

    holds: bool
    until: float
    words: str


class Clauses:
    """The clauses of one rule in one repository, at a time; `pulls_since` is when pulls began to be counted."""

    def __init__(self, rule: Rule, things: Sequence[Thing], now: float, pulls_since: float) -> None:
        self._rule = rule
        self._now = now
        self._pulls_since = pulls_since
        mine = [thing for thing in things if is_about(rule, thing)]
        self._newest = {thing.key for thing in sorted(mine, key=lambda thing: thing.newest_first)[: rule.newest]}
        self._lowest = _lowest(_versions(mine), rule.minors) if rule.minors is not None else None

    def of(self, thing: Thing) -> Iterator[Held]:
        """Hold each clause against something that the rule is about."""
        rule = self._rule
        if rule.of is Of.LABELLED:
            yield self._labelled(thing.image)
        if rule.newest is not None:
            is_newest = thing.key in self._newest
            yield Held(is_newest, inf, f"{'' if is_newest else 'not '}among the {rule.newest} newest")
        if rule.minors is not None:
            yield self._versioned(rule.minors, thing)
        if rule.pushed_days is not None:
            yield self._pushed(rule.pushed_days, thing)
        if rule.pulled_days is not None:
            yield self._pulled(rule.pulled_days, thing)

    def _labelled(self, image: ImageFacts) -> Held:
        end = image.pushed_at + (image.expires_after or 0)
        is_over = end <= self._now
        words = f"ended {span(self._now - end)} ago" if is_over else f"ends in {span(end - self._now)}"
        return Held(not is_over, end, f"the time of its label {LABEL} {words}")

    def _versioned(self, minors: int, thing: Thing) -> Held:
        version = parse_version(thing.tag.name) if thing.tag else None
        holds = version is not None and self._lowest is not None and version.line >= self._lowest
        return Held(holds, inf, f"{'' if holds else 'not '}of the last {minors} minor releases")

    def _pushed(self, number: int, thing: Thing) -> Held:
        until = thing.at + number * DAY
        verb = "pushed" if thing.tag is not None or thing.at == thing.image.pushed_at else "without a tag since"
        return Held(self._now < until, until, f"{verb} {span(self._now - thing.at)} ago")

    def _pulled(self, number: int, thing: Thing) -> Held:
        if thing.pulled_at is not None and self._now < thing.pulled_at + number * DAY:
            return Held(True, thing.pulled_at + number * DAY, f"pulled {span(self._now - thing.pulled_at)} ago")  # noqa: FBT003  the first field says what it is
        if self._now < thing.at + number * DAY:
            # It had no chance to be pulled yet: a new image must not go before those that wait for it have come.
            words = f"not pulled yet, and pushed {span(self._now - thing.at)} ago"
            return Held(True, thing.at + number * DAY, words)  # noqa: FBT003  likewise
        counted = self._pulls_since + number * DAY
        if thing.pulled_at is None and self._now < counted:
            words = f"no pull known, and they are counted for {span(self._now - self._pulls_since)} only"
            return Held(True, counted, words)  # noqa: FBT003  likewise
        last = "never pulled" if thing.pulled_at is None else f"last pulled {span(self._now - thing.pulled_at)} ago"
        return Held(False, inf, last)  # noqa: FBT003  likewise


def is_about(rule: Rule, thing: Thing) -> bool:
    """Tell whether a rule decides about something in a repository that it is about.

    A rule by version passes over tags that are no versions, as `latest` or `v1`.
    """
    if rule.of is Of.LABELLED and thing.image.expires_after is None:
        return False
    if thing.tag is None:
        return rule.of is Of.UNTAGGED or (rule.of is Of.LABELLED and rule.tags == (WHOLE,) and not rule.but_not)
    if rule.of is Of.UNTAGGED or not rule.is_about_tag(thing.tag.name):
        return False
    return rule.minors is None or parse_version(thing.tag.name) is not None


def span(seconds: float) -> str:
    """Return a time in words, as `3 days` or `5 hours`."""
    for unit, length in (("day", DAY), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            whole = int(seconds // length)
            return days(whole) if unit == "day" else f"{whole} {unit}{'' if whole == 1 else 's'}"
    return "less than a minute"


def _versions(things: Iterable[Thing]) -> list[Version]:
    found = (parse_version(thing.tag.name) for thing in things if thing.tag)
    return [version for version in found if version is not None]


def _lowest(versions: Sequence[Version], minors: int) -> tuple[int, int] | None:
    """Return the lowest minor that is kept; one counts when it has a release, where any has."""
    released = {version.line for version in versions if version.is_release} or {version.line for version in versions}
    return sorted(released)[-minors:][0] if released else None
