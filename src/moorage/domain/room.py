"""How much room a disk has left."""

from dataclasses import dataclass
from enum import StrEnum

LOW, SHORT = 10, 3
"""Percent that are free: below the first it is time to do something, below the second there is hardly any."""

WHOLE = 100


class Scarcity(StrEnum):
    """How far room is from running out."""

    PLENTY = "plenty"
    LOW = "low"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Room:
    """A disk: all it has, and what is free for us, in bytes."""

    total: int
    free: int

    @property
    def scarcity(self) -> Scarcity:
        """How scarce it is."""
        if self.free * WHOLE < self.total * SHORT:
            return Scarcity.SHORT
        return Scarcity.LOW if self.free * WHOLE < self.total * LOW else Scarcity.PLENTY
