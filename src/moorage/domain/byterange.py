"""Byte ranges of a GET (RFC 9110, section 14): one range, or the whole.

    Range ::= "bytes=" first "-" [last] | "bytes=" "-" suffix-length

Several ranges at once, another unit, or anything unreadable: the whole is sent, as the RFC allows. A range that ends
before it begins, or begins behind the end, can't be satisfied. An empty blob is always sent whole: some clients put a
range into every request.
"""

import re

from moorage.domain.errors import ErrorCode, MoorageError

RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))[ \t]*", re.ASCII)


def select(header: str | None, size: int) -> tuple[int, int] | None:
    """Return (first byte, length) of the part asked for, None for the whole; raise when nothing of it exists."""
    match = RANGE.fullmatch(header) if header else None
    if match is None or size == 0:
        return None
    if match[3] is not None:
        length = min(int(match[3]), size)
        start = size - length
    else:
        start = int(match[1])
        last = int(match[2]) if match[2] else size - 1
        length = min(last, size - 1) - start + 1
    if length <= 0:
        raise MoorageError(ErrorCode.RANGE_UNSATISFIABLE, None, {"size": size})
    return start, length
