"""How a story is told to a database without knowing which one.

A story is a generator: it yields a statement with its parameters, is sent the rows, and returns its result. A database
(sqlite.py) runs it in one transaction, inline or in a thread, so the same statements serve a synchronous engine and an
asynchronous one:

    def rename(old: str, new: str) -> Steps[bool]:
        found = yield from one(FIND, {"name": old})
        if found is None:
            return False
        yield RENAME, {"id": found.id, "name": new}
        return True
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import Executable, Select

T = TypeVar("T")

Parameters = dict[str, Any] | Sequence[dict[str, Any]]
Step = tuple[Executable, Parameters]
Row = Any
"""A row: its values by the names of their columns, and in their order."""

Rows = Sequence[Row]
Steps = Generator[Step, Rows, T]

NOTHING: dict[str, Any] = {}


class Look(NamedTuple):
    """A row to look up: `key` are the parameters that say which, `more` those that may be others the next time.

    `held` is what is at hand of it: it is given back with the row.
    """

    statement: Select[Any]
    key: dict[str, Any]
    more: dict[str, Any] = NOTHING
    held: Any = None


class Database(Protocol):
    """What runs stories."""

    async def read(self, steps: Steps[T]) -> T:
        """Run a story that changes nothing; each statement sees the newest commit."""

    async def read_aside(self, steps: Steps[T]) -> tuple[T, float]:
        """Run a story that takes long and changes nothing, keeping nobody waiting but others like it.

        Return the seconds of work it took, too.
        """

    async def write(self, story: Callable[[], Steps[T]], *, alone: bool = False) -> T:
        """Run a story in one transaction and return when it is durable; what it raises undoes it.

        The rows of activity that its use case asked for go with it: `recorded` of activity.py adds them.

        `story` may be called more than once: one that failed for its neighbours' sake is run again. `alone` gives it
        a transaction without neighbours, and tells it once: what it reads is then committed, and nothing but its own
        failure, or the database's, undoes it.
        """

    async def look(self, look: Look) -> tuple[Row | None, Any]:
        """Return the row of a statement that finds one at most, as it is after the request began, and what was held."""

    def foresee(self, look: Look) -> None:
        """Begin a look that this request will take, where that saves a query: before it is known who asks, even.

        It counts only as long as the request reads and writes nothing else meanwhile.
        """

    def generation(self) -> object | None:
        """Return what stands still while nothing was committed by anyone; None where the database must be asked."""

    async def ask_generation(self) -> object:
        """Ask for it: what was committed before the request that asks is in it."""

    def standing(self) -> object | None:
        """Return what stands still while nobody's rights were changed; None where the database must be asked."""

    async def ask_standing(self) -> object:
        """Ask for it, likewise."""


def one(statement: Executable, parameters: Parameters = NOTHING) -> Steps[Row | None]:
    """Run a statement and return its first row."""
    rows = yield statement, parameters
    return rows[0] if rows else None
