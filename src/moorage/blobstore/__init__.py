"""Where bytes lie, under the root of the store.

    uploads/ID                  bytes of an upload that has not ended; behind the size the database knows, they are void
    sha256/ab/abcdef…           a blob, at the address that is its digest; the first two digits spread the folders
    sha512/ab/abcdef…
    discarded/sha256-abcdef…    a blob that a collection took away, until its space is given back

Whatever lies at a content address has a row in the database since before it came there (`Uploads.claim`), so nothing is
searched for on the disk, but for what is left over, when somebody asks (`services/leftovers.py`).
"""

import re

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError

UPLOADS = "uploads"
DISCARDED = "discarded"

UPLOAD_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def upload_key(upload_id: str) -> str:
    """Return the key of an upload's bytes, or raise BLOB_UPLOAD_UNKNOWN for what was never an upload's id."""
    if not is_upload(upload_id):
        raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)
    return f"{UPLOADS}/{upload_id}"


def is_upload(place: str) -> bool:
    """Tell whether a place is an upload's id."""
    return UPLOAD_ID.fullmatch(place) is not None


def blob_key(place: str) -> str:
    """Return the content address of a blob whose place is its digest; nothing is at that of another place."""
    algorithm, _, encoded = place.partition(":")
    return f"{algorithm}/{encoded[:2]}/{encoded}"


def discarded_key(digest: Digest) -> str:
    """Return where a blob lies once it was taken away."""
    return f"{DISCARDED}/{digest.replace(':', '-', 1)}"
