"""How many uploads one account may leave open: each keeps bytes on the disk until it ends, or its lease does."""

from typing import Protocol

from moorage.domain.errors import ErrorCode, MoorageError

MOST_OPEN = 2_000
"""Uploads of one account that are open at once; a client pushes some three to ten at a time."""

LOOK_EVERY = 100
"""Uploads that an account begins at one process between two looks at how many are open: so many may be too many."""

RETRY_SECONDS = 60
ACCOUNTS_REMEMBERED = 10_000


class OpenUploads(Protocol):
    """Uploads that have not ended."""

    async def count(self, user: str, most: int) -> int:
        """Return how many uploads of an account are open, `most` where they are more."""


class UploadLimit:
    """Counts what accounts begin, and asks the database only now and then: a push costs a look in a dictionary."""

    def __init__(self, uploads: OpenUploads) -> None:
        self._uploads = uploads
        self._begun: dict[str, int] = {}

    async def check(self, user: str) -> None:
        """Count one more upload of an account, or raise TOO_MANY while too many of its uploads are open."""
        begun = self._begun.get(user, 0) + 1
        if begun >= LOOK_EVERY:
            if await self._uploads.count(user, MOST_OPEN) >= MOST_OPEN:
                message = (
                    f"{MOST_OPEN:,} uploads of this account are open; finish or cancel some of them, "
                    "or wait until those end for which nothing comes any more"
                )
                raise MoorageError(ErrorCode.TOO_MANY, message, {"retry_after": RETRY_SECONDS})
            begun = 0
        if user not in self._begun and len(self._begun) >= ACCOUNTS_REMEMBERED:
            del self._begun[next(iter(self._begun))]
        self._begun[user] = begun
