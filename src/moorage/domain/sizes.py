"""Sizes, in units of 1000: as people read them, and as they write them."""

import re

from moorage.domain.errors import ErrorCode, MoorageError

SIZE_STEP = 1000
LARGER = ("KB", "MB", "GB", "TB", "PB")
WRITTEN = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))? ?(B|KB|MB|GB|TB|PB)?", re.ASCII | re.IGNORECASE)
MOST = 1000**6
"""Bytes of the largest size that can be written."""


def size(count: int) -> str:
    """Return bytes as people read them: `128.4 MB`, `512 B`."""
    if count < SIZE_STEP:
        return f"{count} B"
    amount, unit = float(count), "B"
    for unit in LARGER:  # noqa: B007 - the unit reached is the result
        amount /= SIZE_STEP
        if round(amount, 1) < SIZE_STEP:
            break
    return f"{amount:,.1f} {unit}"


def written(count: int) -> tuple[str, str]:
    """Return bytes as a number and the largest unit in which that is exact to a thousandth: `1.5`, `TB`."""
    step = len(LARGER)
    while step and (count < SIZE_STEP**step or count % SIZE_STEP ** (step - 1)):
        step -= 1
    number = f"{count // SIZE_STEP**step}.{count % SIZE_STEP**step * SIZE_STEP // SIZE_STEP**step:03}"
    return number.rstrip("0").rstrip("."), ("B", *LARGER)[step]


def parse_size(text: str) -> int:
    """Return the bytes of `500GB`, `1.5 TB` or `1048576`, 1 at least; raise VALUE_INVALID for anything else."""
    match = WRITTEN.fullmatch(text.strip())
    if match is not None:
        unit = int(SIZE_STEP ** ("B", *LARGER).index((match[3] or "B").upper()))
        fraction = match[2] or ""
        # In whole numbers: a float would make another limit of a large one.
        count: int = int(match[1] + fraction) * unit // 10 ** len(fraction)
        if 1 <= count <= MOST:
            return count
    message = f"a size is a number with B, KB, MB, GB, TB or PB, as 500GB, and not {text[:32]!r}"
    raise MoorageError(ErrorCode.VALUE_INVALID, message)
