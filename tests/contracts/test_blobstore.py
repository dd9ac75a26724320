"""The port `BlobStore`: what every place for bytes promises."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.store_port import BlobStore
from tests.contracts.bodies import Sending, body, content_of, drop, push
from tests.contracts.conftest import OpenStore

SHA256, SHA512 = Algorithm
LARGE = bytes(range(256)) * 4 * 1024 * 3
"""Three pieces of a writer."""


async def refused(upload: Sending, content: bytes) -> bool:
    """Tell whether an upload cannot become that blob because its bytes are not here."""
    with pytest.raises(MoorageError) as failed:
        await upload.commit(content)
    return failed.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN


async def test_what_was_committed_is_read_back(store: BlobStore) -> None:
    for algorithm in Algorithm:
        for content in (b"", b"a", LARGE):
            place = await push(store, content, f"{algorithm}{len(content)}", algorithm)
            assert await content_of(store, place, 0, len(content)) == content
            await store.ensure(place, len(content))


async def test_a_part_of_a_blob_can_be_read(store: BlobStore) -> None:
    place = await push(store, LARGE)
    for start, length in ((0, 1), (1, 256 * 1024), (262_143, 2), (262_144, 1_000_000), (len(LARGE) - 1, 1)):
        assert await content_of(store, place, start, length) == LARGE[start : start + length]


async def test_a_missing_blob_is_unknown(store: BlobStore) -> None:
    never = await push(store, b"content")
    await drop(store, never)
    for missing in (never, digest_of(b"never pushed"), "never/pushed"):
        with pytest.raises(MoorageError) as failed:
            await content_of(store, missing, 0, 1)
        with pytest.raises(MoorageError) as looked:
            await store.ensure(missing, 1)
        assert (failed.value.error, looked.value.error) == (ErrorCode.BLOB_UNKNOWN, ErrorCode.BLOB_UNKNOWN)


async def test_a_blob_of_another_size_is_none_to_rely_on(store: BlobStore) -> None:
    place = await push(store, b"content")
    with pytest.raises(MoorageError) as failed:
        await store.ensure(place, 8)
    assert failed.value.error is ErrorCode.BLOB_UNKNOWN


async def test_more_than_there_is_cannot_be_read(store: BlobStore) -> None:
    place = await push(store, b"content")
    for start, length in ((0, 8), (7, 1)):
        with pytest.raises(MoorageError) as failed:
            await content_of(store, place, start, length)
        assert failed.value.error is ErrorCode.UNAVAILABLE


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_a_body_that_is_the_whole_upload_comes_with_its_digest(store: BlobStore, algorithm: Algorithm) -> None:
    received = await Sending(store).append(0, body(b"", b"mano", b"", b"metre"), algorithm)
    assert (received.length, received.digest, received.broken) == (9, digest_of(b"manometre", algorithm), None)


@pytest.mark.parametrize("size", [1, 400_000, 1024 * 1024, 2_000_000])
async def test_a_body_may_come_in_pieces_of_any_size(store: BlobStore, size: int) -> None:
    content = LARGE if size > 1 else LARGE[:5_000]
    upload = Sending(store)
    received = await upload.append(0, body(*[content[start : start + size] for start in range(0, len(content), size)]))
    assert received.digest == digest_of(content)
    assert await content_of(store, await upload.commit(content), 0, len(content)) == content


async def test_an_upload_goes_on_where_it_stands_and_is_read_again_for_its_digest(store: BlobStore) -> None:
    upload = Sending(store)
    first = await upload.append(0, body(b"mano"))
    second = await upload.append(4, body(b"metre"))
    assert (first.length, second.length, second.digest) == (4, 5, None)
    for algorithm in Algorithm:
        assert await upload.digest(9, algorithm) == digest_of(b"manometre", algorithm)
    assert await content_of(store, await upload.commit(b"manometre"), 0, 9) == b"manometre"


async def test_an_upload_may_come_in_many_pieces_small_and_large(store: BlobStore) -> None:
    pieces = [LARGE[:1], LARGE, LARGE[:70_000], LARGE[::-1], LARGE[:2]] * 2
    content = b"".join(pieces)
    upload, offset = Sending(store), 0
    for piece in pieces:
        await upload.append(offset, body(piece))
        offset += len(piece)
    assert await content_of(store, await upload.commit(content), 0, len(content)) == content


async def test_an_upload_goes_on_in_another_process(open_store: OpenStore) -> None:
    one, other = open_store(), open_store()
    with one.hold("upload"):
        begun = await one.append("upload", 0, body(b"mano"), SHA256)
    with other.hold("upload"):
        upload = Sending(other, begun.place)
        await upload.append(4, body(b"metre"))
        place = await upload.commit(b"manometre")
    assert await content_of(one, place, 0, 9) == b"manometre"


async def test_bytes_beyond_the_offset_do_not_exist(store: BlobStore) -> None:
    upload = Sending(store)
    await upload.append(0, body(b"manometre"))
    await upload.append(4, body(b"r"))
    assert await upload.digest(5) == digest_of(b"manor")
    assert await content_of(store, await upload.commit(b"manor"), 0, 5) == b"manor"


async def test_what_a_request_left_behind_the_known_size_is_no_part_of_the_blob(store: BlobStore) -> None:
    upload = Sending(store)
    await upload.append(0, body(b"manometre"))
    assert await upload.digest(4) == digest_of(b"mano")
    place = await upload.commit(b"mano")
    assert await content_of(store, place, 0, 4) == b"mano"
    with pytest.raises(MoorageError):
        await content_of(store, place, 4, 1)


async def test_an_upload_whose_bytes_are_lost_is_unknown(store: BlobStore) -> None:
    upload = Sending(store)
    await upload.append(0, body(b"mano"))
    with pytest.raises(MoorageError) as appended:
        await upload.append(5, body(b"x"))
    with pytest.raises(MoorageError) as read:
        await upload.digest(5)
    assert appended.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN
    assert read.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN
    assert await refused(upload, b"manor")
    assert await upload.digest(4) == digest_of(b"mano")


async def test_a_body_that_broke_off_is_kept_and_can_be_resumed(store: BlobStore) -> None:
    gone = MoorageError(ErrorCode.BLOB_UPLOAD_INVALID, "the client went away")
    half = len(LARGE) // 2 + 1
    upload = Sending(store)
    received = await upload.append(0, body(LARGE[:9], LARGE[9:half], then=gone))
    assert (received.length, received.digest, received.broken) == (half, digest_of(LARGE[:half]), gone)
    rest = await upload.append(half, body(LARGE[half:]))
    assert (rest.length, rest.broken) == (len(LARGE) - half, None)
    assert await content_of(store, await upload.commit(LARGE), 0, len(LARGE)) == LARGE


async def test_a_body_that_brought_nothing_changes_nothing(store: BlobStore) -> None:
    gone = MoorageError(ErrorCode.BLOB_UPLOAD_INVALID, "the client went away")
    upload = Sending(store)
    await upload.append(0, body(b"mano"))
    received = await upload.append(4, body(then=gone))
    assert (received.length, received.broken) == (0, gone)
    assert await content_of(store, await upload.commit(b"mano"), 0, 4) == b"mano"


async def test_a_cancelled_append_has_ended_when_it_returns(open_store: OpenStore) -> None:
    store = open_store()
    arrived = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield LARGE
            arrived.set()

    with store.hold("upload"):
        begun = await store.append("upload", 0, body(b"mano"), SHA256)

    async def request() -> None:
        with store.hold("upload"):
            await store.append(begun.place, 4, endless(), SHA256)

    task = asyncio.create_task(request())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    other = open_store()
    with other.hold("upload"):
        upload = Sending(other, begun.place)
        await upload.append(4, body(b"metre"))
        assert await upload.digest(9) == digest_of(b"manometre")


async def test_an_append_that_failed_leaves_the_upload_as_it_was(store: BlobStore) -> None:
    upload = Sending(store)
    await upload.append(0, body(b"mano"))
    with pytest.raises(ZeroDivisionError):
        await upload.append(4, body(LARGE, then=ZeroDivisionError()))
    await upload.append(4, body(b"metre"))
    assert await upload.digest(9) == digest_of(b"manometre")


async def test_an_upload_is_held_by_one_request_at_a_time(store: BlobStore) -> None:
    with store.hold("upload"):
        with pytest.raises(MoorageError) as failed, store.hold("upload"):
            pass
        assert failed.value.error is ErrorCode.UPLOAD_BUSY
        with store.hold("another"):
            pass
    with store.hold("upload"):
        await store.append("upload", 0, body(b"mano"), SHA256)


async def test_what_two_servers_let_in_at_once_does_not_mix(open_store: OpenStore) -> None:
    one, other = open_store(), open_store()
    with one.hold("upload"):
        mine = Sending(one)
        try:
            with other.hold("upload"):
                theirs = Sending(other)
                await asyncio.gather(mine.append(0, body(LARGE)), theirs.append(0, body(LARGE[::-1])))
                assert await theirs.digest(len(LARGE)) == digest_of(LARGE[::-1])
        except MoorageError as error:
            assert error.error is ErrorCode.UPLOAD_BUSY  # noqa: PT017  a store may keep others off instead
            await mine.append(0, body(LARGE))
        place = await mine.commit(LARGE)
    assert await content_of(other, place, 0, len(LARGE)) == LARGE


async def test_a_commit_that_was_cut_off_can_be_repeated(store: BlobStore) -> None:
    for number, contents in enumerate(([b"content"], [b"con", b"tent"])):
        upload, offset = Sending(store, f"upload{number}"), 0
        for content in contents:
            await upload.append(offset, body(content))
            offset += len(content)
        await store.commit(upload.place, digest_of(b"content"), 7)
        assert await content_of(store, await upload.commit(b"content"), 0, 7) == b"content"


async def test_an_upload_without_its_bytes_never_becomes_a_blob(store: BlobStore) -> None:
    place = await push(store, b"content", "theirs")
    upload = Sending(store)
    await upload.append(0, body(b"cont"))
    assert await refused(upload, b"contents")
    assert await content_of(store, place, 0, 7) == b"content"


async def test_two_pushers_of_one_blob_both_succeed(open_store: OpenStore) -> None:
    stores = open_store(), open_store()
    uploads = [Sending(store, name) for store, name in zip(stores, "ab", strict=True)]
    for upload in uploads:
        await upload.append(0, body(LARGE))
    for place in await asyncio.gather(*(upload.commit(LARGE) for upload in uploads)):
        assert await content_of(stores[0], place, 0, len(LARGE)) == LARGE


async def test_a_large_upload_is_read_again_whole(store: BlobStore) -> None:
    hasher = hashlib.sha512(LARGE * 6)
    upload = Sending(store)
    await upload.append(0, body(*[LARGE] * 6))
    assert await upload.digest(6 * len(LARGE), SHA512) == f"sha512:{hasher.hexdigest()}"
    assert await content_of(store, await upload.commit(LARGE * 6), 0, 6 * len(LARGE)) == LARGE * 6


async def test_an_upload_that_was_given_up_is_gone(store: BlobStore) -> None:
    upload = Sending(store)
    await upload.append(0, body(b"mano"))
    await upload.append(4, body(b"metre"))
    await store.reclaim(["upload"])
    await store.reclaim(["upload"])
    with pytest.raises(MoorageError) as failed:
        await upload.digest(4)
    assert failed.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN


async def test_a_discarded_blob_is_gone_for_every_process(open_store: OpenStore) -> None:
    one, other = open_store(), open_store()
    gone, kept = await push(one, b"content", "a"), await push(one, b"other content", "b")
    await drop(one, gone, digest_of(b"never pushed"), "never/pushed")
    await drop(one, gone)
    with pytest.raises(MoorageError) as failed:
        await content_of(other, gone, 0, 7)
    assert failed.value.error is ErrorCode.BLOB_UNKNOWN
    assert await content_of(other, kept, 0, 13) == b"other content"


async def test_what_is_pushed_again_after_a_discard_outlives_the_reclaiming(store: BlobStore) -> None:
    place = await push(store, b"content", "a")
    store.discard([Digest(place)])
    again = await push(store, b"content", "b")
    await store.reclaim([] if ":" in place else [place])
    await store.reclaim()
    assert await content_of(store, again, 0, 7) == b"content"


@pytest.mark.parametrize("upload_id", ["", ".", "..", "../sha256", "a/b", "a\n", "a\x00", "ä", "a" * 65])
async def test_what_was_never_an_uploads_id_is_unknown(store: BlobStore, upload_id: str) -> None:
    with pytest.raises(MoorageError) as held, store.hold(upload_id):
        pass
    with pytest.raises(MoorageError) as appended:
        await store.append(upload_id, 0, body(b"x"), SHA256)
    assert {held.value.error, appended.value.error} == {ErrorCode.BLOB_UPLOAD_UNKNOWN}


@pytest.mark.parametrize("upload_id", ["", ".", "..", "/", "another", "c", "conten", "*"])
async def test_what_no_upload_is_called_reclaims_nothing(store: BlobStore, upload_id: str) -> None:
    place = await push(store, b"content", "content")
    await store.reclaim([upload_id])
    assert await content_of(store, place, 0, 7) == b"content"
