"""Tags that never move: a registry has rules for them, and every way to move or delete a tag asks here.

    rule    ::= pattern *( " !" pattern ) [ " @" repositories ]        255 characters at most
    pattern ::= 1 to 128 of [A-Za-z0-9_.-] and *, where * stands for any characters, and for none

`v* !*-dev @team/*` holds the tags like v*, but not those like *-dev, in the repositories that team/* matches as the
pattern of a grant does (pattern.py); without @ in all of the registry. Several patterns without ! are as many rules.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.pattern import WHOLE, matches, parse_pattern

PATTERN = re.compile(r"[A-Za-z0-9_.*-]{1,128}", re.ASCII)
BUT_NOT, IN = "!", "@"
LONGEST_RULE = 255
MOST_RULES = 20
LONGEST_REASON = 200

GRAMMAR = (
    f"immutable tags are at most {MOST_RULES} rules like v* !*-dev @team/*, each of {LONGEST_RULE} characters at most: "
    "a tag in which * stands for any characters, then with ! what it does not hold, and with @ in which repositories"
)


class Rule(NamedTuple):
    """Which tags never move: those like `tags`, but not like any of `but_not`, in repositories that match `where`."""

    tags: str
    but_not: tuple[str, ...] = ()
    where: str = WHOLE

    def __str__(self) -> str:
        """Return the rule as it is written."""
        place = () if self.where == WHOLE else (IN + self.where,)
        return " ".join((self.tags, *(BUT_NOT + pattern for pattern in self.but_not), *place))

    def holds(self, tag: str, path: str) -> bool:
        """Tell whether a tag of the repository with a path, as `team/app`, never moves."""
        return (
            matches(self.where, path)
            and matches(self.tags, tag)
            and not any(matches(pattern, tag) for pattern in self.but_not)
        )


def parse_immutable_tags(texts: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules, each once; raise VALUE_INVALID when one is none, or there are too many."""
    rules = tuple(dict.fromkeys(rule for text in texts for rule in _rules_in(text)))
    if len(rules) > MOST_RULES or any(len(str(rule)) > LONGEST_RULE for rule in rules):
        raise _no_rule(GRAMMAR)
    return rules


def held_by(tag: str, path: str, rules: Sequence[Rule]) -> Rule | None:
    """Return the first rule that holds a tag of a repository where it is."""
    return next((rule for rule in rules if rule.holds(tag, path)), None)


def check_may_move(tag: str, path: str, rules: Sequence[Rule]) -> None:
    """Raise TAG_IMMUTABLE when a tag that points to an image may not be pointed elsewhere, nor be deleted."""
    rule = held_by(tag, path, rules)
    if rule is not None:
        message = f"the tag {tag} is immutable here ({rule}): push another tag, or let an owner change that"
        raise MoorageError(ErrorCode.TAG_IMMUTABLE, message, {"tag": tag, "rule": str(rule)})


def check_reason(text: str) -> None:
    """Raise VALUE_INVALID unless this can be why an owner moves a tag nonetheless."""
    if len(text) > LONGEST_REASON or not text.strip():
        message = f"say in at most {LONGEST_REASON} characters why an immutable tag moves; activity keeps it"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "override"})


def _rules_in(text: str) -> Iterator[Rule]:
    words = text.split(" ")
    tags = [word for word in words if word[:1] not in {BUT_NOT, IN}]
    but_not = tuple(dict.fromkeys(word[1:] for word in words if word[:1] == BUT_NOT))
    places = [word[1:] for word in words if word[:1] == IN]
    if not tags or len(places) > 1 or any(PATTERN.fullmatch(pattern) is None for pattern in (*tags, *but_not)):
        raise _no_rule(GRAMMAR)
    try:
        where = parse_pattern(places[0]) if places else WHOLE
    except MoorageError as error:
        raise _no_rule(error.message) from None
    return (Rule(pattern, but_not, where) for pattern in tags)


def _no_rule(message: str) -> MoorageError:
    return MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "immutable_tags"})
