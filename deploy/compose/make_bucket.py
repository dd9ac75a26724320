"""Make the bucket of compose.yaml, unless it is there, as soon as the store answers.

Started as `make_bucket.py http://store:7070/moorage`.
"""

import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from moorage.blobstore.s3.signing import EMPTY, Keys, signed_headers

SECONDS = 60


def main(url: str) -> None:
    """Leave the bucket there, or say in one line why not."""
    keys = Keys("moorage", Path("/secrets/store-password").read_text(), "us-east-1")
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            make(url, keys)
        except urllib.error.HTTPError as error:
            sys.exit(f"{url}: {error}")
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"{url}: {error}")
            time.sleep(0.5)
        else:
            return


def make(url: str, keys: Keys) -> None:
    """Ask for it once."""
    address = urlsplit(url)
    headers = signed_headers(keys, "PUT", address.netloc, address.path, {}, EMPTY, datetime.now(UTC))
    try:
        ask = urllib.request.Request(url, method="PUT", headers=headers)  # noqa: S310  compose.yaml says where
        urllib.request.urlopen(ask).close()  # noqa: S310  likewise
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.CONFLICT:
            raise


if __name__ == "__main__":
    main(sys.argv[1])
