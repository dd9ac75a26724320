"""How the values of settings are read, wherever they were given; each raises ValueError for what is none."""

import re
from pathlib import Path

from pydantic import SecretStr

from moorage.domain.errors import MoorageError
from moorage.domain.sizes import MOST, parse_size
from moorage.settings.address import Address
from moorage.settings.storage import BucketAddress, parse_endpoint, parse_storage

LONGEST_WAIT = 315_360_000
"""Seconds."""


def as_text(value: object) -> str:
    """Return text that is not empty."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(value)
    return value


def as_address(value: object) -> Address | None:
    """Return where a door listens; None for `off`."""
    if isinstance(value, Address):
        return value
    return None if value == "off" else Address.parse(as_text(value))


def as_path(value: object) -> Path:
    """Return a path; `~` is the home folder."""
    return value if isinstance(value, Path) else Path(as_text(value)).expanduser()


def as_whole(value: object) -> int:
    """Return a whole number of at most nine digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if re.fullmatch(r"[0-9]{1,9}", as_text(value), re.ASCII) is None:
        raise ValueError(value)
    return int(as_text(value))


def as_time_of_day(value: object) -> int | None:
    """Return the minutes after midnight that `HH:MM` says; None for `off`."""
    if value is None or value == "off":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", as_text(value), re.ASCII)
    if found is None:
        raise ValueError(value)
    return int(found[1]) * 60 + int(found[2])


def as_size(value: object) -> int | None:
    """Return the bytes that `500GB` says, 1 at least; None for `none`."""
    if value is None or value == "none":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MOST:
            raise ValueError(value)
        return value
    try:
        return parse_size(as_text(value))
    except MoorageError as error:
        raise ValueError(value) from error


def as_yes_or_no(value: object) -> bool:
    """Return what `true` or `false` says."""
    if isinstance(value, bool):
        return value
    return ("false", "true").index(as_text(value).lower()) == 1


def as_switch(value: object) -> bool:
    """Return what `on` or `off` says."""
    if isinstance(value, bool):
        return value
    return ("off", "on").index(as_text(value).lower()) == 1


def as_word(value: object) -> str:
    """Return a word, in lower case."""
    return as_text(value).lower()


def as_url(value: object) -> str:
    """Return a server's URL, without a path."""
    # Nothing may stand around the host and port: clients put /v2/ right behind them, and S3 what it signs.
    return parse_endpoint(as_text(value))


def as_secret(value: object) -> SecretStr:
    """Return text that no message repeats."""
    return value if isinstance(value, SecretStr) else SecretStr(as_text(value))


def as_storage(value: object) -> Path | BucketAddress:
    """Return where blobs are kept."""
    return value if isinstance(value, Path | BucketAddress) else parse_storage(as_text(value))


def as_database_url(value: object) -> SecretStr:
    """Return the URL of a database."""
    url = as_secret(value)
    if re.fullmatch(r"sqlite:///[^?#\0]+|postgresql://[^\0]+", url.get_secret_value()) is None:
        raise ValueError
    return url
