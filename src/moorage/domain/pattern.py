"""Patterns: which of a registry's repositories a grant is on.

    pattern ::= 1*255( letter | digit | "." | "_" | "-" | "/" | "*" )     lower case, like the names it matches
    "*"     matches any run of characters, none and slashes included; nothing else has a meaning of its own

No two stars or slashes stand side by side, and no slash first or last: such a pattern is a slip, which would match
nothing, or no more. `team/*` matches `team/app` and `team/a/b`, and not `team`; `*` alone matches everything.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from moorage.domain.errors import ErrorCode, MoorageError

WHOLE = "*"
"""Every repository there is and will be."""

LONGEST_PATTERN = 255
PATTERNS_REMEMBERED = 8192
TESTS_REMEMBERED = 64
_PATTERN = re.compile(r"(?!/)(?!.*(?:\*\*|//))[a-z0-9._/*-]{1,255}(?<!/)", re.ASCII)


def parse_pattern(text: str) -> str:
    """Return `text` if it is a pattern, or raise VALUE_INVALID."""
    if _PATTERN.fullmatch(text) is None:
        message = (
            "a pattern is a repository's name without its registry, in lower case, with * for any characters, "
            f"as team/*; {LONGEST_PATTERN} characters at most"
        )
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "pattern"})
    return text


def matches(pattern: str, path: str) -> bool:
    """Tell whether a pattern matches a repository's path, as `team/app`.

    What stands between two stars is looked for once, from left to right: the time grows with the product of the
    lengths, whatever the pattern.
    """
    first, between, last = _parts(pattern)
    if last is None:
        return path == first
    start, end = len(first), len(path) - len(last)
    if start > end or not path.startswith(first) or not path.endswith(last):
        return False
    for part in between:
        found = path.find(part, start, end)
        if found < 0:
            return False
        start = found + len(part)
    return True


@lru_cache(maxsize=TESTS_REMEMBERED)
def any_of(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Return what tells whether one of these patterns matches a path; most of many are told by a look or two."""
    exact: set[str] = set()
    beginnings: list[str] = []
    ends: dict[str, list[str]] = {}
    others: list[str] = []
    for pattern in patterns:
        first, between, last = _parts(pattern)
        if last is None:
            exact.add(first)
        elif between:
            others.append(pattern)
        elif last:
            ends.setdefault(first, []).append(last)
        else:
            beginnings.append(first)
    starts = tuple(beginnings)
    both = [(first, tuple(lasts)) for first, lasts in ends.items()]

    def matches_one(path: str) -> bool:
        return (
            path in exact
            or path.startswith(starts)
            or any(path.startswith(first) and path.endswith(lasts, len(first)) for first, lasts in both)
            or any(matches(pattern, path) for pattern in others)
        )

    return matches_one


@lru_cache(maxsize=PATTERNS_REMEMBERED)
def _parts(pattern: str) -> tuple[str, tuple[str, ...], str | None]:
    """Return what stands before the first star, between the stars, and after the last; None there without a star."""
    first, *rest = pattern.split("*")
    return first, tuple(rest[:-1]), rest[-1] if rest else None
