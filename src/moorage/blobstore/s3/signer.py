"""URLs by which clients read blobs from a bucket themselves."""

import time
from datetime import UTC, datetime
from functools import lru_cache

from moorage.blobstore.s3.bucket import Bucket
from moorage.blobstore.s3.places import blob_key

SECONDS = 900
"""How long a URL opens: a client that waits for other layers may begin late; once begun, it may take its time."""

STEP_SECONDS = 60
"""How long the same URL is given to all who may read a blob: an image that a thousand pull at once is signed once."""

URLS = 10_000
"""Of them are kept."""

# Content is the users': no browser may take it for a page, whatever the store thinks that it is.
AS_BYTES = {"response-content-type": "application/octet-stream"}


class BucketSigner:
    """See `Signer`; the bucket is asked for nothing, its endpoint is the one that clients know."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._urls = lru_cache(URLS)(self._sign)

    def url_of(self, place: str) -> str:
        """See `Signer`; a URL is as old as a step at most, and opens for SECONDS all the same."""
        return self._urls(place, int(time.time()) // STEP_SECONDS)

    def _sign(self, place: str, step: int) -> str:
        began = datetime.fromtimestamp(step * STEP_SECONDS, UTC)
        return self._bucket.signed_url(blob_key(place), AS_BYTES, SECONDS + STEP_SECONDS, began)
