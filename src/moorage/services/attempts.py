"""Wrong passwords, counted: who guesses is told to wait, and nobody else is.

Counted are a name from one address, which is somebody guessing; an address, which tries many names; and a name, which
many addresses try. The first is stopped early; the others so late that neighbours behind one proxy don't notice. Where
somebody has signed in before, it does not matter what others try with their name elsewhere. An IPv6 address stands for
its network: one line has more of them than could be counted.
"""

import ipaddress
import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from moorage.domain.errors import ErrorCode, MoorageError

SECONDS = 60
BY_ONE = 10
BY_MANY = 100

NETWORK = 64
"""Bits of an IPv6 address that name its network: https://www.rfc-editor.org/rfc/rfc4291#section-2.5.4."""

ROOM = 10_000
LONGEST_NAME = 64
LONGEST_TYPED = 1024
MARKS = "._-@\\+"

Key = tuple[str | None, str | None]


@dataclass(slots=True)
class _Window:
    until: float
    attempts: int = 0


class Attempts:
    """Counts for a minute, beginning with the first attempt; at most `ROOM` counts, the oldest go first."""

    def __init__(self) -> None:
        self._windows: dict[Key, _Window] = {}
        self._at_home: dict[tuple[str, str], None] = {}

    def begin(self, name: str, address: str, now: float) -> None:
        """Count an attempt before its outcome is known, so that many at once are counted too; raise TOO_MANY."""
        counted = tuple(self._counted(name, address))
        present = [(self._windows[key], limit) for key, limit in counted if key in self._windows]
        full = [window.until for window, limit in present if window.until > now and window.attempts >= limit]
        if full:
            # Nothing new is remembered: else whoever has to wait could drive out what is known of them.
            seconds = max(1, math.ceil(max(full) - now))
            message = f"too many wrong passwords; wait {seconds} seconds"
            raise MoorageError(ErrorCode.TOO_MANY, message, {"retry_after": seconds})
        for key, _ in counted:
            self._window(key, now).attempts += 1

    def take_back(self, name: str, address: str) -> None:
        """Uncount an attempt that was no wrong password."""
        for key, _ in self._counted(name, address):
            window = self._windows.get(key)
            if window is not None and window.attempts > 0:
                window.attempts -= 1

    def succeed(self, name: str, address: str) -> None:
        """Uncount an attempt, and forget the ones before it: they were slips."""
        self.take_back(name, address)
        home = _short(name), _place(address)
        self._windows.pop(home, None)
        self._at_home.pop(home, None)
        if len(self._at_home) >= ROOM:
            del self._at_home[next(iter(self._at_home))]
        self._at_home[home] = None

    def _counted(self, name: str, address: str) -> Iterator[tuple[Key, int]]:
        home = _short(name), _place(address)
        yield home, BY_ONE
        if home not in self._at_home:
            yield (home[0], None), BY_MANY
        if address:
            yield (None, home[1]), BY_MANY

    def _window(self, key: Key, now: float) -> _Window:
        window = self._windows.get(key)
        if window is None or window.until <= now:
            self._windows.pop(key, None)
            if len(self._windows) >= ROOM:
                del self._windows[next(iter(self._windows))]
            window = self._windows[key] = _Window(now + SECONDS)
        return window


@lru_cache(maxsize=ROOM)
def _place(address: str) -> str:
    """Return what somebody can't leave by taking another address: of IPv6 a network, since they have all of it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found), 128)).supernet(new_prefix=NETWORK))


def _short(name: str) -> str:
    """Return what all the spellings have in common that a directory takes for one name (RFC 4518)."""
    plain = unicodedata.normalize("NFKD", name[:LONGEST_TYPED]).lower()
    return "".join(letter for letter in plain if letter.isalnum() or letter in MARKS)[:LONGEST_NAME]
