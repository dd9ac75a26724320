"""The port for the history of tags."""

from typing import Protocol

from moorage.domain.name import Repository
from moorage.services.history_records import PastMove


class TagHistory(Protocol):
    """Every move of every tag, written with the move itself; it goes with its repository."""

    async def moves(self, repository: Repository, tag: str, before: int | None, limit: int) -> tuple[PastMove, ...]:
        """List the moves of a tag, the newest first, older than the one of an id; of a deleted tag too."""

    async def forget(self, before: float, limit: int) -> int:
        """Forget what led up to deletions before a time in Unix seconds, of so many tags at most; return of how many.

        What a tag that is there has done since its last deletion stays.
        """
