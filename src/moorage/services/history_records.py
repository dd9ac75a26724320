"""What is kept of the moves of a tag. Times are Unix seconds."""

from dataclasses import dataclass

from moorage.domain.digest import Digest
from moorage.domain.history import How


@dataclass(frozen=True, slots=True)
class PastMove:
    """A move of a tag: to `digest` (None: it was deleted) from `previous` (None: it was new).

    `is_here` tells whether the image it moved to is still in the repository.
    """

    id: int
    at: float
    by: str
    how: How
    digest: Digest | None
    previous: Digest | None
    is_here: bool
