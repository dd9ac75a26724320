"""Requests and answers of the distribution API, and the one writer of its errors."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from moorage.domain.access import ANONYMOUS, Caller
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.records import Registry

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

MOST_FIELDS = 100
MOST_DRAINED = 8 * 1024 * 1024
DRAIN_SECONDS = 5
IDLE_SECONDS = 60
"""How long a body may stand still; what came of it is kept, and its client may go on in a new request."""

NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
LENGTH = re.compile(rb"[0-9]{1,20}")

# Content is the users': on the web page's origin nothing of it may ever run.
COMMON: Headers = [
    (b"docker-distribution-api-version", b"registry/2.0"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
]
# Where two proxies could believe two different ones.
ONLY_ONCE = frozenset({b"authorization", b"content-length", b"content-range", b"content-type", b"host", b"range"})

WITHOUT_BODY = frozenset({204, 304})
JSON = (b"content-type", b"application/json")


@dataclass(slots=True)
class Request:
    """A request: its ASGI scope, its headers by lower-case name, and who asks."""

    scope: Scope
    receive: Receive
    headers: Mapping[bytes, bytes]
    caller: Caller = ANONYMOUS
    is_read: bool = False
    """Whether the body has come to its end."""
    registry: Registry | None = None
    """The registry of the repository asked for, in which the caller may do this."""
    check: Callable[[], Awaitable[None]] | None = None
    """Asks again whether the caller may do this."""

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters, each with all its values."""
        text: bytes = self.scope["query_string"]
        if not text:
            return {}
        try:
            return parse_qs(text.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise MoorageError(ErrorCode.VALUE_INVALID, f"a query has at most {MOST_FIELDS} parameters") from None

    def parameter(self, name: str) -> str | None:
        """Return the first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else None

    def header(self, name: bytes) -> str | None:
        """Return a header's text."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def address(self) -> str:
        """The address the client connects from."""
        client: tuple[str, int] | None = self.scope["client"]
        return client[0] if client else ""

    @property
    def length(self) -> int | None:
        """Content-Length; None when the body comes in chunks."""
        value = self.headers.get(b"content-length")
        if value is None or LENGTH.fullmatch(value) is None:
            return None
        return int(value)

    async def body(self) -> AsyncIterator[bytes]:
        """Stream the body as it comes; raise BLOB_UPLOAD_INVALID when the client goes away in the middle."""
        more = True
        while more:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    message = await self.receive()
            except TimeoutError:
                raise MoorageError(ErrorCode.STALLED) from None
            if message["type"] == "http.disconnect":
                self.is_read = True
                raise MoorageError(ErrorCode.BLOB_UPLOAD_INVALID, "the connection ended in the middle of the body")
            piece = message.get("body", b"")
            if piece:
                yield piece
            more = message.get("more_body", False)
            self.is_read = not more

    async def drain(self) -> None:
        """Let an unread body come in and go, in bounds.

        A client reads the answer only when it has sent all, and never if the connection closes on it before.
        """
        has_none = self.length == 0 or (self.length is None and b"transfer-encoding" not in self.headers)
        if self.is_read or has_none or b"expect" in self.headers:
            return
        left = MOST_DRAINED
        with suppress(MoorageError, TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                async for piece in self.body():
                    left -= len(piece)
                    if left < 0:
                        return

    async def read(self, most: int) -> bytes:
        """Return the whole body, or raise TOO_LARGE as soon as it is more than `most` bytes.

        A body may take its time. What its sender may no longer do when it is there, is not done.
        """
        pieces: list[bytes] = []
        left = most - (self.length or 0)
        if left >= 0:
            left = most
            async for piece in self.body():
                left -= len(piece)
                if left < 0:
                    break
                pieces.append(piece)
        if left < 0:
            raise MoorageError(ErrorCode.TOO_LARGE, f"{most} bytes are the most that is accepted here")
        if self.check is not None:
            await self.check()
        return b"".join(pieces)


@dataclass(slots=True)
class Answer:
    """An answer. A body is bytes, a stream, or all of a file; `length` is its bytes where they aren't at hand.

    `cache` says what may be kept: by nothing between us and the client, and by the client only if it asks again.
    """

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes | Path | AsyncIterator[bytes] = b""
    length: int | None = None
    cache: bytes = b"private, no-cache"


def json_answer(status: int, document: object, headers: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
    """Answer with a JSON document."""
    body = json.dumps(document, separators=(",", ":")).encode()
    return Answer(status, [JSON, *headers], body)


def error_answer(error: MoorageError, challenge: str | None = None) -> Answer:
    """Answer with the error envelope of the specification; a 401 carries its challenge, a 429 or 503 when to retry."""
    entry = {"code": error.error.code, "message": error.message, "detail": error.detail}
    headers: Headers = []
    if challenge is not None and error.error is ErrorCode.UNAUTHORIZED:
        headers.append((b"www-authenticate", challenge.encode("latin-1", "replace")))
    detail = error.detail if isinstance(error.detail, dict) else {}
    if error.error in {ErrorCode.TOO_MANY, ErrorCode.UNAVAILABLE}:
        headers.append((b"retry-after", b"%d" % detail.get("retry_after", 1)))
    if error.error is ErrorCode.METHOD_UNKNOWN:
        headers.append((b"allow", ", ".join(detail["allow"]).encode()))
    if error.error is ErrorCode.RANGE_UNSATISFIABLE:
        headers.append((b"content-range", b"bytes */%d" % detail["size"]))
    return json_answer(int(error.error.status), {"errors": [entry]}, headers)


async def send_answer(answer: Answer, scope: Scope, send: Send) -> None:
    """Write an answer; a HEAD gets the headers of its GET and no body."""
    headers = [*answer.headers, *COMMON, (b"cache-control", answer.cache)]
    body, length = answer.body, answer.length
    if length is None and isinstance(body, bytes):
        length = len(body)
    if answer.status not in WITHOUT_BODY:
        headers.append((b"content-length", b"%d" % (length or 0)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if scope["method"] == "HEAD":
        await send({"type": "http.response.body", "body": b""})
    elif isinstance(body, bytes):
        await send({"type": "http.response.body", "body": body})
    elif isinstance(body, Path):
        await send({"type": "http.response.pathsend", "path": str(body)})
    else:
        async for piece in body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def read_headers(received: Headers) -> dict[bytes, bytes]:
    """Return headers by name; raise VALUE_INVALID where one of a kind comes twice and says two things."""
    headers = dict(received)
    if len(headers) != len(received):
        for name, value in received:
            if name in ONLY_ONCE and headers[name] != value:
                raise MoorageError(ErrorCode.VALUE_INVALID, f"the header {name.decode()} comes twice")
    return headers


def names_etag(header: bytes | None, digest: str) -> bool:
    """Tell whether If-None-Match names a digest's entity tag, weakly compared; RFC 9110, section 13.1.2."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix(b"W/").strip(b'"') for tag in header.split(b",")]
    return digest.encode() in tags or b"*" in tags


def page_size(text: str | None, largest: int) -> int | None:
    """Read the parameter `n`: None when it is missing, `largest` at most; raise PAGINATION_INVALID otherwise."""
    if text is None:
        return None
    if NUMBER.fullmatch(text) is None:
        raise MoorageError(ErrorCode.PAGINATION_INVALID, None, {"n": text[:32]})
    return min(int(text), largest)
