"""The port `Signer` over real stores: what a client without credentials gets by a URL, and what not."""

import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import quote

import pytest

from moorage.blobstore.s3.bucket import Bucket
from moorage.blobstore.s3.places import blob_key
from moorage.blobstore.s3.signer import AS_BYTES, SECONDS, STEP_SECONDS, BucketSigner
from moorage.blobstore.s3.store import S3BlobStore
from moorage.domain.digest import digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from tests.contracts.bodies import push
from tests.s3_servers import COMMANDS, S3Server

pytestmark = pytest.mark.clients

CONTENT = b"<script>alert(1)</script>" * 1000

_prefixes = count()


@pytest.fixture(params=list(COMMANDS))
def bucket(request: pytest.FixtureRequest, s3_servers: Callable[[str], S3Server]) -> Bucket:
    server = s3_servers(request.param)
    return server.bucket("moorage", f"signer/{next(_prefixes)}")


@pytest.fixture
async def store(bucket: Bucket) -> AsyncIterator[S3BlobStore]:
    store = S3BlobStore(bucket, 32 << 20, threads=2)
    yield store
    await store.close()


def fetch(url: str, method: str = "GET", **headers: str) -> tuple[int, str, bytes]:
    """Return status, Content-Type and body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=named)) as answer:
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, "", b""


async def test_anybody_reads_the_blob_whole_and_in_parts(store: S3BlobStore, bucket: Bucket) -> None:
    url = BucketSigner(bucket).url_of(await push(store, CONTENT))
    assert fetch(url) == (200, "application/octet-stream", CONTENT)
    for asked, part in (("bytes=5-9", CONTENT[5:10]), ("bytes=0-", CONTENT), ("bytes=-7", CONTENT[-7:])):
        status, _, body = fetch(url, range=asked)
        assert (status, body) == (206, part)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_a_url_is_good_for_nothing_but_reading(store: S3BlobStore, bucket: Bucket, method: str) -> None:
    url = BucketSigner(bucket).url_of(await push(store, CONTENT))
    status, _, _ = fetch(url, method)
    assert 400 <= status < 500
    assert fetch(url)[2] == CONTENT


async def test_a_url_opens_neither_another_blob_nor_this_one_as_a_page(store: S3BlobStore, bucket: Bucket) -> None:
    one, other = await push(store, CONTENT), await push(store, b"a secret", "upload2")
    url = BucketSigner(bucket).url_of(one)
    for theirs, ours in ((blob_key(one), blob_key(other)), ("application%2Foctet-stream", quote("text/html", safe=""))):
        assert theirs in url
        status, _, body = fetch(url.replace(theirs, ours))
        assert (status, body) == (403, b"")


async def test_a_url_ends(store: S3BlobStore, bucket: Bucket) -> None:
    key, now = blob_key(await push(store, CONTENT)), datetime.now(UTC)
    for age, expected in ((SECONDS - 60, 200), (SECONDS + 60, 403)):
        url = bucket.signed_url(key, AS_BYTES, SECONDS, now - timedelta(seconds=age))
        assert fetch(url)[0] == expected


async def test_who_asks_in_the_same_minute_gets_the_same_url_and_each_opens_for_its_full_time(
    store: S3BlobStore, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await push(store, CONTENT)
    signer, clock = BucketSigner(bucket), [6_000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    first = signer.url_of(place)
    clock[0] += STEP_SECONDS - 1
    assert signer.url_of(place) == first
    assert f"X-Amz-Expires={SECONDS + STEP_SECONDS}" in first
    clock[0] += 1
    assert signer.url_of(place) != first


async def test_a_place_that_is_no_bucket_s_has_no_url(bucket: Bucket) -> None:
    with pytest.raises(MoorageError) as refused:
        BucketSigner(bucket).url_of(digest_of(CONTENT))
    assert refused.value.error is ErrorCode.BLOB_UNKNOWN
