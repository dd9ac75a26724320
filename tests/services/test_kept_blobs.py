"""Small blobs in memory."""

import hashlib
from typing import cast

import pytest

from moorage.domain.digest import Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.kept_blobs import KeptBlobs
from tests.services.test_sound import LITTLE, Objects, World, record_of

A, B, C = (cast("Digest", f"sha256:{letter * 64}") for letter in "abc")


def test_what_was_asked_for_longest_ago_makes_room() -> None:
    kept = KeptBlobs(room=10)
    kept.keep(A, b"1234")
    kept.keep(B, b"5678")
    assert kept.get(A) == b"1234"
    kept.keep(C, b"90ab")
    assert [kept.get(digest) for digest in (A, B, C)] == [b"1234", None, b"90ab"]


def test_what_is_kept_twice_takes_its_room_once() -> None:
    kept = KeptBlobs(room=10)
    for _ in range(5):
        kept.keep(A, b"1234")
    kept.keep(B, b"567890")
    assert [kept.get(digest) for digest in (A, B)] == [b"1234", b"567890"]


async def test_a_small_blob_is_read_from_a_bucket_once() -> None:
    store = Objects(LITTLE)
    world, blob = World(store), record_of(LITTLE)
    assert await world.service.whole(blob) == LITTLE
    store.content = b"gone"
    assert await world.service.whole(blob) == LITTLE


async def test_damaged_bytes_are_neither_sent_nor_kept() -> None:
    store = Objects(b"damage")
    world, blob = World(store), record_of(LITTLE)
    with pytest.raises(MoorageError) as refused:
        await world.service.whole(blob)
    assert refused.value.error is ErrorCode.BLOB_UNKNOWN
    assert [digest for digest, _ in world.marks.quarantined] == [digest_of(LITTLE)]
    store.content = LITTLE
    assert hashlib.sha256(await world.service.whole(blob)).hexdigest() == blob.digest.partition(":")[2]
