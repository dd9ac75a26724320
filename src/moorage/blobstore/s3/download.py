"""Objects read from a store with as few copies of their bytes as can be.

    socket ──recv──▶ buffer of the connection ──copied once──▶ piece

A client library reads into a buffer of its loop, copies that for its parser, and again for whoever reads: of what a
download through this server costs that was more than half. Here the answer to a GET is all that is understood.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

LARGE = 2 * 1024 * 1024
"""Bytes that a connection reads before whoever reads them must take some; half of them are worth waking up for.

What large pieces save is the two threads, the one that reads and the one that sends, waking each other.
"""

MOST_LARGE = 4
SMALL = 256 * 1024
"""The same for all others, so that many slow readers take little memory; they are woken up for anything."""

MOMENT = 0.002
"""Seconds that a reader waits for a large piece, since something came."""

LONGEST_HEAD = 64 * 1024
IDLE_LINES = 16
"""Connections kept for the next GET."""

HEAD_END = b"\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: |$)")


class BrokenError(OSError):
    """An answer that makes no sense, or ends early."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer, their names in lower case."""

    status: int
    headers: Mapping[bytes, bytes]

    @property
    def length(self) -> int | None:
        """The body's bytes; None where the answer does not tell."""
        text = self.headers.get(b"content-length", b"")
        return int(text) if text.isdigit() else None


class Line(asyncio.BufferedProtocol):
    """A connection to a store that reads up to `size` bytes ahead."""

    def __init__(self, size: int) -> None:
        self.is_large = size == LARGE
        self.is_used = False
        """Whether an answer came over it before."""
        self.is_open = False
        self._transport: asyncio.Transport | None = None
        self._size = size
        self._buffer = memoryview(bytearray(size))
        self._filled = 0
        self._wanted = 0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BufferedProtocol`."""
        # uvloop's are no subclass of it.
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def connection_lost(self, _error: Exception | None) -> None:
        """See `asyncio.BufferedProtocol`."""
        self.is_open = False
        self._wake()

    def get_buffer(self, _size: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        return self._buffer[self._filled :]

    def buffer_updated(self, count: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._filled += count
        if self._filled == self._size and self._transport is not None:
            self._transport.pause_reading()
        if self._filled >= self._wanted:
            self._wake()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MOMENT, self._wake)

    def close(self) -> None:
        """End the connection at once."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def send(self, request: bytes) -> None:
        """Send a request."""
        assert self._transport is not None  # noqa: S101  it is connected
        self._transport.write(request)

    async def head(self) -> Head:
        """Read the head of an answer; raise BrokenError where there is none."""
        while (end := bytes(self._buffer[: self._filled]).find(HEAD_END)) < 0:
            if self._filled > LONGEST_HEAD:
                raise BrokenError("a head without an end")
            await self._more()
        first, *lines = self._take(end + len(HEAD_END)).removesuffix(HEAD_END).split(b"\r\n")
        found = STATUS.match(first)
        if found is None:
            raise BrokenError("no HTTP")
        pairs = (line.partition(b":") for line in lines)
        return Head(int(found[1]), {name.lower(): value.strip() for name, _, value in pairs})

    async def piece(self, most: int) -> bytes:
        """Wait for some bytes and return all that are here, `most` of them at most; raise BrokenError at their end."""
        wanted = min(most, self._size // 2) if self.is_large else 1
        if not self._filled or (self.is_open and self._filled < wanted):
            await self._more(wanted)
        return self._take(min(self._filled, most))

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        left = self._filled - count
        self._buffer[:left] = self._buffer[count : self._filled]
        if self._filled == self._size and self._transport is not None:
            self._transport.resume_reading()
        self._filled = left
        return taken

    async def _more(self, wanted: int = 1) -> None:
        """Wait for bytes beyond those that are here: until `wanted` are, but not for long once some came."""
        self._wanted = wanted
        before = self._filled
        while self._filled == before:
            if not self.is_open:
                raise BrokenError("the connection ended")
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None

    def _wake(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Lines:
    """The connections to a store at `endpoint`, a URL without a path."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._host = parts.hostname or ""
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._idle: list[Line] = []
        self._large: list[Line] = []

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    async def get(self, path: str, headers: Mapping[str, str]) -> tuple[Line, Head]:
        """Send a GET and return where its body comes; raise OSError where no answer does."""
        request = "\r\n".join([f"GET {path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items()), "", ""])
        while True:
            line = await self.take()
            try:
                line.send(request.encode())
                return line, await line.head()
            except BrokenError:
                line.close()
                # One that was kept may have ended while nobody used it; a new one may not.
                if not line.is_used:
                    raise
            except BaseException:
                line.close()
                raise

    async def take(self) -> Line:
        """Return a connection: the one used last, or a new one; raise OSError when nobody answers."""
        while self._idle:
            line = self._idle.pop()
            if line.is_open:
                return line
        self._large = [line for line in self._large if line.is_open]
        size = LARGE if len(self._large) < MOST_LARGE else SMALL
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: Line(size), self._host, self._port, ssl=self._tls)
        if line.is_large:
            self._large.append(line)
        return line

    def give(self, line: Line) -> None:
        """Take back one whose answer was read to its end and that stays open."""
        line.is_used = True
        if line.is_open and len(self._idle) < IDLE_LINES:
            # Those that read far ahead are taken first.
            self._idle.insert(len(self._idle) if line.is_large else 0, line)
        else:
            line.close()
