"""The port `BlobStore`: what every place for bytes promises."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.ports import BlobStore
from tests.contracts.bodies import body, content_of, push
from tests.contracts.conftest import OpenStore

SHA256, SHA512 = Algorithm
LARGE = bytes(range(256)) * 4 * 1024 * 3
"""Three pieces of a writer."""


async def refused(store: BlobStore, digest: Digest, size: int) -> bool:
    """Tell whether an upload named `upload` cannot be committed because its bytes are not here."""
    with store.hold("upload"), pytest.raises(MoorageError) as failed:
        await store.commit("upload", digest, size)
    return failed.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN


async def test_what_was_committed_is_read_back(store: BlobStore) -> None:
    for algorithm in Algorithm:
        for content in (b"", b"a", LARGE):
            digest = await push(store, content, algorithm=algorithm)
            assert await content_of(store, digest, 0, len(content)) == content


async def test_a_part_of_a_blob_can_be_read(store: BlobStore) -> None:
    digest = await push(store, LARGE)
    for start, length in ((0, 1), (1, 256 * 1024), (262_143, 2), (262_144, 1_000_000), (len(LARGE) - 1, 1)):
        assert await content_of(store, digest, start, length) == LARGE[start : start + length]


async def test_a_missing_blob_is_unknown(store: BlobStore) -> None:
    with pytest.raises(MoorageError) as failed:
        await content_of(store, digest_of(b"never pushed"), 0, 1)
    assert failed.value.error is ErrorCode.BLOB_UNKNOWN


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_a_body_that_is_the_whole_upload_comes_with_its_digest(store: BlobStore, algorithm: Algorithm) -> None:
    with store.hold("upload"):
        received = await store.append("upload", 0, body(b"", b"mano", b"", b"metre"), algorithm)
    assert (received.length, received.digest, received.broken) == (9, digest_of(b"manometre", algorithm), None)


@pytest.mark.parametrize("size", [1, 400_000, 1024 * 1024, 2_000_000])
async def test_a_body_may_come_in_pieces_of_any_size(store: BlobStore, size: int) -> None:
    content = LARGE if size > 1 else LARGE[:5_000]
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    with store.hold("upload"):
        received = await store.append("upload", 0, body(*pieces), SHA256)
        await store.commit("upload", digest_of(content), len(content))
    assert received.digest == digest_of(content)
    assert await content_of(store, digest_of(content), 0, len(content)) == content


async def test_an_upload_goes_on_where_it_stands_and_is_read_again_for_its_digest(store: BlobStore) -> None:
    with store.hold("upload"):
        first = await store.append("upload", 0, body(b"mano"), SHA256)
        second = await store.append("upload", 4, body(b"metre"), SHA256)
        assert (first.length, second.length, second.digest) == (4, 5, None)
        for algorithm in Algorithm:
            assert await store.digest("upload", algorithm, 9) == digest_of(b"manometre", algorithm)


async def test_an_upload_goes_on_in_another_process(open_store: OpenStore) -> None:
    one, other = open_store(), open_store()
    with one.hold("upload"):
        await one.append("upload", 0, body(b"mano"), SHA256)
    with other.hold("upload"):
        await other.append("upload", 4, body(b"metre"), SHA256)
        await other.commit("upload", digest_of(b"manometre"), 9)
    assert await content_of(one, digest_of(b"manometre"), 0, 9) == b"manometre"


async def test_bytes_beyond_the_offset_do_not_exist(store: BlobStore) -> None:
    with store.hold("upload"):
        await store.append("upload", 0, body(b"manometre"), SHA256)
        await store.append("upload", 4, body(b"r"), SHA256)
        assert await store.digest("upload", SHA256, 5) == digest_of(b"manor")
        await store.commit("upload", digest_of(b"manor"), 5)
    assert await content_of(store, digest_of(b"manor"), 0, 5) == b"manor"


async def test_what_a_request_left_behind_the_known_size_is_no_part_of_the_blob(store: BlobStore) -> None:
    with store.hold("upload"):
        await store.append("upload", 0, body(b"manometre"), SHA256)
        assert await store.digest("upload", SHA256, 4) == digest_of(b"mano")
        await store.commit("upload", digest_of(b"mano"), 4)
    assert await content_of(store, digest_of(b"mano"), 0, 4) == b"mano"
    with pytest.raises(MoorageError):
        await content_of(store, digest_of(b"mano"), 4, 1)


async def test_an_upload_whose_bytes_are_lost_is_unknown(store: BlobStore) -> None:
    with store.hold("upload"):
        await store.append("upload", 0, body(b"mano"), SHA256)
        with pytest.raises(MoorageError) as appended:
            await store.append("upload", 5, body(b"x"), SHA256)
        with pytest.raises(MoorageError) as read:
            await store.digest("upload", SHA256, 5)
    assert appended.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN
    assert read.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN
    assert await refused(store, digest_of(b"manor"), 5)
    assert await store.digest("upload", SHA256, 4) == digest_of(b"mano")


async def test_a_body_that_broke_off_is_kept_and_can_be_resumed(store: BlobStore) -> None:
    gone = MoorageError(ErrorCode.BLOB_UPLOAD_INVALID, "the client went away")
    half = len(LARGE) // 2 + 1
    with store.hold("upload"):
        received = await store.append("upload", 0, body(LARGE[:9], LARGE[9:half], then=gone), SHA256)
        assert (received.length, received.digest, received.broken) == (half, digest_of(LARGE[:half]), gone)
        rest = await store.append("upload", half, body(LARGE[half:]), SHA256)
        assert (rest.length, rest.broken) == (len(LARGE) - half, None)
        await store.commit("upload", digest_of(LARGE), len(LARGE))
    assert await content_of(store, digest_of(LARGE), 0, len(LARGE)) == LARGE


async def test_a_cancelled_append_has_ended_when_it_returns(open_store: OpenStore) -> None:
    store = open_store()
    arrived = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield LARGE
            arrived.set()

    async def request() -> None:
        with store.hold("upload"):
            await store.append("upload", 4, endless(), SHA256)

    with store.hold("upload"):
        await store.append("upload", 0, body(b"mano"), SHA256)
    task = asyncio.create_task(request())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    other = open_store()
    with other.hold("upload"):
        await other.append("upload", 4, body(b"metre"), SHA256)
        assert await other.digest("upload", SHA256, 9) == digest_of(b"manometre")


async def test_an_append_that_failed_leaves_the_upload_as_it_was(store: BlobStore) -> None:
    with store.hold("upload"):
        await store.append("upload", 0, body(b"mano"), SHA256)
        with pytest.raises(ZeroDivisionError):
            await store.append("upload", 4, body(LARGE, then=ZeroDivisionError()), SHA256)
        await store.append("upload", 4, body(b"metre"), SHA256)
        assert await store.digest("upload", SHA256, 9) == digest_of(b"manometre")


async def test_an_upload_is_held_by_one_request_at_a_time(open_store: OpenStore) -> None:
    one, other = open_store(), open_store()
    with one.hold("upload"):
        for store in (one, other):
            with pytest.raises(MoorageError) as failed, store.hold("upload"):
                pass
            assert failed.value.error is ErrorCode.UPLOAD_BUSY
            with store.hold("another"):
                pass
    with other.hold("upload"):
        await other.append("upload", 0, body(b"mano"), SHA256)
    with one.hold("upload"):
        assert await one.digest("upload", SHA256, 4) == digest_of(b"mano")


async def test_a_commit_that_was_cut_off_after_the_move_can_be_repeated(store: BlobStore) -> None:
    digest = await push(store, b"content")
    with store.hold("upload"):
        await store.commit("upload", digest, 7)
    assert await content_of(store, digest, 0, 7) == b"content"


async def test_an_upload_without_its_bytes_never_becomes_a_blob(store: BlobStore) -> None:
    digest = await push(store, b"content", "theirs")
    with store.hold("upload"):
        await store.append("upload", 0, body(b"cont"), SHA256)
    assert await refused(store, digest_of(b"contents"), 8)
    assert await refused(store, digest, 8)
    assert await content_of(store, digest, 0, 7) == b"content"


async def test_two_pushers_of_one_blob_both_succeed(open_store: OpenStore) -> None:
    one, other = open_store(), open_store()
    with one.hold("a"), other.hold("b"):
        await one.append("a", 0, body(LARGE), SHA256)
        await other.append("b", 0, body(LARGE), SHA256)
        await asyncio.gather(
            one.commit("a", digest_of(LARGE), len(LARGE)), other.commit("b", digest_of(LARGE), len(LARGE))
        )
    assert await content_of(other, digest_of(LARGE), 0, len(LARGE)) == LARGE


async def test_a_large_upload_is_read_again_whole(store: BlobStore) -> None:
    hasher = hashlib.sha512(LARGE * 6)
    with store.hold("upload"):
        await store.append("upload", 0, body(*[LARGE] * 6), SHA256)
        assert await store.digest("upload", SHA512, 6 * len(LARGE)) == f"sha512:{hasher.hexdigest()}"


async def test_an_abandoned_upload_is_gone(store: BlobStore) -> None:
    with store.hold("upload"):
        await store.append("upload", 0, body(b"mano"), SHA256)
        await store.abandon("upload")
        await store.abandon("upload")
    assert await refused(store, digest_of(b"mano"), 4)


async def test_a_discarded_blob_is_gone_at_once_for_every_process(open_store: OpenStore) -> None:
    one, other = open_store(), open_store()
    digest, kept = await push(one, b"content"), await push(one, b"other content")
    one.discard([digest, digest_of(b"never pushed")])
    one.discard([digest])
    with pytest.raises(MoorageError) as failed:
        await content_of(other, digest, 0, 7)
    assert failed.value.error is ErrorCode.BLOB_UNKNOWN
    assert await content_of(other, kept, 0, 13) == b"other content"


async def test_what_is_pushed_again_after_a_discard_outlives_the_reclaiming(store: BlobStore) -> None:
    digest = await push(store, b"content")
    store.discard([digest])
    await push(store, b"content")
    await store.reclaim()
    await store.reclaim()
    assert await content_of(store, digest, 0, 7) == b"content"


@pytest.mark.parametrize("upload_id", ["", ".", "..", "../sha256", "a/b", "a\n", "a\x00", "ä", "a" * 65])
async def test_what_was_never_an_uploads_id_is_unknown(store: BlobStore, upload_id: str) -> None:
    with pytest.raises(MoorageError) as held, store.hold(upload_id):
        pass
    with pytest.raises(MoorageError) as appended:
        await store.append(upload_id, 0, body(b"x"), SHA256)
    with pytest.raises(MoorageError) as abandoned:
        await store.abandon(upload_id)
    assert {held.value.error, appended.value.error, abandoned.value.error} == {ErrorCode.BLOB_UPLOAD_UNKNOWN}
