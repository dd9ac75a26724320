"""What stands still while nothing is committed, asked of a PostgreSQL: once for all who wait, and once in a request.

A snapshot names the transactions whose work it shows, as `812:815:813`. While it is the same nothing else can be seen.
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT

    request 1 ──▶ asks ──────────▶ query ─────▶ answer
    request 2 ─────▶ waits: the query may show less than it must see
    request 3 ───────▶ waits with it ─────────▶ query ─────▶ answer of both
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass

from moorage.domain.activity import NOWHERE, Origin
from moorage.services.recording import ORIGIN

GOOD_SECONDS = 0.1
"""How long a request does with what it was told: one that lasts, as an upload, asks again who may do it at its end."""


@dataclass(slots=True)
class _Known:
    """What a request was told; tasks that it starts share it. `until` is the loop's time."""

    of: Origin
    moment: str
    until: float


class Moments:
    """Asks by `ask`, which runs the query."""

    def __init__(self, ask: Callable[[], Awaitable[str]]) -> None:
        self._ask = ask
        self._line = asyncio.Lock()
        self._next: asyncio.Task[str] | None = None
        self._known: ContextVar[_Known | None] = ContextVar("known", default=None)

    async def now(self) -> str:
        """Return a moment that is not before the request began which asks."""
        origin, known = ORIGIN.get(), self._known.get()
        now = asyncio.get_running_loop().time()
        if known is not None and known.of is origin and now < known.until:
            return known.moment
        moment = await self._join()
        if origin is not NOWHERE:
            self._known.set(_Known(origin, moment, now + GOOD_SECONDS))
        return moment

    def wrote(self) -> None:
        """Take note that this request has written: it must see what."""
        known = self._known.get()
        if known is not None:
            known.until = 0.0

    async def _join(self) -> str:
        if self._next is None:
            self._next = asyncio.ensure_future(self._in_line())
        # Shielded: whoever came first may go away while others wait for it too.
        return await asyncio.shield(self._next)

    async def _in_line(self) -> str:
        async with self._line:
            # Whoever comes from here on needs a query that is not sent yet.
            self._next = None
            return await self._ask()
