"""Where blobs are kept, as `storage_url` writes it: a folder, or a bucket that speaks S3 and a prefix in it."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from moorage.settings.address import Address, is_host_name

REGION = "us-east-1"

_FOLDER = re.compile(r"file://(?P<folder>[^?#\x00]+)")
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_BUCKET = re.compile(
    rf"s3://(?P<name>[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9])(?:/(?P<prefix>{_SEGMENT}(?:/{_SEGMENT})*)?)?/?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """A bucket, and the prefix of all keys in it, without a slash at its end."""

    name: str
    prefix: str


def parse_storage(url: str) -> Path | BucketAddress:
    """Return the folder or bucket of a `storage_url`; ValueError if it is neither."""
    folder, bucket = _FOLDER.fullmatch(url), _BUCKET.fullmatch(url)
    if folder is not None:
        return Path(folder["folder"])
    if bucket is None:
        raise ValueError(url)
    return BucketAddress(bucket["name"], bucket["prefix"] or "")


def parse_endpoint(url: str) -> str:
    """Return the URL of a server without a slash at its end; ValueError if there is more in it than scheme and host."""
    url = url.removesuffix("/")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not is_host_name(host):
        raise ValueError(url)
    written = str(Address(host, parts.port)) if parts.port else str(Address(host, 0)).removesuffix(":0")
    if url.lower() != f"{parts.scheme}://{written}":
        raise ValueError(url)
    return url


def amazon(region: str, bucket: str) -> tuple[str, str]:
    """Return Amazon's endpoint for a bucket, and the bucket's name where it must stand in the path.

    A name with dots can't stand before Amazon's own: its certificate is for one name there.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    if "." in bucket:
        return f"https://s3.{region}.amazonaws.com", bucket
    return f"https://{bucket}.s3.{region}.amazonaws.com", ""
