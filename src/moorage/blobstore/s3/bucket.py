"""The requests that are needed of S3. Each is tried again when the store fails, until a client should be told.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from moorage.blobstore.s3.download import Head, Line, Lines
from moorage.blobstore.s3.lost import PATIENCE, Lost
from moorage.blobstore.s3.signing import (
    EMPTY,
    UNSIGNED,
    Keys,
    encoded_path,
    encoded_query,
    signed_headers,
    signed_query,
)
from moorage.domain.errors import ErrorCode, MoorageError

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

STALL = 2.2
"""Seconds that a store may do nothing, neither take nor send a byte, before the request is given up."""

LOOK_SECONDS = 1.0
"""How often is looked whether the parts of a multipart upload are an object yet."""

LONGEST_COMPLETION = 900.0
"""Seconds that a store may take to make them one: some copy all bytes, and a large blob has many."""

SLICE = 128 * 1024
"""Bytes handed to a connection at a time; as many are read from one before whoever reads them must take some."""

MOST_KEYS = 1000
"""Keys in one request at most, says S3."""

TRIED_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
"""What says that the same request may succeed a little later."""

FULL = 507
PASSING = frozenset({"RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "OperationAborted"})
"""Words that say so where the status does not."""


class StoreError(Exception):
    """A request that came to nothing, and may come to something."""


class RefusedError(MoorageError):
    """What the store says no to, and would again; `status` is its HTTP status, `code` its own word."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(ErrorCode.DISK_FULL if status == FULL else ErrorCode.UNAVAILABLE, f"the store says {code}")
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: to a key, or to the bucket where that is empty. `wait` is how long the store may think, in seconds."""

    method: str
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Sequence[bytes | memoryview] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = STALL
    allowed: frozenset[int] = frozenset({200, 204, 206})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Bucket:
    """A bucket, and a prefix in it; `endpoint` is a URL without a path."""

    def __init__(self, endpoint: str, name: str, prefix: str, keys: Keys) -> None:
        self.endpoint = endpoint
        self._host = urlsplit(endpoint).netloc
        self._root = f"/{name}" if name else ""
        self._prefix = f"{prefix}/" if prefix else ""
        self._keys = keys
        self._lines = Lines(endpoint)
        self._session: ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        self._lines.close()
        if self._session is not None:
            await self._session.close()

    def signed_url(self, key: str, query: Mapping[str, str], seconds: int, now: datetime) -> str:
        """Return a URL, a secret, by which anybody may read an object for so many seconds; `now` is UTC."""
        path = self._path(key)
        signed = signed_query(self._keys, self._host, path, query, seconds, now)
        return f"{self.endpoint}{path}?{signed}"

    async def put(self, key: str, body: Sequence[bytes | memoryview]) -> None:
        """Write an object."""
        await self._ask(Ask("PUT", key, body=body))

    async def size(self, key: str) -> int | None:
        """Return an object's size in bytes; None when there is none."""
        reply = await self._ask(Ask("HEAD", key, allowed=frozenset({200, 404})))
        return int(reply.headers["content-length"]) if reply.status == 200 else None  # noqa: PLR2004  HTTP

    async def read(
        self, key: str, offset: int, length: int, seen: Callable[[str], None] | None = None
    ) -> AsyncIterator[bytes]:
        """Stream a part of an object, going on where the store broke off; BLOB_UNKNOWN when there is none.

        `seen` is told its ETag first; UNAVAILABLE where the store goes on with another.
        """
        lost, etag = Lost(), None
        while length:
            try:
                async with lost.limited(STALL), self._part(key, offset, length) as (line, head):
                    etag = _check_etag(head, etag, seen)
                    while length:
                        piece = await line.piece(length)
                        # Whoever takes the piece may be slow; only the store is timed.
                        lost.hold()
                        offset += len(piece)
                        length -= len(piece)
                        yield piece
                        lost.forget(STALL)
            except (StoreError, OSError) as error:
                await lost.pause(error)

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, those that are there."""
        if len(keys) == 1:
            await self._ask(Ask("DELETE", keys[0], allowed=frozenset({200, 204, 404})))
            return
        for start in range(0, len(keys), MOST_KEYS):
            named = (f"<Object><Key>{escape(self._prefix + key)}</Key></Object>" for key in keys[start:][:MOST_KEYS])
            body = f"<Delete><Quiet>true</Quiet>{''.join(named)}</Delete>".encode()
            md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
            reply = await self._ask(Ask("POST", query={"delete": ""}, body=[body], headers={"content-md5": md5}))
            for code in _texts(reply, "Error/{*}Code"):
                if code != "NoSuchKey":
                    raise RefusedError(200, code)

    async def keys(self, prefix: str) -> list[str]:
        """List the keys that begin so."""
        found: list[str] = []
        query = {"list-type": "2", "prefix": self._prefix + prefix}
        while True:
            reply = await self._ask(Ask("GET", query=query))
            found += [key.removeprefix(self._prefix) for key in _texts(reply, "Contents/{*}Key")]
            token = next(iter(_texts(reply, "NextContinuationToken")), None)
            if token is None:
                return found
            query = {**query, "continuation-token": token}

    async def listed(self, prefix: str) -> AsyncIterator[list[tuple[str, int, float]]]:
        """List the objects whose keys begin so, a thousand at a time: key, bytes, and when written, in Unix seconds."""
        query = {"list-type": "2", "prefix": self._prefix + prefix}
        while True:
            reply = await self._ask(Ask("GET", query=query))
            sizes = map(int, _texts(reply, "Contents/{*}Size"))
            times = (datetime.fromisoformat(text).timestamp() for text in _texts(reply, "Contents/{*}LastModified"))
            keys = (key.removeprefix(self._prefix) for key in _texts(reply, "Contents/{*}Key"))
            yield list(zip(keys, sizes, times, strict=True))
            token = next(iter(_texts(reply, "NextContinuationToken")), None)
            if token is None:
                return
            query = {**query, "continuation-token": token}

    async def check(self) -> None:
        """Return when the bucket can be listed; raise RefusedError, or UNAVAILABLE, when it can't."""
        await self._ask(Ask("GET", query={"list-type": "2", "prefix": self._prefix, "max-keys": "1"}))

    async def begin(self, key: str) -> str:
        """Begin a multipart upload and return its id; nothing is at the key before it is completed."""
        reply = await self._ask(Ask("POST", key, {"uploads": ""}))
        return next(iter(_texts(reply, "UploadId")))

    async def put_part(self, key: str, upload: str, number: int, body: Sequence[bytes | memoryview]) -> str:
        """Write a part, from 1, and return its mark."""
        reply = await self._ask(Ask("PUT", key, {"partNumber": str(number), "uploadId": upload}, body))
        return reply.headers["etag"]

    async def complete(self, key: str, upload: str, marks: Iterable[str], size: int) -> None:
        """Make the parts an object of `size` bytes. Answers get lost: what is there then decides.

        The store may think for long, as long as it answers meanwhile that there is no object yet.
        """
        parts = (f"<Part><PartNumber>{n}</PartNumber><ETag>{escape(e)}</ETag></Part>" for n, e in enumerate(marks, 1))
        body = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>".encode()
        ask = Ask("POST", key, {"uploadId": upload}, [body], wait=LONGEST_COMPLETION)
        completing = asyncio.create_task(self._put_together(ask))
        try:
            while not (await asyncio.wait([completing], timeout=LOOK_SECONDS))[0]:
                if await self._is_there(key, size):
                    return
            error = completing.exception()
            if error is not None and not await self._is_there(key, size):
                raise error
        finally:
            completing.cancel()

    async def _put_together(self, ask: Ask) -> None:
        # The answer may begin well and end in an error.
        for code in _texts(await self._ask(ask), "Code"):
            raise RefusedError(200, code)

    async def _is_there(self, key: str, size: int) -> bool:
        try:
            async with asyncio.timeout(PATIENCE - LOOK_SECONDS):
                return await self.size(key) == size
        except TimeoutError:
            raise MoorageError(ErrorCode.UNAVAILABLE, "the store does not answer") from None

    async def abort(self, key: str, upload: str) -> None:
        """Give a multipart upload up, with its parts."""
        await self._ask(Ask("DELETE", key, {"uploadId": upload}, allowed=frozenset({200, 204, 404})))

    async def begun(self, prefix: str) -> list[tuple[str, str]]:
        """List the multipart uploads under keys that begin so: key and id, a thousand at most."""
        reply = await self._ask(Ask("GET", query={"uploads": "", "prefix": self._prefix + prefix}))
        keys = (key.removeprefix(self._prefix) for key in _texts(reply, "Upload/{*}Key"))
        return list(zip(keys, _texts(reply, "Upload/{*}UploadId"), strict=True))

    async def _ask(self, ask: Ask) -> Reply:
        """Ask until there is an answer to rely on, or patience ends."""
        lost = Lost()
        while True:
            try:
                async with self._answer(ask, lost) as answer:
                    body = await answer.read()
                    return Reply(answer.status, {name.lower(): text for name, text in answer.headers.items()}, body)
            except StoreError as error:
                await lost.pause(error)

    def _path(self, key: str) -> str:
        """Return the encoded path of an object, or of the bucket where the key is empty."""
        return encoded_path(f"{self._root}/{self._prefix + key if key else ''}")

    @asynccontextmanager
    async def _part(self, key: str, offset: int, length: int) -> AsyncIterator[tuple[Line, Head]]:
        """Ask for a part of an object once; the block reads all of it, or the connection is lost with it."""
        path, headers = self._signed(Ask("GET", key, headers={"range": f"bytes={offset}-{offset + length - 1}"}))
        line, head = await self._lines.get(path, headers)
        try:
            _check_part(head, length)
            yield line, head
        except BaseException:
            line.close()
            raise
        if head.headers.get(b"connection", b"").lower() == b"close":
            line.close()
        else:
            self._lines.give(line)

    def _signed(self, ask: Ask) -> tuple[str, dict[str, str]]:
        """Return a request's path and headers."""
        path = self._path(ask.key)
        digest = UNSIGNED if ask.body else EMPTY
        headers = signed_headers(self._keys, ask.method, self._host, path, ask.query, digest, datetime.now(UTC))
        return path, headers | {"accept-encoding": "identity", **ask.headers}

    @asynccontextmanager
    async def _answer(self, ask: Ask, lost: "Lost") -> AsyncIterator["ClientResponse"]:
        """Send a request once."""
        from aiohttp import ClientError  # noqa: PLC0415  a tenth of a second, and files need none of it
        from yarl import URL  # noqa: PLC0415  likewise

        if self._session is None:
            self._session = _session()
        path, headers = self._signed(ask)
        headers["content-length"] = str(sum(map(len, ask.body)))
        query = f"?{encoded_query(ask.query)}" if ask.query else ""
        url = URL(f"{self.endpoint}{path}{query}", encoded=True)
        body = _slices(ask, lost) if ask.body else None
        try:
            async with (
                lost.limited(ask.wait),
                self._session.request(ask.method, url, headers=headers, data=body, allow_redirects=False) as answer,
            ):
                await _check(answer, ask.allowed)
                yield answer
        except (ClientError, OSError) as error:
            raise StoreError(str(error) or type(error).__name__) from error


def _session() -> "ClientSession":
    import aiohttp  # noqa: PLC0415  as above

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=STALL),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        read_bufsize=SLICE,
    )


async def _slices(ask: Ask, lost: Lost) -> AsyncIterator[memoryview]:
    """Yield a body; time that it takes to be sent is not lost."""
    for buffer in ask.body:
        view = memoryview(buffer)
        for start in range(0, len(view), SLICE):
            yield view[start : start + SLICE]
            lost.moved(ask.wait)
    lost.moved(max(ask.wait, PATIENCE))


def _check_part(head: Head, length: int) -> None:
    """Raise what is wrong, unless the answer is the part that was asked for."""
    if head.status == 404:  # noqa: PLR2004  HTTP
        raise MoorageError(ErrorCode.BLOB_UNKNOWN)
    if head.status in TRIED_AGAIN:
        raise StoreError(str(head.status))
    if head.status not in {200, 206, 416}:
        raise RefusedError(head.status, str(head.status))
    if head.status == 416 or head.length != length:  # noqa: PLR2004  likewise
        raise MoorageError(ErrorCode.UNAVAILABLE, "the bytes end early in the store; push them again")


def _check_etag(head: Head, before: str | None, seen: Callable[[str], None] | None) -> str:
    """Return an answer's ETag, and tell it where it is the first; what goes on must have the one `before`."""
    etag = head.headers.get(b"etag", b"").decode("latin-1")
    if before is None and seen is not None:
        seen(etag)
    if before not in {None, etag}:
        raise MoorageError(ErrorCode.UNAVAILABLE, "the object was replaced while it was read; ask for it again")
    return etag


def _texts(reply: Reply, path: str) -> list[str]:
    """Return the texts of elements in an answer's XML."""
    if not reply.body.strip():
        return []
    try:
        root = ET.fromstring(reply.body)  # noqa: S314  from the store that all bytes are entrusted to
    except ET.ParseError as error:
        raise MoorageError(ErrorCode.UNAVAILABLE, "the store does not answer in XML") from error
    return [element.text or "" for element in root.findall(f"{{*}}{path}")]


async def _check(answer: "ClientResponse", allowed: frozenset[int]) -> None:
    """Raise StoreError, or RefusedError with the store's own word for it, unless the status is one of those allowed."""
    if answer.status in allowed:
        return
    body = await answer.read()
    code = body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode("utf-8", "replace")
    code = code or f"{answer.status} {answer.reason}"
    if answer.status in TRIED_AGAIN or code in PASSING:
        raise StoreError(code)
    raise RefusedError(answer.status, code)
