"""A part of a list: what was found of it, and how far it was looked through."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from moorage.domain.place import Place

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Rows of a list in order. Where few fit what is looked for, one look goes through so much of it and no further.

    Then there are fewer rows than were asked for, or none; `stopped` is where the next part goes on, and `seen` how
    many rows were looked at. `stopped` is None where there are as many as were asked for, or the list ends.
    """

    rows: tuple[T, ...]
    stopped: Place | None = None
    seen: int = 0
