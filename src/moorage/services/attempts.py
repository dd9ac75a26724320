"""Wrong passwords, counted: who guesses is told to wait, and nobody else is.

Counted are a name from one address, which is somebody guessing; an address, which tries many names; and a name, which
many addresses try. The first is stopped early; the others so late that neighbours behind one proxy don't notice. Where
somebody has signed in before, it does not matter what others try with their name elsewhere.
"""

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from moorage.domain.errors import ErrorCode, MoorageError

SECONDS = 60
BY_ONE = 10
BY_MANY = 100

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
        windows = [(self._window(key, now), limit) for key, limit in self._counted(name, address)]
        full = [window.until for window, limit in windows if window.attempts >= limit]
        if full:
            seconds = max(1, math.ceil(max(full) - now))
            message = f"too many wrong passwords; wait {seconds} seconds"
            raise MoorageError(ErrorCode.TOO_MANY, message, {"retry_after": seconds})
        for window, _ in windows:
            window.attempts += 1

    def take_back(self, name: str, address: str) -> None:
        """Uncount an attempt that was no wrong password."""
        for key, _ in self._counted(name, address):
            window = self._windows.get(key)
            if window is not None and window.attempts > 0:
                window.attempts -= 1

    def succeed(self, name: str, address: str) -> None:
        """Uncount an attempt, and forget the ones before it: they were slips."""
        self.take_back(name, address)
        home = _short(name), address
        self._windows.pop(home, None)
        self._at_home.pop(home, None)
        if len(self._at_home) >= ROOM:
            del self._at_home[next(iter(self._at_home))]
        self._at_home[home] = None

    def _counted(self, name: str, address: str) -> Iterator[tuple[Key, int]]:
        home = _short(name), address
        yield home, BY_ONE
        if home not in self._at_home:
            yield (home[0], None), BY_MANY
        if address:
            yield (None, address), BY_MANY

    def _window(self, key: Key, now: float) -> _Window:
        window = self._windows.get(key)
        if window is None or window.until <= now:
            self._windows.pop(key, None)
            if len(self._windows) >= ROOM:
                del self._windows[next(iter(self._windows))]
            window = self._windows[key] = _Window(now + SECONDS)
        return window


def _short(name: str) -> str:
    """Return what all the spellings have in common that a directory takes for one name (RFC 4518)."""
    plain = unicodedata.normalize("NFKD", name[:LONGEST_TYPED]).lower()
    return "".join(letter for letter in plain if letter.isalnum() or letter in MARKS)[:LONGEST_NAME]
