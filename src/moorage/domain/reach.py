"""Reach: what somebody may read, as spans of the names of repositories in byte order.

    grants          team/*            dmc/team/ ▕████▏ dmc/team0
    (of dmc)        *-prod       dmc/ ▕░░░░░░░░░░░░░░░░░░░░░░░░░░░░▏ dmc0
    reach                        dmc/ ▕░░░░░░░░░░░░░░░░░░░░░░░░░░░░▏ dmc0      each name in it is matched

A pattern reaches from what stands before its first star to what comes right after all names that begin so. A list goes
from span to span, and reads no more of the names than lie in them. Spans don't overlap.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from moorage.domain.pattern import WHOLE, any_of

AFTER = " "
"""Put behind a name it makes the first text past it that a name could follow: it comes before all that names hold."""

END = "~"
"""Comes after all names."""


@dataclass(frozen=True, slots=True)
class Span:
    """Names from `start` on and before `end`, of which one must match a pattern of each of `filters`."""

    start: str
    end: str
    filters: tuple[tuple[str, ...], ...] = ()

    def among(self, names: Iterable[str]) -> list[str]:
        """Return those of names between start and end that are reached."""
        for patterns in self.filters:
            names = filter(any_of(patterns), names)
        return list(names)


@dataclass(frozen=True, slots=True)
class Reach:
    """Spans in order that do not overlap."""

    spans: tuple[Span, ...]

    def past(self, after: str) -> tuple[Span, ...]:
        """Return the spans of the names past `after`, which need not be a name."""
        start = after + AFTER if after else ""
        first = bisect_right(self.spans, start, key=lambda span: span.end)
        rest = self.spans[first:]
        if not rest or rest[0].start >= start:
            return rest
        return (Span(start, rest[0].end, rest[0].filters), *rest[1:])

    def within(self, other: "Reach") -> "Reach":
        """Return what both reach."""
        found: list[Span] = []
        for mine in self.spans:
            first = bisect_right(other.spans, mine.start, key=lambda span: span.end)
            for theirs in other.spans[first:]:
                if theirs.start >= mine.end:
                    break
                start, end = max(mine.start, theirs.start), min(mine.end, theirs.end)
                found.append(Span(start, end, mine.filters + theirs.filters))
        return Reach(tuple(found))


EVERYTHING = Reach((Span("", END),))


def reach_of(patterns: Iterable[str]) -> Reach:
    """Return what patterns of full names reach, as `dmc/team/*`, `dmc/*` or `*`."""
    spans: list[_Patterns] = []
    for span in sorted(map(_patterns, patterns), key=_widest_first):
        last = spans[-1] if spans else None
        if last is None or last.end <= span.start:
            spans.append(span)
        elif not last.is_whole or span.end > last.end:
            last.end = max(last.end, span.end)
            last.patterns += span.patterns
            last.is_whole = False
    return Reach(tuple(Span(span.start, span.end, () if span.is_whole else (span.patterns,)) for span in spans))


def whole_of(address: str) -> Reach:
    """Return the reach of a whole registry."""
    return reach_of((f"{address}/{WHOLE}",))


def _widest_first(span: "_Patterns") -> tuple[str, bool, bool]:
    return span.start, span.end == span.start + AFTER, not span.is_whole


@dataclass(slots=True)
class _Patterns:
    """A span while others may still join it; whole if all its names match."""

    start: str
    end: str
    patterns: tuple[str, ...]
    is_whole: bool


def _patterns(pattern: str) -> _Patterns:
    prefix, star, rest = pattern.partition("*")
    if not star:
        return _Patterns(prefix, prefix + AFTER, (pattern,), is_whole=True)
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else END
    return _Patterns(prefix, end, (pattern,), is_whole=not rest)
