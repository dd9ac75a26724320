"""Bodies as clients send them, and what is made of them."""

from collections.abc import AsyncIterator
from pathlib import Path

from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.services.ports import BlobStore


async def body(*pieces: bytes, then: BaseException | None = None) -> AsyncIterator[bytes]:
    """Send pieces, and break off with an error if one is given."""
    for piece in pieces:
        yield piece
    if then is not None:
        raise then


async def push(
    store: BlobStore, content: bytes, upload_id: str = "upload", algorithm: Algorithm = Algorithm.SHA256
) -> Digest:
    """Upload a blob in one piece."""
    digest = digest_of(content, algorithm)
    with store.hold(upload_id):
        await store.append(upload_id, 0, body(content), algorithm)
        await store.commit(upload_id, digest, len(content))
    return digest


async def content_of(store: BlobStore, digest: Digest, offset: int = 0, length: int = 0) -> bytes:
    """Read a part of a blob."""
    return b"".join([piece async for piece in store.read(digest, offset, length)])


def content_at(path: str) -> bytes:
    """Read a file that the store says a blob lies in."""
    return Path(path).read_bytes()
