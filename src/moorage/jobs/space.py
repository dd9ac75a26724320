"""Watches the room that is left, and when space was last cleaned up."""

from collections.abc import Awaitable, Callable

from moorage.domain.room import Room, Scarcity

WORSE = {Scarcity.PLENTY: 0, Scarcity.LOW: 1, Scarcity.SHORT: 2}


class SpaceWatcher:
    """Tells both, and says so when room gets scarce, once for each step down."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Room | None]],
        ended_at: Callable[[], Awaitable[float | None]],
        tell: Callable[[Room | None, float | None], None],
        say: Callable[[Room], None],
    ) -> None:
        self._look = look
        self._ended_at = ended_at
        self._tell = tell
        self._say = say
        self._scarcity = Scarcity.PLENTY

    async def watch(self) -> None:
        """Look once."""
        room = await self._look()
        self._tell(room, await self._ended_at())
        if room is not None:
            if WORSE[room.scarcity] > WORSE[self._scarcity]:
                self._say(room)
            self._scarcity = room.scarcity
