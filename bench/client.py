"""The bench's own HTTP client: as little work as a client can do, so that the server is what is measured.

Bodies go out by sendfile, or in large writes over TLS, and come in into one reused buffer; Python's lock is free
meanwhile, so that threads are real. It costs no more CPU than wrk or curl do for the same bytes.
"""

import hashlib
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

HOST = "127.0.0.1"
TIMEOUT = 60.0
PIECE = 256 * 1024
TLS_PIECE = 1024 * 1024
HEAD_END = b"\r\n\r\n"
LONGEST_HEAD = 64 * 1024


class Unexpected(Exception):  # noqa: N818  an answer, not an error of ours
    """A server's answer that is not the one asked for."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One door of a running server."""

    port: int
    tls: ssl.SSLContext | None

    @property
    def url(self) -> str:
        """The door's address, without a path."""
        return f"{'https' if self.tls else 'http'}://{HOST}:{self.port}"

    def connect(self) -> socket.socket:
        """Return a new connection; raise OSError when nobody answers."""
        connection = socket.create_connection((HOST, self.port), TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is None:
            return connection
        return self.tls.wrap_socket(connection, server_hostname=HOST)


@dataclass(frozen=True, slots=True)
class Source:
    """A file to send, and its digest."""

    path: Path
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def location(self) -> str:
        """Path and query of the Location header."""
        parts = urlsplit(self.headers["location"])
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def json(self) -> Any:  # noqa: ANN401  JSON holds anything
        """Return the body's document."""
        return json.loads(self.body)

    def expect(self, *statuses: int) -> "Answer":
        """Return the answer itself if it has one of these statuses; raise Unexpected otherwise."""
        if self.status not in statuses:
            raise Unexpected(
                f"status {self.status} instead of {statuses[0]}: {self.body[:300].decode(errors='replace')}"
            )
        return self


@dataclass(slots=True)
class Connection:
    """One connection that stays open; `headers` go with every request."""

    endpoint: Endpoint
    headers: Mapping[str, str] = field(default_factory=dict)
    _socket: socket.socket | None = None
    _left: bytes = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; the next request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._left = b""

    def open(self) -> socket.socket:
        """Return the open socket, opened now if it was not."""
        if self._socket is None:
            self._socket = self.endpoint.connect()
        return self._socket

    def request(self, method: str, path: str, body: bytes = b"", *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request and return its whole answer."""
        self.send(method, path, headers or {}, body)
        return self.receive(method)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a request, whose answer is received later."""
        self._send(head(method, path, {**self.headers, **headers}, len(body)) + body)

    def send_file(self, method: str, path: str, source: Source) -> Answer:
        """Send a request with a file as its body and return its whole answer."""
        self._send(head(method, path, {**self.headers, "content-type": "application/octet-stream"}, source.size))
        connection = self.open()
        with source.path.open("rb") as file:
            if isinstance(connection, ssl.SSLSocket):
                buffer = memoryview(bytearray(TLS_PIECE))
                while count := file.readinto(buffer):
                    connection.sendall(buffer[:count])
            else:
                connection.sendfile(file, 0, source.size)
        return self.receive(method)

    def fetch(self, path: str, buffer: memoryview, hasher: Any = None) -> int:  # noqa: ANN401  hashlib names no type
        """GET a body of known length into the buffer, again and again, and return its length; hash it if asked to."""
        self._send(head("GET", path, self.headers, None))
        answer = self._head()
        length = int(answer.headers["content-length"])
        if answer.status != 200:  # noqa: PLR2004
            raise Unexpected(f"status {answer.status} instead of 200")
        left = length - len(self._left)
        if hasher:
            hasher.update(self._left)
        self._left = b""
        receive = self.open().recv_into
        while left > 0:
            count = receive(buffer, min(left, len(buffer)))
            if not count:
                raise Unexpected(f"the answer ended {left} bytes early")
            if hasher:
                hasher.update(buffer[:count])
            left -= count
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return length

    def digest_of(self, path: str) -> str:
        """GET a body and return its sha256 digest, whatever its size."""
        hasher = hashlib.sha256()
        self.fetch(path, memoryview(bytearray(PIECE)), hasher)
        return f"sha256:{hasher.hexdigest()}"

    def _send(self, request: bytes) -> None:
        self.open().sendall(request)

    def receive(self, method: str) -> Answer:
        """Return the whole answer to a request that was sent."""
        answer = self._head()
        if method == "HEAD":
            body = b""
        elif answer.headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        else:
            body = self._take(int(answer.headers.get("content-length", 0)))
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(answer.status, answer.headers, body)

    def _head(self) -> Answer:
        while HEAD_END not in self._left:
            if len(self._left) > LONGEST_HEAD:
                raise Unexpected("a head without an end")
            self._more()
        raw, _, self._left = self._left.partition(HEAD_END)
        return parse_head(raw)

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._line(), 16):
            body += self._take(size)
            self._line()
        self._line()
        return body

    def _line(self) -> bytes:
        while b"\r\n" not in self._left:
            self._more()
        line, _, self._left = self._left.partition(b"\r\n")
        return line

    def _take(self, size: int) -> bytes:
        while len(self._left) < size:
            self._more()
        body, self._left = self._left[:size], self._left[size:]
        return body

    def _more(self) -> None:
        data = self.open().recv(PIECE)
        if not data:
            raise Unexpected("the connection ended before the answer did")
        self._left += data


def head(method: str, path: str, headers: Mapping[str, str], length: int | None) -> bytes:
    """Return a request's head; `length` is its body's, None for a request that has no body at all."""
    given = {"host": HOST, **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    if length is not None and method not in {"GET", "HEAD"}:
        lines.append(f"content-length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def parse_head(raw: bytes) -> Answer:
    """Return the answer that a head without its last empty line tells of; of repeated headers the last one."""
    first, *lines = raw.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    return Answer(int(first.split(" ", 2)[1]), {name.lower(): value.strip() for name, value in pairs})
