"""What an access token is narrowed to: what it is for, and where.

    pattern ::= "*" | registry "/" pattern of repositories in it      the latter as in pattern.py

A place is written like a pattern: `dmc/team/app` is a repository, `dmc/*` a whole registry, `*` the server.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import LONGEST_NAME, address_of, parse_registry
from moorage.domain.pattern import WHOLE, matches, parse_pattern

EVERYWHERE = "*"
MOST_PATTERNS = 50


class TokenAction(StrEnum):
    """What an access token may be for. `manage` is every change beside content, and making access tokens."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True)
class Limits:
    """An access token as the decision sees it; `expires_at` is in Unix seconds, None for never."""

    token_id: int
    token: str
    actions: frozenset[TokenAction]
    patterns: tuple[str, ...]
    expires_at: float | None = None

    def cover(self, action: TokenAction, place: str) -> bool:
        """Tell whether the token is for an action at a place, all of it."""
        if action not in self.actions:
            return False
        # No generator: this is on the path of every pull.
        for pattern in self.patterns:  # noqa: SIM110
            if covers(pattern, place):
                return True
        return False

    def include(self, actions: Iterable[TokenAction], patterns: Iterable[str], expires_at: float | None) -> bool:
        """Tell whether another token would be no wider, and would not outlive this one."""
        lasts = self.expires_at is None or (expires_at is not None and expires_at <= self.expires_at)
        return lasts and all(self.cover(action, pattern) for action in actions for pattern in patterns)


def covers(pattern: str, place: str) -> bool:
    """Tell whether all of a place lies within a pattern.

    A star of the place is matched like any other character. Only a star of the pattern can match it, which then matches
    all that it stands for.
    """
    return matches(pattern, place)


def whole(address: str) -> str:
    """Return the place that is all of a registry."""
    return f"{address}/{WHOLE}"


def parse_place(text: str) -> str:
    """Return a pattern in the one way it is written, or raise VALUE_INVALID."""
    if text == EVERYWHERE:
        return text
    registry, _, path = text.partition("/")
    try:
        return f"{address_of(parse_registry(registry))}/{parse_pattern(path)}"
    except MoorageError:
        message = f"{text[:LONGEST_NAME]!r} is no pattern: write dmc/team/app, dmc/team/*, dmc/* or *"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "patterns"}) from None
