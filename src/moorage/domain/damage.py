"""Damage: what can be wrong with content that was stored, in one table of words."""

from dataclasses import dataclass
from enum import StrEnum

from moorage.domain.digest import Digest

SHARE_OF_DAYS = 0.9
"""How much of its days a round plans to take: what a server that stood still has missed fits into the rest."""

DAY = 86_400.0


class Fault(StrEnum):
    """What is wrong; docs/verifying.md says of each what it means and what heals it."""

    MISSING = "missing"
    TRUNCATED = "truncated"
    LONGER = "longer"
    CHANGED = "changed"
    UNREADABLE = "unreadable"
    WRONG_SIZE = "wrong-size"
    INCOMPLETE = "incomplete"

    @property
    def sentence(self) -> str:
        """What is wrong, said of the content."""
        return SENTENCES[self]


SENTENCES = {
    Fault.MISSING: "its bytes are gone",
    Fault.TRUNCATED: "its bytes end early",
    Fault.LONGER: "there are more bytes than its own",
    Fault.CHANGED: "its bytes are others than its digest says",
    Fault.UNREADABLE: "the disk can't read its bytes",
    Fault.WRONG_SIZE: "its bytes are right, but the database has another size for it",
    Fault.INCOMPLETE: "its repository lacks content that it names",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What lies at a place: all bytes there, and their digest; None where they can't be read.

    `mark` is what these very bytes are known by: others that take their place have another.
    """

    size: int
    digest: Digest | None
    mark: str = ""


def fault_of(digest: Digest, size: int, found: Measured | None) -> Fault | None:
    """Return what is wrong with a blob of that digest and size of which this was found (None: nothing)."""
    if found is None:
        return Fault.MISSING
    if found.digest is None:
        return Fault.UNREADABLE
    if found.digest == digest:
        return None if found.size == size else Fault.WRONG_SIZE
    if found.size == size:
        return Fault.CHANGED
    return Fault.TRUNCATED if found.size < size else Fault.LONGER


def rate_for(left: int, seconds: float, least: float, most: float) -> float:
    """Return how many bytes a second to read so that `left` are read in `seconds`, within bounds."""
    return min(max(left / max(seconds, DAY), least), most)
