"""What a request will read is begun before it is known who asks, so that one query tells both the row and whose it is.

    request ─▶ who was this last time? could they? ─▶ look-up begun ──┐
            ─▶ who is it now (callers)? may they (access)? ─▶ row ◀───┘     both of the snapshot that the look-up is of

Nothing is begun for whoever would have been refused last time: their requests do and take exactly what they would
without foresight, whether or not there is anything to hide. Nothing is let through by it either: what was last known
only decides whether to begin.
"""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from moorage.domain.access import ANONYMOUS, Action, Caller
from moorage.domain.errors import MoorageError
from moorage.domain.name import Repository
from moorage.services.access import Access

ROOM = 10_000


class Callers(Protocol):
    """Turns credentials into a caller."""

    async def of(self, authorization: bytes | None, now: float, *, address: str = "", lenient: bool = False) -> Caller:
        """Return the caller, or raise UNAUTHORIZED, or TOO_MANY for an address that guesses."""


class Foresight:
    """Callers of whom is known who they were last time."""

    def __init__(self, callers: Callers, access: Access) -> None:
        self._callers = callers
        self._access = access
        self._key = secrets.token_bytes(32)
        self._last: dict[bytes, Caller] = {}

    async def of(self, authorization: bytes | None, now: float, *, address: str = "", lenient: bool = False) -> Caller:
        """See `Callers`."""
        if authorization is None:
            return ANONYMOUS
        mark = self._mark(authorization)
        try:
            caller = await self._callers.of(authorization, now, address=address, lenient=lenient)
        except MoorageError:
            self._last.pop(mark, None)
            raise
        if len(self._last) >= ROOM and mark not in self._last:
            del self._last[next(iter(self._last))]
        self._last[mark] = caller
        return caller

    def begin(
        self, authorization: bytes | None, action: Action, repository: Repository, foresee: Callable[[], None]
    ) -> None:
        """Let `foresee` begin a look-up, if whoever showed these credentials would have been let do it last time."""
        caller = ANONYMOUS if authorization is None else self._last.get(self._mark(authorization))
        if caller is not None and self._access.would_allow(caller, action, repository):
            # What is wrong with the names is said when it is known who asks.
            with suppress(MoorageError):
                foresee()

    def _mark(self, authorization: bytes) -> bytes:
        """Return a mark that nobody else can make: a dump of the memory holds no secrets."""
        return hashlib.blake2b(authorization, key=self._key, digest_size=16).digest()
