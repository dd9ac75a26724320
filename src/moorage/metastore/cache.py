"""Caches that are never wrong: an answer is good while what it was read from stands still."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from moorage.metastore.steps import Database, Look, Row, Steps

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ROOM = 10_000


class _Kept(Generic[K, V]):
    """Answers by their questions; they start afresh when they weigh more than `room`."""

    def __init__(self, weigh: Callable[[V], int], room: int) -> None:
        self._weigh = weigh
        self._room = room
        self._weight = 0
        self._answers: dict[K, V] = {}

    def _empty(self) -> dict[K, V]:
        """Return a new dictionary, not a cleared one: an answer may still be on its way into the old one."""
        self._weight = 0
        self._answers = {}
        return self._answers

    def _keep(self, answers: dict[K, V], key: K, answer: V) -> None:
        """Keep an answer in the dictionary that it was asked for."""
        if self._weight > self._room:
            answers = self._empty()
        if key in answers:
            self._weight -= self._weigh(answers[key])
        self._weight += self._weigh(answer)
        answers[key] = answer


class AccessCache(_Kept[K, V]):
    """Answers about who may do what: good while the database's `standing` is the same, whatever else is written.

    The story may read only tables that move it: tests/metastore/test_standing.py looks whether it does. An answer
    weighs 1 unless `weigh` says otherwise.
    """

    def __init__(
        self,
        database: Database,
        steps: Callable[[K], Steps[V]],
        weigh: Callable[[V], int] = lambda _: 1,
        room: int = ROOM,
    ) -> None:
        super().__init__(weigh, room)
        self._database = database
        self._steps = steps
        self._standing: object = None

    async def get(self, key: K) -> V:
        """Return what the story answers now."""
        standing = self._database.standing()
        if standing is None:
            standing = await self._database.ask_standing()
        answers = self._answers
        if standing != self._standing:
            answers = self._empty()
            self._standing = standing
        elif key in answers:
            return answers[key]
        answer = await self._database.read(self._steps(key))
        self._keep(answers, key, answer)
        return answer

    def last(self, key: K) -> V | None:
        """Return what it answered last, which may not be so any more; None where it doesn't know."""
        return self._answers.get(key)


class ContentCache(_Kept[K, V]):
    """Rows of content: good while nothing at all was written, where the database tells that without being asked.

    Where it must be asked, it is asked for the row itself, and told what is `held` of it. `look` makes the question of
    a key and what is held for it, `answer` the answer of a key, the row and what was held when it was asked for.
    """

    def __init__(
        self,
        database: Database,
        look: Callable[[K, V | None], Look],
        answer: Callable[[K, Row | None, V | None], V],
        weigh: Callable[[V], int] = lambda _: 1,
        room: int = ROOM,
    ) -> None:
        super().__init__(weigh, room)
        self._database = database
        self._look = look
        self._answer = answer
        self._generation: object = None

    def foresee(self, key: K) -> None:
        """See `Database.foresee`."""
        self._database.foresee(self._look(key, self._answers.get(key)))

    async def get(self, key: K) -> V:
        """Return the answer as it is now."""
        generation = self._database.generation()
        answers = self._answers
        if generation != self._generation:
            answers = self._empty()
            self._generation = generation
        elif generation is not None and key in answers:
            return answers[key]
        row, held = await self._database.look(self._look(key, answers.get(key)))
        answer = self._answer(key, row, held)
        self._keep(answers, key, answer)
        return answer
