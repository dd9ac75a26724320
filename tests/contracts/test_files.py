"""What the blob store promises that lies in files, beyond the port."""

import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.blobstore.filesystem import FileBlobStore
from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from tests.contracts.bodies import body, content_at, content_of, push

SHA256 = Algorithm.SHA256
LARGE = b"0123456789abcdef" * 200_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "blobs"


@pytest.fixture
def files(root: Path) -> Iterator[FileBlobStore]:
    store = FileBlobStore(root, threads=2)
    yield store
    store.close()


@pytest.fixture
def file_limit() -> Iterator[int]:
    """Let no file grow beyond a million bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield 1_000_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files_in(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def modes_in(folder: Path) -> set[tuple[str, int]]:
    found = (folder, *folder.rglob("*"))
    return {("folder" if path.is_dir() else "file", path.stat().st_mode & 0o777) for path in found}


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_blob_lies_at_the_address_that_is_its_digest(files: FileBlobStore, root: Path) -> None:
    digest = await push(files, b"content")
    found = await files.locate(digest, 7)
    assert found is not None
    assert content_at(found.path) == b"content"
    assert files_in(root) == {str(Path(found.path).relative_to(root))}


async def test_nobody_else_may_read_the_files(files: FileBlobStore, root: Path) -> None:
    await push(files, b"content")
    with files.hold("upload"):
        await files.append("upload", 0, body(b"content"), SHA256)
    assert modes_in(root.parent) == {("folder", 0o700), ("file", 0o600)}


async def test_a_request_that_brought_nothing_leaves_no_file(files: FileBlobStore, root: Path) -> None:
    with files.hold("upload"):
        pass
    with files.hold("upload"):
        await files.append("upload", 0, body(), SHA256)
    assert files_in(root) == set()


async def test_the_space_of_discarded_blobs_comes_back(files: FileBlobStore, root: Path) -> None:
    digests = [Digest(await push(files, bytes([number]))) for number in range(3)]
    files.discard(digests[:2])
    await files.reclaim()
    assert files_in(root) == {f"sha256/{digests[2][7:9]}/{digests[2][7:]}"}


async def test_what_was_discarded_is_put_back_when_the_database_did_not_keep_its_word(files: FileBlobStore) -> None:
    digests = [Digest(await push(files, content)) for content in (b"a", b"b")]
    restore = files.discard(digests)
    await push(files, b"b")
    restore()
    await files.reclaim()
    assert [await content_of(files, digest, 0, 1) for digest in digests] == [b"a", b"b"]


async def test_the_space_of_an_upload_comes_back_and_what_is_no_upload_of_this_store_is_left_alone(
    files: FileBlobStore, root: Path
) -> None:
    digest = await push(files, b"content")
    await files.append("upload", 0, body(b"mano"), SHA256)
    gone = await files.reclaim(["upload", digest, "another/place", f"../sha256/{digest[7:9]}/{digest[7:]}"])
    assert gone == ("upload",)
    assert files_in(root) == {f"sha256/{digest[7:9]}/{digest[7:]}"}


async def test_an_upload_is_held_by_one_process_at_a_time(files: FileBlobStore, root: Path) -> None:
    other = FileBlobStore(root, threads=2)
    with files.hold("upload"):
        with pytest.raises(MoorageError) as failed, other.hold("upload"):
            pass
        assert failed.value.error is ErrorCode.UPLOAD_BUSY
        with other.hold("another"):
            pass
    with other.hold("upload"):
        await other.append("upload", 0, body(b"mano"), SHA256)
    other.close()


async def test_who_holds_an_upload_is_told_whether_it_is_longer_than_was_known(
    files: FileBlobStore, root: Path
) -> None:
    other = FileBlobStore(root, threads=2)
    with files.hold("upload") as is_longer:
        assert not is_longer
        await files.append("upload", 0, body(b"mano"), SHA256)
    for size, expected in ((0, True), (3, True), (4, False)):
        with other.hold("upload", size) as is_longer:
            assert is_longer is expected
    other.close()


async def test_a_read_that_has_begun_goes_on_when_the_blob_is_discarded(files: FileBlobStore) -> None:
    digest = Digest(await push(files, LARGE))
    reading = files.read(digest, 0, len(LARGE))
    first = await anext(reading)
    files.discard([digest])
    await files.reclaim()
    assert first + b"".join([piece async for piece in reading]) == LARGE


async def test_a_blob_that_ends_early_is_an_error_and_not_a_short_answer(files: FileBlobStore) -> None:
    digest = await push(files, b"content")
    found = await files.locate(digest, 7)
    assert found is not None
    os.truncate(found.path, 3)
    with pytest.raises(MoorageError) as missing:
        await files.locate(digest, 7)
    assert missing.value.error is ErrorCode.BLOB_UNKNOWN
    with pytest.raises(MoorageError) as failed:
        await content_of(files, digest, 0, 7)
    assert failed.value.error is ErrorCode.UNAVAILABLE


async def test_a_read_left_in_the_middle_keeps_no_file_open(files: FileBlobStore) -> None:
    digest = await push(files, LARGE)
    before = open_files()
    for _ in range(3):
        reading = files.read(digest, 0, len(LARGE))
        await anext(reading)
        await reading.aclose()  # type: ignore[attr-defined]  # an asynchronous generator, as every stream here
    assert open_files() == before


async def test_a_write_that_fails_counts_nothing_and_gives_its_space_back(
    files: FileBlobStore, root: Path, file_limit: int
) -> None:
    with files.hold("upload"):
        await files.append("upload", 0, body(b"mano"), SHA256)
        with pytest.raises(MoorageError) as failed:
            await files.append("upload", 4, body(*[LARGE[:400_000]] * 10), SHA256)
        assert failed.value.error is ErrorCode.UNAVAILABLE
        assert (root / "uploads" / "upload").stat().st_size == 4 < file_limit
        await files.append("upload", 4, body(b"metre"), SHA256)
        assert await files.digest("upload", SHA256, 9) == digest_of(b"manometre")


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.EIO, ErrorCode.UNAVAILABLE),
        (errno.ENOSPC, ErrorCode.DISK_FULL),
        (errno.EDQUOT, ErrorCode.DISK_FULL),
    ],
)
async def test_an_fsync_that_fails_is_no_success(
    files: FileBlobStore, monkeypatch: pytest.MonkeyPatch, number: int, error: ErrorCode
) -> None:
    def fail(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with files.hold("kept"), files.hold("upload"):
        await files.append("kept", 0, body(b"content"), SHA256)
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", fail)
            with pytest.raises(MoorageError) as appended:
                await files.append("upload", 0, body(b"content"), SHA256)
            with pytest.raises(MoorageError) as committed:
                await files.commit("kept", digest_of(b"content"), 7)
        assert (appended.value.error, committed.value.error) == (error, error)
        await files.commit("kept", digest_of(b"content"), 7)
    assert await content_of(files, digest_of(b"content"), 0, 7) == b"content"


async def test_a_folder_that_went_away_is_an_error_of_the_server(files: FileBlobStore, root: Path) -> None:
    (root / "uploads").rmdir()
    with pytest.raises(MoorageError) as failed:
        await files.append("upload", 0, body(b"content"), SHA256)
    assert failed.value.error is ErrorCode.UNAVAILABLE
