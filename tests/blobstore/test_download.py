"""What is read from a store is what it sent, over connections that are used again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from moorage.blobstore.s3.download import BrokenError, Line, Lines

BODY = bytes(range(256)) * 10_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)

Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def store(*answers: Answering) -> AsyncIterator[tuple[Lines, list[asyncio.StreamWriter]]]:
    """Run a store that gives these answers in turn; yield connections to it, and those that it has had."""
    left = list(answers)
    connected: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(writer)
        while left and not writer.is_closing() and await reader.readline():
            await left.pop(0)(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    lines = Lines(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield lines, connected
    finally:
        lines.close()
        server.close()
        for writer in connected:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def whole(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + BODY)
    await writer.drain()


async def cut(writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + BODY[:1000])
    await writer.drain()
    writer.close()


async def nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0\r\n\r\n")


async def read(line: Line) -> bytes:
    """Ask, and read all of the answer."""
    line.send(b"GET /\n")
    left = (await line.head()).length
    assert left is not None
    found = bytearray()
    while len(found) < left:
        found += await line.piece(left - len(found))
    return bytes(found)


async def test_bytes_come_as_they_were_sent_over_one_connection() -> None:
    async with store(whole, whole) as (lines, connected):
        for _ in range(2):
            line = await lines.take()
            assert await read(line) == BODY
            lines.give(line)
        assert len(connected) == 1


async def test_no_more_is_taken_than_was_asked_for() -> None:
    async with store(whole) as (lines, _):
        line = await lines.take()
        line.send(b"GET /\n")
        await line.head()
        pieces = [await line.piece(10) for _ in range(3)]
        assert pieces == [BODY[:10], BODY[10:20], BODY[20:30]]
        line.close()


async def test_slow_readers_beyond_the_first_read_little_ahead() -> None:
    async with store(*[whole] * 6) as (lines, _):
        taken = [await lines.take() for _ in range(6)]
        assert [line.is_large for line in taken] == [True] * 4 + [False] * 2
        assert await asyncio.gather(*map(read, taken)) == [BODY] * 6
        for line in taken:
            line.close()


async def test_an_answer_that_ends_early_is_broken() -> None:
    async with store(cut) as (lines, _):
        line = await lines.take()
        with pytest.raises(BrokenError):
            await read(line)
        line.close()


async def test_what_is_no_http_is_broken() -> None:
    async with store(nonsense) as (lines, _):
        line = await lines.take()
        with pytest.raises(BrokenError):
            await read(line)
        line.close()


async def test_a_connection_that_has_ended_is_not_used_again() -> None:
    async with store(whole, whole) as (lines, connected):
        line = await lines.take()
        assert await read(line) == BODY
        lines.give(line)
        line.close()
        other = await lines.take()
        assert await read(other) == BODY
        assert len(connected) == 2
        other.close()
