"""Signatures of requests to S3, version 4: in headers for our own, in the query for those of others.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

UNSIGNED = "UNSIGNED-PAYLOAD"
"""Stands for the digest of a body that is sent as it is at hand: hashing it once more would cost as much as sending."""

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = hashlib.sha256(b"").hexdigest()
UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs, and for which region."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str


def encoded_path(path: str) -> str:
    """Return a path as it stands in a request and in its signature."""
    return quote(path, safe=f"/{UNRESERVED}")


def encoded_query(query: Mapping[str, str]) -> str:
    """Return a query likewise: by name, every name with a `=`."""
    pairs = sorted((quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED)) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(
    keys: Keys, method: str, host: str, path: str, query: Mapping[str, str], body_digest: str, now: datetime
) -> dict[str, str]:
    """Return the headers that make a request ours; `path` is encoded, `query` is not, `now` is UTC."""
    at = _stamp(now)
    headers = {"host": host, "x-amz-content-sha256": body_digest, "x-amz-date": at}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join((method, path, encoded_query(query), lines, names, body_digest))
    scope = _scope(keys, at)
    signature = _signature(keys, at, scope, request)
    credential = f"{keys.access_key_id}/{scope}"
    authorization = f"{ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}"
    return {**headers, "authorization": authorization}


def signed_query(keys: Keys, host: str, path: str, query: Mapping[str, str], seconds: int, now: datetime) -> str:
    """Return the encoded query with which anybody may GET a path for so many seconds, 604,800 at most.

    `path` is encoded, `query` is not, `now` is UTC.
    """
    at = _stamp(now)
    scope = _scope(keys, at)
    signed = {
        **query,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{keys.access_key_id}/{scope}",
        "X-Amz-Date": at,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    encoded = encoded_query(signed)
    request = "\n".join(("GET", path, encoded, f"host:{host}\n", "host", UNSIGNED))
    return f"{encoded}&X-Amz-Signature={_signature(keys, at, scope, request)}"


def _stamp(now: datetime) -> str:
    return now.strftime("%Y%m%dT%H%M%SZ")


def _scope(keys: Keys, at: str) -> str:
    return f"{at[:8]}/{keys.region}/s3/aws4_request"


def _signature(keys: Keys, at: str, scope: str, request: str) -> str:
    text = "\n".join((ALGORITHM, at, scope, hashlib.sha256(request.encode()).hexdigest()))
    return hmac.digest(_key_of(keys, scope), text.encode(), "sha256").hex()


@lru_cache(maxsize=16)
def _key_of(keys: Keys, scope: str) -> bytes:
    """Return the key of a day: it signs all requests of it."""
    key = f"AWS4{keys.secret_access_key}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return key
