"""Rules of retention: what a registry keeps and lets go, as data, and in words.

    rule ::= where, what, clauses, rest      {"of": "tags", "repositories": "shop/*", "tags": ["pr-*"],
                                              "newest": 20, "pulled_days": 7, "rest": "remove"}

Rules stand in an order. The first one that is about a tag, or an image without one, decides: it stays if any clause
keeps it, else it goes, or (`rest` is `pass`) the next rule that is about it decides. What no rule is about stays. How
that comes out for a whole repository: retention_decision.py.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.immutable import PATTERN
from moorage.domain.pattern import WHOLE, matches, parse_pattern

LABEL = "moorage.expires-after"
"""The label, or annotation, by which whoever builds an image says how long it is good for."""

DAY = 86_400
MOST_RULES = 50
MOST_PATTERNS = 20
LONGEST_NAME = 64
MOST_DAYS = 3650
MOST_KEPT = 10_000

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}
_SPAN = re.compile(r"([1-9][0-9]{0,8})([smhdw])", re.ASCII)


class Of(StrEnum):
    """What a rule is about."""

    TAGS = "tags"
    UNTAGGED = "untagged"
    """Images that no tag, index or subject leads to."""
    LABELLED = "labelled"
    """Whatever has the label, tagged or not: it stays until its time is over."""


class Rest(StrEnum):
    """What becomes of what a rule is about and no clause of it keeps."""

    REMOVE = "remove"
    PASS = "pass"  # noqa: S105  a word, no secret


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule; of a number that is None there is no such clause.

    `newest` counts what the rule is about in one repository, by time of push. `pushed_days` counts from the last push,
    of an image without a tag from when it lost its last one. `minors` keeps the versions of so many minor releases.
    """

    of: Of = Of.TAGS
    repositories: str = WHOLE
    tags: tuple[str, ...] = (WHOLE,)
    but_not: tuple[str, ...] = ()
    newest: int | None = None
    pushed_days: int | None = None
    pulled_days: int | None = None
    minors: int | None = None
    rest: Rest = Rest.REMOVE

    def is_about_repository(self, path: str) -> bool:
        """Tell whether it is about anything in a repository, by its name without the registry."""
        return matches(self.repositories, path)

    def is_about_tag(self, name: str) -> bool:
        """Tell whether it is about a tag, going by the name."""
        return any(matches(like, name) for like in self.tags) and not any(matches(like, name) for like in self.but_not)


def rule_text(rule: Rule) -> str:
    """Return a rule as JSON, the same for equal rules."""
    return json.dumps(asdict(rule), separators=(",", ":"))


def read_rule(text: str) -> Rule:
    """Return the rule that `rule_text` wrote."""
    found = json.loads(text)
    return Rule(
        **{**found, "of": Of(found["of"]), "rest": Rest(found["rest"])}
        | {name: tuple(found[name]) for name in ("tags", "but_not")}
    )


def check_rule(rule: Rule) -> Rule:
    """Return a rule, or raise VALUE_INVALID when it makes no sense."""
    try:
        parse_pattern(rule.repositories)
    except MoorageError as error:
        raise _invalid("repositories", error.message) from None
    _check_tags("tags", rule.tags, least=1)
    _check_tags("but_not", rule.but_not, least=0)
    for field, most in (("newest", MOST_KEPT), ("pushed_days", MOST_DAYS), ("pulled_days", MOST_DAYS), ("minors", 100)):
        value = getattr(rule, field)
        if value is not None and not 1 <= value <= most:
            raise _invalid(field, f"{field} is a whole number, 1 to {most}")
    clauses = [name for name in ("newest", "pushed_days", "pulled_days", "minors") if getattr(rule, name) is not None]
    if rule.of is Of.LABELLED:
        if clauses or rule.rest is Rest.PASS:
            raise _invalid("of", f"how long an image with the label {LABEL} is kept says the label alone")
        return rule
    if not clauses:
        raise _invalid("newest", "a rule says what it keeps: the newest, or what was pushed or pulled lately")
    if rule.of is Of.UNTAGGED and rule.minors is not None:
        raise _invalid("minors", "an image without a tag has no version")
    return rule


def _check_tags(field: str, patterns: Sequence[str], least: int) -> None:
    wrong = [pattern for pattern in patterns if PATTERN.fullmatch(pattern) is None]
    if wrong or not least <= len(patterns) <= MOST_PATTERNS:
        message = f"name {least} to {MOST_PATTERNS} tags, in which * stands for any characters, as v* or pr-*"
        raise _invalid(field, message)


def _invalid(field: str, message: str) -> MoorageError:
    return MoorageError(ErrorCode.VALUE_INVALID, message, {"field": field})


def check_name(name: str) -> str:
    """Return what a rule is called, or raise VALUE_INVALID."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise _invalid("name", f"a rule needs a name of at most {LONGEST_NAME} characters")
    return name


def parse_span(text: str) -> int | None:
    """Return the seconds that a label names, as `7d` or `36h`; None if it names none."""
    found = _SPAN.fullmatch(text.strip())
    return int(found[1]) * _SECONDS[found[2]] if found else None


def words(rule: Rule) -> str:
    """Say what a rule does."""
    where = "all repositories" if rule.repositories == WHOLE else rule.repositories
    return f"In {where}{_what(rule)}: {_does(rule)}."


def days(number: float) -> str:
    """Return `1 day` or `7 days`, whole ones."""
    whole = int(number)
    return "1 day" if whole == 1 else f"{whole} days"


def _what(rule: Rule) -> str:
    some = rule.tags != (WHOLE,)
    if rule.of is Of.UNTAGGED or not (some or rule.but_not):
        return ""
    like = f", of tags like {_or(rule.tags)}" if some else ", of all tags"
    return like + (f" but not {_or(rule.but_not)}" if rule.but_not else "")


def _or(texts: Sequence[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} or {last}" if first else last


def _does(rule: Rule) -> str:
    if rule.of is Of.LABELLED:
        return f"remove images when the time that their label {LABEL} says is over"
    if rule.rest is Rest.REMOVE and rule.newest is None and rule.minors is None:
        only = _removes(rule)
        if only:
            return only
    kept = ", and ".join(_keeps(rule))
    things = " without a tag" if rule.of is Of.UNTAGGED else ""
    rest = "Remove the rest" if rule.rest is Rest.REMOVE else "The rules below decide about the rest"
    return f"keep {kept}{things}. {rest}"


def _removes(rule: Rule) -> str:
    """Say what goes where one clause of time is all there is."""
    if rule.pulled_days is not None and rule.pushed_days is not None:
        return ""
    what = "images without a tag that" if rule.of is Of.UNTAGGED else "what"
    if rule.pulled_days is not None:
        return f"remove {what} nobody pulled for {days(rule.pulled_days)}"
    assert rule.pushed_days is not None  # noqa: S101  a rule has a clause
    if rule.of is Of.UNTAGGED:
        return f"remove images without a tag {days(rule.pushed_days)} after they lost it"
    return f"remove what was pushed more than {days(rule.pushed_days)} ago"


def _keeps(rule: Rule) -> list[str]:
    kept = []
    if rule.newest is not None:
        kept.append(f"the {rule.newest} newest" if rule.newest > 1 else "the newest")
    if rule.minors is not None:
        kept.append(f"the versions of the last {rule.minors} minors" if rule.minors > 1 else "those of the last minor")
    if rule.pushed_days is not None:
        kept.append(f"all pushed in the last {days(rule.pushed_days)}")
    if rule.pulled_days is not None:
        kept.append(f"all pulled in the last {days(rule.pulled_days)}")
    return kept
