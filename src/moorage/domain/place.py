"""Where a page of a list by time ended: what the next page begins after, whether or not that row still exists.

place ::= time "-" key        time in Unix seconds, as `1764080400.25-v1.0`; the key sets equal times in order
"""

import re
from typing import NamedTuple

from moorage.domain.errors import ErrorCode, MoorageError

PLACE = re.compile(r"([0-9]{1,15}\.[0-9]{1,17})-([!-~]+)", re.ASCII)


class Place(NamedTuple):
    """The time and the key of a row."""

    at: float
    key: str

    def __str__(self) -> str:
        """Return what stands in an address."""
        return f"{self.at!r}-{self.key}"

    def within(self, order: str) -> str:
        """Return what the next page goes on from in a list by `newest` or `name`."""
        return self.key if order == "name" else str(self)


def is_place(text: str) -> bool:
    """Tell whether `read_place` reads a place from this."""
    return PLACE.fullmatch(text) is not None


def read_place(text: str) -> Place | None:
    """Return the place in an address, None where there is none, or raise VALUE_INVALID."""
    match = PLACE.fullmatch(text)
    if text and match is None:
        raise MoorageError(ErrorCode.VALUE_INVALID, "that is no key of a page before", {"field": "after"})
    return Place(float(match[1]), match[2]) if match else None
