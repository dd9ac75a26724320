"""Uploads: where a piece may begin, and what the closing request must find.

A session's `Range` is inclusive and cumulative: N bytes so far read `0-(N-1)`, and a session without bytes `0-0`.
A piece's `Content-Range` is `START-END`, inclusive, without a unit.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-in-chunks
"""

import re
from dataclasses import dataclass

from moorage.domain.digest import Algorithm, Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.quota import Allowance

CONTENT_RANGE = re.compile(r"(?:bytes )?([0-9]{1,18})-([0-9]{1,18})(?:/(?:\*|[0-9]{1,18}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a piece says it lies: from `start`, `length` bytes; None where it does not say."""

    start: int | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an upload is going to be, as far as its first request says: its digest, and its size in bytes."""

    digest: Digest | None = None
    size: int | None = None


UNKNOWN = Wanted()


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload session: `size` bytes have arrived, and `digest` is theirs if they came in one piece.

    `place` is where they lie, in the words of the store. `allowance` is the registry's or the server's, whichever
    left less when the session was read; None where neither has a quota.
    """

    id: str
    repository_id: int
    user: str
    algorithm: Algorithm
    size: int
    digest: Digest | None
    started_at: float
    place: str
    allowance: Allowance | None = None


def range_of(size: int) -> str:
    """Return the `Range` header of a session that holds `size` bytes."""
    return f"0-{max(size - 1, 0)}"


def parse_piece(content_range: str | None, content_length: int | None) -> Piece:
    """Read the headers of a piece; raise RANGE_INVALID where they contradict each other or are no range."""
    if content_range is None:
        return Piece(None, content_length)
    match = CONTENT_RANGE.fullmatch(content_range)
    if match is None:
        message = "Content-Range is START-END, as in 0-1023"
        raise MoorageError(ErrorCode.RANGE_INVALID, message, {"range": content_range[:64]})
    start, end = int(match[1]), int(match[2])
    length = end - start + 1
    if length < 1 or (content_length is not None and content_length != length):
        message = "Content-Range and Content-Length disagree"
        raise MoorageError(ErrorCode.RANGE_INVALID, message, {"range": content_range, "length": content_length})
    return Piece(start, length)


def check_start(upload: Upload, piece: Piece) -> None:
    """Raise RANGE_INVALID unless the piece begins where the upload stands."""
    if piece.start is not None and piece.start != upload.size:
        message = f"this upload stands at {upload.size} bytes; send what follows"
        raise MoorageError(ErrorCode.RANGE_INVALID, message, {"range": range_of(upload.size)})


def check_length(piece: Piece, received: int) -> None:
    """Raise SIZE_INVALID unless a piece brought the bytes it announced."""
    if piece.length is not None and piece.length != received:
        message = f"{piece.length} bytes were announced and {received} came"
        raise MoorageError(ErrorCode.SIZE_INVALID, message)


def check_digest(wanted: Digest, found: Digest) -> None:
    """Raise DIGEST_INVALID unless the content is what the client says it is."""
    if wanted != found:
        message = "the content does not have that digest; nothing was stored"
        raise MoorageError(ErrorCode.DIGEST_INVALID, message, {"wanted": wanted, "found": found})
