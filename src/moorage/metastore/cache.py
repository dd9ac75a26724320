"""A cache that is never wrong: it holds while the database's generation stands still, and is emptied when it moves."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from moorage.metastore.steps import Database, Steps

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ExactCache(Generic[K, V]):
    """Answers of one read, by its argument.

    It starts afresh when its answers weigh more than `room`; each weighs 1 unless `weigh` says otherwise.
    """

    def __init__(
        self,
        database: Database,
        steps: Callable[[K], Steps[V]],
        weigh: Callable[[V], int] = lambda _: 1,
        room: int = 10_000,
    ) -> None:
        self._database = database
        self._steps = steps
        self._weigh = weigh
        self._room = room
        self._weight = 0
        self._generation: object = None
        self._answers: dict[K, V] = {}

    async def get(self, key: K) -> V:
        """Return what the read answers now."""
        generation = self._database.generation()
        if generation is None:
            generation = await self._database.ask_generation()
        answers = self._answers
        if generation != self._generation or self._weight > self._room:
            # A new dictionary, not a clear(): an answer read before the move may still be on its way into the old one.
            answers = self._answers = {}
            self._weight = 0
            self._generation = generation
        elif key in answers:
            return answers[key]
        answer = await self._database.read(self._steps(key))
        answers[key] = answer
        self._weight += self._weigh(answer)
        return answer
