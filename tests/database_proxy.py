"""A proxy before a PostgreSQL that lets some of what is sent go wrong, as `FaultProxy` does before a store."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import count

from tests.fault_proxy import Fault

# https://www.postgresql.org/docs/current/protocol-message-formats.html ErrorResponse
STOPPING = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
FULL = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0"
SAID = {Fault.ERROR: STOPPING, Fault.BUSY: FULL}

PIECE = 65536


class DatabaseProxy:
    """Bytes pass; whatever a client sends next goes wrong as `choose` says, which is told its number."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._numbers = count()
        self.choose = _none
        self.port = 0

    def always(self, fault: Fault | None) -> None:
        """Let all go wrong, or nothing."""
        self.choose = lambda _number: fault

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until one of the two ends it, or a fault does."""
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            fault: asyncio.Future[Fault] = asyncio.get_running_loop().create_future()
            ways = [self._there(reader, back, writer, fault), self._back(there, writer, fault)]
            tasks = [asyncio.create_task(way) for way in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            back.close()
        writer.close()

    async def _there(
        self,
        reader: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        fault: "asyncio.Future[Fault]",
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE):
                chosen = None if fault.done() else self.choose(next(self._numbers))
                if chosen in SAID:
                    message = SAID[chosen]
                    writer.write(b"E" + (len(message) + 4).to_bytes(4) + message)
                    return
                if chosen is Fault.RESET:
                    writer.transport.abort()
                    return
                if chosen is Fault.SILENT:
                    # Until who asked gives up.
                    while await reader.read(PIECE):
                        pass
                    return
                if chosen is not None:
                    fault.set_result(chosen)
                back.write(piece)

    async def _back(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: "asyncio.Future[Fault]"
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await there.read(PIECE):
                if fault.done() and fault.result() is Fault.MUTE:
                    continue
                if fault.done():
                    if fault.result() is Fault.TRUNCATED:
                        writer.write(piece[: len(piece) // 2])
                        await writer.drain()
                    writer.transport.abort()
                    return
                writer.write(piece)


def _none(_number: int) -> Fault | None:
    return None


@contextlib.asynccontextmanager
async def database_proxy(port: int) -> AsyncIterator[DatabaseProxy]:
    """Run a proxy before a port of this machine."""
    proxy = DatabaseProxy(port)
    server = await asyncio.start_server(proxy.carry, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
