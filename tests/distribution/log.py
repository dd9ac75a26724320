"""The distribution API as the outermost application serves it, and what it leaves in the log of activity."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from moorage.app.services import SYSTEM, Services
from moorage.app.worker import distribution
from moorage.domain.activity import Kind, Outcome
from moorage.services.recording import ActivityQuery, ActivityRecord
from moorage.settings import Settings
from moorage.telemetry import Front, Metrics, RequestIds, configure

ADDRESS = "10.0.0.7"


@asynccontextmanager
async def watched(settings: Settings, services: Services, address: str = ADDRESS) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client at an address, of the API behind the outermost application, which sees refusals."""
    api = distribution(settings, services)
    front = Front(api, configure("error", "json"), RequestIds(), Metrics(), services.tally.refused)
    transport = httpx.ASGITransport(app=front, client=(address, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="https://proget:5443") as client:
        yield client


class Log:
    """Reads what is new since it was read last."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._last = 0

    async def new(self) -> list[ActivityRecord]:
        """Return new rows, the oldest first, those of sign-ins that worked left out."""
        return [row for row in await self.every() if (row.kind, row.outcome) != (Kind.SIGN_IN, Outcome.DONE)]

    async def every(self) -> list[ActivityRecord]:
        """Return new rows, the oldest first."""
        await self._services.activity.flush()
        rows = [row async for row in await self._services.activity.export(SYSTEM, ActivityQuery())]
        found = [row for row in rows if row.id > self._last]
        self._last = max(row.id for row in rows)
        return found

    async def words(self) -> list[tuple[str, str]]:
        """Return what is new in short."""
        return [(row.kind.value, row.target) for row in await self.new()]
