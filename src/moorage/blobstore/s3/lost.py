"""Time lost to a store that does nothing, and when to give up."""

import asyncio

from moorage.domain.errors import ErrorCode, MoorageError

PATIENCE = 4.4
"""Seconds lost with a store that does nothing, after which the client is told to come back: two requests that stalled.

Bytes that the store has taken are not sent again while it thinks: one that has much to write would have more of it.
"""

FIRST_PAUSE = 0.05


class Lost:
    """Time lost to a store that does nothing, in one request after the other."""

    def __init__(self) -> None:
        self._since = _now()
        self._seconds = 0.0
        self._pause = FIRST_PAUSE
        self._limit = asyncio.timeout(None)

    def limited(self, wait: float) -> asyncio.Timeout:
        """Return what ends the next request, with a TimeoutError, when nothing happens for so many seconds."""
        self._since = _now()
        self._limit = asyncio.timeout(wait)
        return self._limit

    def moved(self, wait: float) -> None:
        """Take note that the store has done something, and let it be silent for so many seconds from here on."""
        self._since = _now()
        self._limit.reschedule(self._since + wait)

    def hold(self) -> None:
        """Let time pass that is not the store's."""
        self._limit.reschedule(None)

    def forget(self, wait: float) -> None:
        """Begin anew: what it does is what it was asked for."""
        self.moved(wait)
        self._seconds = 0.0
        self._pause = FIRST_PAUSE

    async def pause(self, error: Exception) -> None:
        """Wait a little before the next attempt, each time longer; UNAVAILABLE when there is to be none."""
        self._seconds += _now() - self._since + self._pause
        if self._seconds >= PATIENCE:
            raise MoorageError(ErrorCode.UNAVAILABLE, "the store does not answer") from error
        await asyncio.sleep(self._pause)
        self._pause *= 2


def _now() -> float:
    return asyncio.get_running_loop().time()
