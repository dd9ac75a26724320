"""Others who are at a server while it is measured, in a process of their own: they take no time of the client's.

A crowd opens its connections and says that it is ready. Then it comes all at once, every second, until it is told to
end. The sample is taken in between, so that opening connections is part of it only where that is what the crowd does.
"""

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from itertools import count
from multiprocessing.connection import Connection as Pipe

from bench.client import Connection, Endpoint, Unexpected, head
from bench.servers import basic

COUNT = 200
BURST_SECONDS = 1.0
REFUSED = (401, 429)
JOIN_SECONDS = 60


class Crowd(Enum):
    """What 200 connections do at once, each second: `GUESSING` costs what `ASKING` does, and the look at a password."""

    NOBODY = "nobody"
    ARRIVING = "200 new connections at once"
    ASKING = "200 requests of nobody in particular at once"
    GUESSING = "200 wrong logins at once"


@contextmanager
def crowded(endpoint: Endpoint, crowd: Crowd) -> Iterator[None]:
    """Let the crowd come while the block runs; raise Unexpected unless each of its requests was refused."""
    if crowd is Crowd.NOBODY:
        yield
        return
    # Forked, not spawned: a TLS context can't be sent to another process.
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_come, args=(endpoint, crowd, there))
    process.start()
    there.close()
    try:
        failure = _heard(here)
        if failure is None:
            yield
            # Where it has gone it has said why.
            with contextlib.suppress(BrokenPipeError):
                here.send(None)
            failure = _heard(here)
    finally:
        here.close()
        process.join(JOIN_SECONDS)
    if failure is not None:
        raise Unexpected(f"{crowd.value}: {failure}")


def _heard(pipe: Pipe) -> str | None:
    try:
        failure: str | None = pipe.recv()
    except EOFError:
        return "the crowd has gone"
    return failure


def _come(endpoint: Endpoint, crowd: Crowd, pipe: Pipe) -> None:
    """Say None when all is ready and when all is done, or what went wrong."""
    connections = [Connection(endpoint) for _ in range(COUNT)]
    # Whoever listened may have gone: then nobody is left to be told.
    with contextlib.suppress(BrokenPipeError):
        try:
            if crowd is not Crowd.ARRIVING:
                for connection in connections:
                    connection.open()
            pipe.send(None)
            _burst_until_told(connections, crowd, pipe)
            pipe.send(None)
        except (OSError, Unexpected) as error:
            pipe.send(str(error))
    for connection in connections:
        connection.close()


def _burst_until_told(connections: list[Connection], crowd: Crowd, pipe: Pipe) -> None:
    for burst in count():
        requests = [_request(crowd, burst, number) for number in range(COUNT)]
        began = time.perf_counter()
        if crowd is Crowd.ARRIVING:
            for connection in connections:
                connection.close()
                connection.open()
        else:
            _ask(connections, requests)
        if pipe.poll(max(0.0, began + BURST_SECONDS - time.perf_counter())):
            return


def _request(crowd: Crowd, burst: int, number: int) -> bytes:
    """Return a request, each guess with another password; written before its turn, so that then it is only sent."""
    return head("GET", "/v2/", basic("admin", f"guess {burst} {number}") if crowd is Crowd.GUESSING else {}, None)


def _ask(connections: list[Connection], requests: list[bytes]) -> None:
    for connection, request in zip(connections, requests, strict=True):
        connection.open().sendall(request)
    for connection in connections:
        connection.receive("GET").expect(*REFUSED)
