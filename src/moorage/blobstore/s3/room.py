"""Memory that uploads share."""

import asyncio
from collections import deque


class Room:
    """Bytes of memory that the uploads of a process share; who asks first gets them first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for room."""
        return bool(self._line)

    async def take(self, size: int) -> int:
        """Wait for so many bytes and return them, or all there are where that is less."""
        size = min(size, self._size)
        turn = asyncio.get_running_loop().create_future()
        self._line.append((size, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)
            else:
                self._serve()
            raise
        return size

    def give(self, size: int) -> None:
        """Give bytes back."""
        self._free += size
        self._serve()

    def _serve(self) -> None:
        while self._line:
            size, turn = self._line[0]
            if not turn.cancelled():
                if size > self._free:
                    return
                self._free -= size
                turn.set_result(None)
            self._line.popleft()
