"""Versions: which tags are one, and which of two is higher.

version    ::= ["v" | "V"] major "." minor "." patch ["-" prerelease] [("+" | "_") build]
prerelease ::= identifier *( "." identifier )          a release is higher than all of its prereleases

https://semver.org/spec/v2.0.0.html · No tag has a plus: clients write an underscore in its place. What has fewer than
three numbers, as `v1` or `1.2`, names a line of versions and moves along it: it is none.
"""

import re
from typing import NamedTuple

_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_IDENTIFIER = r"(?:0|[1-9][0-9]{0,17}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_VERSION = re.compile(
    rf"[vV]?({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:[+_][0-9A-Za-z.-]+)?",
    re.ASCII,
)

Identifier = tuple[int, int, str]
"""Numbers come before words; numbers by value, words in ASCII order."""


class Version(NamedTuple):
    """A version; versions compare by precedence, which overlooks what they were built from."""

    major: int
    minor: int
    patch: int
    is_release: bool
    prerelease: tuple[Identifier, ...]

    @property
    def line(self) -> tuple[int, int]:
        """The minor version it belongs to, as 2.14."""
        return self.major, self.minor


def parse_version(tag: str) -> Version | None:
    """Return the version that a tag is, None if it is none."""
    found = _VERSION.fullmatch(tag)
    if found is None:
        return None
    major, minor, patch, prerelease = found.groups()
    identifiers = tuple(map(_identifier, prerelease.split("."))) if prerelease else ()
    return Version(int(major), int(minor), int(patch), prerelease is None, identifiers)


def _identifier(text: str) -> Identifier:
    return (0, int(text), "") if text.isdigit() else (1, 0, text)
