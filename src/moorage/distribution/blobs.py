"""Pulling and deleting blobs.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs
"""

from collections.abc import AsyncIterator
from pathlib import Path

from moorage.distribution.http import Answer, Headers, Request, names_etag
from moorage.domain.byterange import select
from moorage.domain.digest import parse_digest
from moorage.domain.name import Repository
from moorage.services.blobs import BlobService
from moorage.services.kept_blobs import SMALLEST
from moorage.services.records import BlobRecord
from moorage.services.redirects import RedirectService


class BlobHandlers:
    """Requests for `/v2/NAME/blobs/DIGEST`."""

    def __init__(self, blobs: BlobService, redirects: RedirectService) -> None:
        self._blobs = blobs
        self._redirects = redirects

    def foresee(self, repository: Repository, digest: str) -> None:
        """Begin a GET or HEAD; see foresight.py."""
        self._blobs.foresee(repository, parse_digest(digest))

    async def head(self, _request: Request, repository: Repository, digest: str) -> Answer:
        """HEAD: a 200 here promises a pusher that the blob stays for the length of a lease."""
        blob = await self._blobs.promise(repository, parse_digest(digest))
        return Answer(200, _headers(blob), length=blob.size)

    async def get(self, request: Request, repository: Repository, digest: str) -> Answer:
        """GET: what the client doesn't have yet is read from the store, by itself or through here."""
        blob = await self._blobs.get(repository, parse_digest(digest))
        is_known = names_etag(request.headers.get(b"if-none-match"), blob.digest)
        url = None if is_known else self._redirects.url_for(request.address, request.registry, blob)
        return await self._read(request, blob) if url is None else _redirection(blob, url)

    async def delete(self, request: Request, repository: Repository, digest: str) -> Answer:
        """DELETE: the repository's link goes; the bytes stay for others, and for the collection to free."""
        await self._blobs.delete(request.caller, repository, parse_digest(digest))
        return Answer(202)

    async def _read(self, request: Request, blob: BlobRecord) -> Answer:
        """Answer with the whole, as a file where it is one and sound, or with one range."""
        path = await self._blobs.locate(blob)
        if names_etag(request.headers.get(b"if-none-match"), blob.digest):
            return Answer(304, [(b"etag", b'"%s"' % blob.digest.encode())])
        is_same = names_etag(request.headers.get(b"if-range", blob.digest.encode()), blob.digest)
        part = select(request.header(b"range"), blob.size) if is_same else None
        start, length = part or (0, blob.size)
        if path is None and blob.size <= SMALLEST:
            body = await self._blobs.whole(blob)
            return _of(blob, part, body[start : start + length], length)
        if part is None and path is not None and "http.response.pathsend" in request.scope.get("extensions", {}):
            return Answer(200, _headers(blob), Path(path), blob.size)
        stream = self._blobs.read(blob, start, length)
        if path is None:
            # What is refused at once must be known before the answer says 200.
            stream = await _begun(stream)
        return _of(blob, part, stream, length)


def _of(blob: BlobRecord, part: tuple[int, int] | None, body: bytes | AsyncIterator[bytes], length: int) -> Answer:
    """Answer with a body: of the whole blob, or of a part that begins at a byte and has a length."""
    if part is None:
        return Answer(200, _headers(blob), body, length)
    first, size = part
    headers = [*_headers(blob), (b"content-range", b"bytes %d-%d/%d" % (first, first + size - 1, blob.size))]
    return Answer(206, headers, body, length)


async def _begun(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return a stream whose first piece has come."""
    first = await anext(stream, b"")

    async def going_on() -> AsyncIterator[bytes]:
        if first:
            yield first
        async for piece in stream:
            yield piece

    return going_on()


def _redirection(blob: BlobRecord, url: str) -> Answer:
    """Answer with where else the blob is; the URL opens it for whoever has it, so that nothing may keep it."""
    headers = [(b"location", url.encode()), (b"docker-content-digest", blob.digest.encode())]
    return Answer(307, headers, cache=b"private, no-store")


def _headers(blob: BlobRecord) -> Headers:
    digest = blob.digest.encode()
    return [
        (b"content-type", b"application/octet-stream"),
        (b"docker-content-digest", digest),
        (b"etag", b'"%s"' % digest),
        (b"accept-ranges", b"bytes"),
    ]
