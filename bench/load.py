"""Load: many requests at once on one door, counted and timed. Each returns what was done and in how many seconds."""

import json
import select
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.client import HEAD_END, PIECE, TIMEOUT, Connection, Endpoint, Source, Unexpected, head, parse_head

SCRIPTS = Path(__file__).parent / "wrk"
WRK_TIMEOUT = 30
OK = b"HTTP/1.1 200"


@dataclass(frozen=True, slots=True)
class Done:
    """Requests or bytes, and the seconds they took."""

    work: float
    seconds: float
    p99: float = 0.0
    """Seconds that 99 of 100 requests took at most, where it was looked at."""


def wrk(
    endpoint: Endpoint,
    path: str,
    headers: Mapping[str, str],
    connections: int,
    seconds: int,
    *,
    script: str = "count.lua",
    arguments: Sequence[str] = (),
) -> Done:
    """Let wrk repeat a GET, or what the script asks for; raise Unexpected after any error or status above 399."""
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{WRK_TIMEOUT}s", "-s", str(SCRIPTS / script)]
    given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", *options, *given, endpoint.url + path, "--", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 2 * WRK_TIMEOUT)
    summary = json.loads(ended.stdout.strip().splitlines()[-1])
    wrong = {name: count for name, count in summary["errors"].items() if count}
    if wrong or not summary["requests"]:
        raise Unexpected(f"wrk counted {summary['requests']} requests, and errors: {wrong}")
    return Done(summary["requests"], summary["microseconds"] / 1e6, summary["p99"] / 1e6)


def heads(endpoint: Endpoint, path: str, headers: Mapping[str, str], connections: int, seconds: float) -> Done:
    """Repeat a HEAD on many connections; each answer must be a 200.

    wrk can't: it waits for the body that a Content-Length tells of.
    """
    request = head("HEAD", path, headers, None)
    opened = [endpoint.connect() for _ in range(connections)]
    poll = select.epoll()
    by_number = {}
    for connection in opened:
        connection.settimeout(0)
        by_number[connection.fileno()] = (connection.recv, connection.send)
        poll.register(connection, select.EPOLLIN)
    count = 0
    began = time.perf_counter()
    deadline = began + seconds
    try:
        for _, send in by_number.values():
            send(request)
        while time.perf_counter() < deadline:
            ready = poll.poll(TIMEOUT)
            if not ready:
                raise Unexpected(f"no answer in {TIMEOUT:.0f} s")
            for number, _ in ready:
                receive, send = by_number[number]
                count += _headed(receive)
                send(request)
        return Done(count, time.perf_counter() - began)
    finally:
        poll.close()
        for connection in opened:
            connection.close()


def downloads(endpoint: Endpoint, path: str, headers: Mapping[str, str], connections: int, seconds: float) -> Done:
    """GET a blob again and again on each connection until the time is over, counting whole bodies only."""

    def repeat(_number: int, connection: Connection) -> int:
        deadline = time.perf_counter() + seconds
        buffer = memoryview(bytearray(PIECE))
        received = connection.fetch(path, buffer)
        while time.perf_counter() < deadline:
            received += connection.fetch(path, buffer)
        return received

    return together([Connection(endpoint, headers) for _ in range(connections)], repeat)


def uploads(
    endpoint: Endpoint, repository: str, headers: Mapping[str, str], sources: Sequence[Source], *, is_patched: bool
) -> Done:
    """Upload the files at once, each on its own connection: POST and PUT, or POST, PATCH and PUT."""

    def one(number: int, connection: Connection) -> int:
        return upload(connection, repository, sources[number], is_patched=is_patched)

    return together([Connection(endpoint, headers) for _ in sources], one)


def upload(connection: Connection, repository: str, source: Source, *, is_patched: bool) -> int:
    """Upload one file and return its size; raise Unexpected unless the server confirms its digest."""
    location = connection.request("POST", f"/v2/{repository}/blobs/uploads/").expect(202).location
    if is_patched:
        location = connection.send_file("PATCH", location, source).expect(202).location
    path = f"{location}{'&' if '?' in location else '?'}digest={source.digest}"
    answer = connection.request("PUT", path) if is_patched else connection.send_file("PUT", path, source)
    if answer.expect(201).headers.get("docker-content-digest") != source.digest:
        raise Unexpected("the server calls what was uploaded by another digest")
    return source.size


def together(connections: Sequence[Connection], do: Callable[[int, Connection], int]) -> Done:
    """Do something on each connection at once, opened before; each returns what it has done, in requests or bytes."""
    try:
        for connection in connections:
            connection.open()
        with ThreadPoolExecutor(len(connections)) as threads:
            began = time.perf_counter()
            work = sum(threads.map(do, range(len(connections)), connections))
            return Done(work, time.perf_counter() - began)
    finally:
        for connection in connections:
            connection.close()


def _headed(receive: Callable[[int], bytes]) -> int:
    try:
        raw = receive(PIECE)
    except (ssl.SSLWantReadError, BlockingIOError):
        return 0
    if not raw.startswith(OK) or not raw.endswith(HEAD_END):
        raise Unexpected(
            f"status {parse_head(raw.removesuffix(HEAD_END)).status} instead of 200" if raw else "no answer"
        )
    return 1
