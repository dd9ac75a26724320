"""A line between a client and a server that a test can cut, hold still, or make lose what it carries."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

Watch = Callable[[bytes], None]


def _look_away(_: bytes) -> None:
    pass


class _Watched(asyncio.StreamReader):
    """What comes, shown to somebody."""

    def __init__(self, reader: asyncio.StreamReader, see: Watch) -> None:
        super().__init__()
        self._reader = reader
        self._see = see

    async def read(self, n: int = -1) -> bytes:
        piece = await self._reader.read(n)
        self._see(piece)
        return piece


class Line:
    """Carries bytes to a port on this machine and back.

    `lost_request` and `lost_answer`: with the next piece of a client that has this in it, the line is cut, before it is
    passed on or when its answer comes. `silent_answer`: the answer to such a piece never comes, and nothing after it.
    `watch` makes for each connection what is shown the pieces that go there, and what those that come back.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.is_moving = asyncio.Event()
        self.is_moving.set()
        self.lost_request: bytes | None = None
        self.lost_answer: bytes | None = None
        self.silent_answer: bytes | None = None
        self.watch: Callable[[], tuple[Watch, Watch]] = lambda: (_look_away, _look_away)
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Cut all connections."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
            self._writers |= {writer, back}
            see_there, see_back = self.watch()
            reader, there = _Watched(reader, see_there), _Watched(there, see_back)
            is_last, is_silent = asyncio.Event(), asyncio.Event()
            await asyncio.gather(
                self._there(reader, back, is_last, is_silent), self._back(there, writer, is_last, is_silent)
            )

    async def _there(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        is_last: asyncio.Event,
        is_silent: asyncio.Event,
    ) -> None:
        while piece := await reader.read(65536):
            await self.is_moving.wait()
            if self.lost_request is not None and self.lost_request in piece:
                self.lost_request = None
                self.cut()
            if self.silent_answer is not None and self.silent_answer in piece:
                self.silent_answer = None
                is_silent.set()
            if self.lost_answer is not None and self.lost_answer in piece:
                self.lost_answer = None
                is_last.set()
            writer.write(piece)
        writer.close()

    async def _back(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        is_last: asyncio.Event,
        is_silent: asyncio.Event,
    ) -> None:
        while piece := await reader.read(65536):
            await self.is_moving.wait()
            if is_silent.is_set():
                continue
            if is_last.is_set():
                self.cut()
            writer.write(piece)
        writer.close()


@contextlib.asynccontextmanager
async def line_to(port: int) -> AsyncIterator[tuple[Line, int]]:
    """Open a line to a port; return it, and the port where it begins."""
    line = Line(port)
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    try:
        yield line, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        line.is_moving.set()
        line.cut()
