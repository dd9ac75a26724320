"""URLs by which clients read blobs from a bucket themselves."""

from datetime import UTC, datetime

from moorage.blobstore.s3.bucket import Bucket
from moorage.blobstore.s3.places import blob_key

SECONDS = 900
"""How long a URL opens: a client that waits for other layers may begin late; once begun, it may take its time."""

# Content is the users': no browser may take it for a page, whatever the store thinks that it is.
AS_BYTES = {"response-content-type": "application/octet-stream"}


class BucketSigner:
    """See `Signer`; the bucket is asked for nothing, its endpoint is the one that clients know."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def url_of(self, place: str) -> str:
        """See `Signer`."""
        return self._bucket.signed_url(blob_key(place), AS_BYTES, SECONDS, datetime.now(UTC))
