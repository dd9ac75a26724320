"""Asking directories for a password: in their order, and without waiting for a silent one more than once.

    corp      ├──── asked ─────────────────────▶ silent: not asked again for a while
    partner          ├── asked ──▶ knows them
              ▕PATIENCE▏

One after another, since each wrong password that a directory sees may be one step to locking an account there. Only who
keeps somebody waiting longer than `PATIENCE` is no longer waited for alone.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from moorage.domain.errors import MoorageError
from moorage.domain.identity import Identity

PATIENCE = 1.0
"""Seconds."""

SILENT_SECONDS = 30.0
"""How long a directory that kept silent is not asked again."""


class PasswordDirectory(Protocol):
    """A directory that verifies passwords."""

    @property
    def name(self) -> str:
        """Its name in directories.toml."""

    async def authenticate(self, name: str, password: str) -> Identity | None:
        """Return who has this name and password, None when nobody; raise UNAVAILABLE, saying why it can't tell."""


@dataclass(slots=True)
class Told:
    """Who it is, None when no directory knew them; and which directories could not tell, with the reason."""

    identity: Identity | None = None
    failures: dict[str, MoorageError] = field(default_factory=dict)


Asked = asyncio.Task[Identity | None]


class Asking:
    """Asks directories; their order is that of the file."""

    def __init__(
        self,
        directories: Sequence[PasswordDirectory],
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directories = directories
        self._patience = patience
        self._clock = clock
        self._silent: dict[str, tuple[float, MoorageError]] = {}
        self._answered: dict[str, float] = {}
        self._left: set[Asked] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the directories."""
        return tuple(directory.name for directory in self._directories)

    async def ask(self, name: str, password: str) -> Told:
        r"""Tell who has this name and password; `CORP\name` and `name@CORP` ask the one directory named so."""
        told = Told()
        asked: dict[Asked, str] = {}
        waiting = list(self._candidates(name))
        while waiting or asked:
            if waiting:
                directory, login = waiting.pop(0)
                asked[asyncio.create_task(self._ask(directory, login, password))] = directory.name
            patience = self._patience if waiting else None
            await asyncio.wait(asked, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            told.identity = _heard(asked, told.failures)
            if told.identity is not None:
                break
        self._leave(asked)
        return told

    async def _ask(self, directory: PasswordDirectory, login: str, password: str) -> Identity | None:
        begun = self._clock()
        until, error = self._silent.get(directory.name, (0.0, None))
        if error is not None and until > begun:
            raise error
        try:
            found = await directory.authenticate(login, password)
        except MoorageError as failure:
            now = self._clock()
            # One that has answered somebody else meanwhile is busy, not silent: many guesses at once must not shut it.
            has_answered = self._answered.get(directory.name, begun) > begun
            if now - begun >= self._patience and not has_answered:
                self._silent[directory.name] = now + SILENT_SECONDS, failure
            raise
        self._answered[directory.name] = self._clock()
        self._silent.pop(directory.name, None)
        return found

    def _leave(self, asked: Iterable[Asked]) -> None:
        """Let those that were not waited for come to their end: what is learned is whether they are silent."""
        for task in asked:
            self._left.add(task)
            task.add_done_callback(self._forget)

    def _forget(self, task: Asked) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()

    def _candidates(self, name: str) -> Iterable[tuple[PasswordDirectory, str]]:
        before, backslash, after = name.partition("\\")
        start, at, end = name.rpartition("@")
        for directory in self._directories:
            if backslash and before.lower() == directory.name:
                return [(directory, after)]
            if at and end.lower() == directory.name:
                return [(directory, start)]
        return [(directory, name) for directory in self._directories]


def _heard(asked: dict[Asked, str], failures: dict[str, MoorageError]) -> Identity | None:
    """Take those away that have answered, in the order they were asked; return the first identity."""
    for task in [task for task in asked if task.done()]:
        name = asked.pop(task)
        try:
            found = task.result()
        except MoorageError as error:
            failures[name] = error
            continue
        if found is not None:
            return found
    return None


def all_of(failures: Mapping[str, MoorageError]) -> MoorageError:
    """Return one error that says what all of these say; there is one at least."""
    first, *rest = failures.values()
    if not rest:
        return first
    message = "; ".join(error.message for error in failures.values())
    return MoorageError(first.error, message, {"directory": ", ".join(failures)})
