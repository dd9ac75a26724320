"""Names of people, robots and access tokens: all of one form."""

import re

from moorage.domain.errors import ErrorCode, MoorageError

NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
LONGEST_NAME = 64


def is_name(text: str) -> bool:
    """Tell whether a text can be a name."""
    return len(text) <= LONGEST_NAME and NAME.fullmatch(text) is not None


def check_name(text: str, noun: str = "name") -> None:
    """Raise NAME_INVALID unless a text can be a name."""
    if not is_name(text):
        message = f"a {noun} is 1 to {LONGEST_NAME} lower-case letters and digits, with single . - or _ between"
        raise MoorageError(ErrorCode.NAME_INVALID, message, {"field": "name"})
