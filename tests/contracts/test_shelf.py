"""What places for backups promise, folders and buckets alike."""

import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from moorage.blobstore.folder_shelf import FolderShelf
from moorage.blobstore.s3.shelf import BucketShelf
from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.backup_ports import Shelf
from tests.contracts.bodies import body
from tests.s3_servers import COMMANDS, S3Server

LARGE = bytes(range(256)) * 40_000
"""More than a bucket takes in one request."""

_prefixes = itertools.count()


@pytest.fixture(params=["folder", *(pytest.param(name, marks=pytest.mark.clients) for name in COMMANDS)])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    if request.param == "folder":
        folder = FolderShelf(tmp_path / "shelf")
        yield folder
        folder.close()
        return
    servers: Callable[[str], S3Server] = request.getfixturevalue("s3_servers")
    bucket = BucketShelf(servers(request.param).bucket("moorage", f"shelf/{next(_prefixes)}"), 64 * 1024 * 1024)
    yield bucket
    await bucket.close()


async def put(shelf: Shelf, content: bytes, algorithm: Algorithm = Algorithm.SHA256) -> Digest:
    digest = digest_of(content, algorithm)
    assert await shelf.put(digest, body(content[:7], content[7:])) == len(content)
    return digest


async def content_of(shelf: Shelf, digest: Digest, size: int) -> bytes:
    return b"".join([piece async for piece in shelf.read(digest, size)])


async def everything(shelf: Shelf) -> list[Digest]:
    return sorted([digest async for digests in shelf.digests() for digest in digests])


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("content", [b"", b"content", LARGE], ids=["nothing", "little", "much"])
async def test_what_was_put_is_read(shelf: Shelf, content: bytes, algorithm: Algorithm) -> None:
    digest = await put(shelf, content, algorithm)
    assert await shelf.size(digest) == len(content)
    assert await content_of(shelf, digest, len(content)) == content


async def test_putting_twice_is_putting_once(shelf: Shelf) -> None:
    digest = await put(shelf, b"content")
    await put(shelf, b"content")
    assert await everything(shelf) == [digest]
    assert await content_of(shelf, digest, 7) == b"content"


@pytest.mark.parametrize("content", [b"other content", LARGE], ids=["little", "much"])
async def test_what_is_not_what_its_digest_says_is_refused_and_not_there(shelf: Shelf, content: bytes) -> None:
    digest = digest_of(b"content")
    with pytest.raises(MoorageError) as refused:
        await shelf.put(digest, body(content))
    assert refused.value.error is ErrorCode.DIGEST_INVALID
    assert await shelf.size(digest) is None
    assert await everything(shelf) == []


@pytest.mark.parametrize("content", [b"content", LARGE], ids=["little", "much"])
async def test_a_body_that_breaks_off_leaves_nothing_and_what_was_there_stays(shelf: Shelf, content: bytes) -> None:
    digest = digest_of(content)
    broken = MoorageError(ErrorCode.UNAVAILABLE, "broken off")
    with pytest.raises(MoorageError, match="broken off"):
        await shelf.put(digest, body(content, then=broken))
    assert await everything(shelf) == []
    await put(shelf, content)
    with pytest.raises(MoorageError, match="broken off"):
        await shelf.put(digest, body(content[:3], then=broken))
    assert await content_of(shelf, digest, len(content)) == content


async def test_what_is_not_there_is_unknown(shelf: Shelf) -> None:
    digest = digest_of(b"content")
    assert await shelf.size(digest) is None
    with pytest.raises(MoorageError) as missing:
        await content_of(shelf, digest, 7)
    assert missing.value.error is ErrorCode.BLOB_UNKNOWN
    await shelf.remove([digest])


async def test_what_ends_early_is_an_error_and_not_a_short_answer(shelf: Shelf) -> None:
    digest = await put(shelf, b"content")
    with pytest.raises(MoorageError) as failed:
        await content_of(shelf, digest, 100)
    assert failed.value.error is ErrorCode.UNAVAILABLE


async def test_all_content_is_listed_and_goes_when_it_is_removed(shelf: Shelf) -> None:
    put_here = [await put(shelf, b"%d" % number, algorithm) for number in range(20) for algorithm in Algorithm]
    assert await everything(shelf) == sorted(put_here)
    await shelf.remove(put_here[:-1])
    assert await everything(shelf) == [put_here[-1]]
    await shelf.remove([])


async def test_manifests_are_listed_by_name_and_are_no_content(shelf: Shelf) -> None:
    assert await shelf.names() == ()
    for name in ("20261130T030000Z", "20261129T030000Z"):
        await shelf.save(name, name.encode())
    assert await shelf.names() == ("20261129T030000Z", "20261130T030000Z")
    assert await shelf.load("20261130T030000Z") == b"20261130T030000Z"
    assert await everything(shelf) == []


async def test_a_manifest_that_is_saved_again_is_the_new_one(shelf: Shelf) -> None:
    await shelf.save("20261130T030000Z", b"longer than the other")
    await shelf.save("20261130T030000Z", b"new")
    assert await shelf.load("20261130T030000Z") == b"new"


async def test_a_manifest_that_is_dropped_is_not_found(shelf: Shelf) -> None:
    await shelf.save("20261130T030000Z", b"manifest")
    for _ in range(2):
        await shelf.drop("20261130T030000Z")
    assert await shelf.names() == ()
    with pytest.raises(MoorageError) as missing:
        await shelf.load("20261130T030000Z")
    assert missing.value.error is ErrorCode.NOT_FOUND
