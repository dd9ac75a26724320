"""Rows looked up in PostgreSQL, and what stands still meanwhile: one query for all who wait, and one for a request.

    request 1 ──▶ asks ──────────▶ query ─────▶ rows, and their moment
    request 2 ─────▶ waits: the query may show less than it must see
    request 3 ───────▶ waits with it ─────────▶ query ─────▶ rows of both

A query tells the moment it is of. What a request goes by is one moment: that of its first query, which is the row it
came for where that could be foreseen. So what is known of who may do what is checked against the very snapshot that the
row is of, and a pull costs one query whatever others write.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Select

from moorage.domain.activity import NOWHERE, Origin
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.batches import MOMENT, batch_of, batch_of_one
from moorage.metastore.steps import Look, Row, Rows, Step
from moorage.services.recording import ORIGIN

GOOD_SECONDS = 0.1
"""How long a request does with what it was told: one that lasts asks again who may do it at its end."""

MOST = 100
"""Rows looked up by one query."""


class Moment(NamedTuple):
    """What stands still while nobody's rights change, and while nothing at all does."""

    standing: str
    snapshot: str


class Told(NamedTuple):
    """What a query told somebody who waited for it, at a time of the loop's."""

    moment: Moment
    row: Row | None
    at: float


@dataclass(slots=True)
class _Request:
    """What a request was told first, and the looks begun for it; tasks that it starts share it."""

    of: Origin
    first: asyncio.Future[Told]
    foreseen: dict[tuple[Any, ...], tuple[asyncio.Future[Told], Any]] = field(default_factory=dict)
    until: float | None = None
    """When, in the loop's time, it must ask anew; None while it waits to be told."""

    def is_good(self) -> bool:
        """Tell whether a request may go by it still."""
        if self.until is None:
            if not self.first.done():
                return True
            self.until = 0.0 if self.first.exception() is not None else self.first.result().at + GOOD_SECONDS
        return asyncio.get_running_loop().time() < self.until


class Lookups:
    """Looks up by `run`, which runs a statement."""

    def __init__(self, run: Callable[[Step], Awaitable[Rows]]) -> None:
        self._run = run
        self._moments = _Line(run, MOMENT, MOMENT)
        self._lines: dict[int, _Line] = {}
        self._request: ContextVar[_Request | None] = ContextVar("request", default=None)

    def known(self) -> Moment | None:
        """Return the moment of the request that asks, if it was told one."""
        request = self._current()
        return request.first.result().moment if request is not None and request.first.done() else None

    async def moment(self) -> Moment:
        """Return a moment that is not before the request began which asks."""
        request = self._current() or self._begin(self._moments.join({}))
        # Shielded: whoever goes away leaves others who wait for it too.
        return (await asyncio.shield(request.first)).moment

    async def look(self, look: Look) -> tuple[Row | None, Any]:
        """See `Database`."""
        request = self._current()
        begun = request.foreseen.pop(_name(look), None) if request is not None else None
        future, held = begun or (self._join(look), look.held)
        if request is None:
            self._begin(future)
        return (await asyncio.shield(future)).row, held

    def foresee(self, look: Look) -> None:
        """See `Database`."""
        if ORIGIN.get() is NOWHERE or self._current() is not None:
            return
        request = self._begin(self._join(look))
        request.foreseen[_name(look)] = (request.first, look.held)

    def read(self) -> None:
        """Take note that the request has read something else: what was foreseen may be older than that."""
        request = self._request.get()
        if request is not None:
            request.foreseen.clear()

    def wrote(self) -> None:
        """Take note that the request has written: it must see what."""
        request = self._request.get()
        if request is not None:
            request.until = 0.0

    def _current(self) -> _Request | None:
        request = self._request.get()
        if request is None or request.of is not ORIGIN.get():
            return None
        return request if request.is_good() else None

    def _begin(self, first: asyncio.Future[Told]) -> _Request:
        request = _Request(ORIGIN.get(), first)
        if request.of is not NOWHERE:
            self._request.set(request)
        return request

    def _join(self, look: Look) -> asyncio.Future[Told]:
        parameters = {**look.key, **look.more}
        if any(isinstance(value, str) and "\0" in value for value in parameters.values()):
            # No text can hold it, and one query is for many.
            raise MoorageError(ErrorCode.VALUE_INVALID)
        name = id(look.statement)
        line = self._lines.get(name)
        if line is None:
            of_many = batch_of(look.statement, tuple(parameters))
            line = self._lines[name] = _Line(self._run, batch_of_one(look.statement), of_many)
        return line.join(parameters)


class _Line:
    """Those who wait for the next query, `of_one` or `of_many`; who asks the same waits for the same."""

    def __init__(self, run: Callable[[Step], Awaitable[Rows]], of_one: Select[Any], of_many: Select[Any]) -> None:
        self._run = run
        self._of_one = of_one
        self._of_many = of_many
        self._waiting: dict[tuple[Any, ...], tuple[dict[str, Any], asyncio.Future[Told]]] = {}
        self._asking: asyncio.Task[None] | None = None

    def join(self, parameters: dict[str, Any]) -> asyncio.Future[Told]:
        """Return what will be told of these parameters."""
        key = tuple(parameters.values())
        found = self._waiting.get(key)
        if found is None:
            loop = asyncio.get_running_loop()
            found = self._waiting[key] = (parameters, loop.create_future())
            if self._asking is None:
                # In nobody's name: who began it may have gone before it ends.
                self._asking = loop.create_task(self._ask_all(), context=Context())
        return found[1]

    async def _ask_all(self) -> None:
        while self._waiting:
            # Whoever comes from here on needs a query that is not sent yet.
            asked = [self._waiting.pop(key) for key in list(self._waiting)[:MOST]]
            try:
                told = await self._ask([parameters for parameters, _ in asked])
            except Exception as error:  # noqa: BLE001  whatever it was is everybody's answer
                for _, future in asked:
                    future.set_exception(error)
                    # One that was foreseen may have nobody who waits for it.
                    future.exception()
            else:
                for (_, future), one in zip(asked, told, strict=True):
                    future.set_result(one)
        self._asking = None

    async def _ask(self, asked: Sequence[dict[str, Any]]) -> list[Told]:
        if len(asked) == 1:
            rows = await self._run((self._of_one, asked[0]))
        else:
            rows = await self._run((self._of_many, {name: [each[name] for each in asked] for name in asked[0]}))
        at = asyncio.get_running_loop().time()
        moment = Moment(rows[0].standing, rows[0].snapshot)
        if not asked[0]:
            return [Told(moment, None, at)]
        found = {row.number: row for row in rows if row.is_found}
        return [Told(moment, found.get(number), at) for number in range(1, len(asked) + 1)]


def _name(look: Look) -> tuple[Any, ...]:
    return (id(look.statement), *look.key.values())
