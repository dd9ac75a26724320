"""Tags that never move: a registry names them by patterns, and every way to move or delete a tag asks here.

pattern ::= 1 to 128 of [A-Za-z0-9_.-] and *, where * stands for any characters, and for none
"""

import re
from collections.abc import Iterable, Sequence

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.pattern import matches

PATTERN = re.compile(r"[A-Za-z0-9_.*-]{1,128}", re.ASCII)
MOST_PATTERNS = 20


def parse_immutable_tags(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns, each once; raise VALUE_INVALID when one is none, or there are too many."""
    patterns = tuple(dict.fromkeys(texts))
    wrong = [pattern for pattern in patterns if PATTERN.fullmatch(pattern) is None]
    if wrong or len(patterns) > MOST_PATTERNS:
        message = (
            f"immutable tags are at most {MOST_PATTERNS} tags, in which * stands for any characters, as v* or *-final"
        )
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "immutable_tags"})
    return patterns


def check_may_move(tag: str, patterns: Sequence[str]) -> None:
    """Raise TAG_IMMUTABLE when a tag that points to an image may not be pointed elsewhere, nor be deleted."""
    for pattern in patterns:
        if matches(pattern, tag):
            message = f"the tag {tag} is immutable here ({pattern}): push another tag, or let an owner change that"
            raise MoorageError(ErrorCode.TAG_IMMUTABLE, message, {"tag": tag, "pattern": pattern})
