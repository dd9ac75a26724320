"""Activity: the list of what happened, for those it concerns, and what is counted on its way there."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from moorage.domain.access import Action, Caller, is_allowed
from moorage.services.access import Access
from moorage.services.ports import Registries
from moorage.services.recording import Activity, ActivityPlace, ActivityQuery, ActivityRecord
from moorage.services.tally import Tally

BATCH = 500
"""Rows of an export that are in memory at once."""

READS = 2
"""How often a page goes on looking for what fits: it may take long, and whoever wants more asks for the next."""


class ActivityService:
    """The use cases of activity."""

    def __init__(self, activity: Activity, registries: Registries, access: Access, tally: Tally) -> None:
        self._activity = activity
        self._registries = registries
        self._access = access
        self._tally = tally

    async def page(
        self, caller: Caller, query: ActivityQuery, after: ActivityPlace | None, limit: int
    ) -> tuple[tuple[ActivityRecord, ...], ActivityPlace | None]:
        """List rows that fit, newest first, past a place: all to administrators, to owners those of their registries.

        It looks no further than `READS` reads do. Then there are fewer rows than were asked for, or none, and a place
        to go on from.

        Where the query names registries, raise NOT_FOUND, DENIED or UNAUTHORIZED unless the caller owns them.
        """
        query = await self._within(caller, query)
        found: list[ActivityRecord] = []
        place = after
        for _ in range(READS if query.registries != () else 0):
            rows, place = await self._activity.page(query, place, limit - len(found))
            found += rows
            if len(found) == limit or place is None:
                break
            # Pulls go on meanwhile.
            await asyncio.sleep(0)
        return tuple(found), place

    async def export(self, caller: Caller, query: ActivityQuery) -> AsyncIterator[ActivityRecord]:
        """Return all rows that fit, oldest first, as they are read; refused like `page`, before the first."""
        return self._rows(await self._within(caller, query))

    async def flush(self) -> None:
        """Write what has been counted; what can't be written is kept for the next time, and the error raised."""
        now = time.time()
        rows, pulls = self._tally.take(now)
        if not rows and not pulls:
            return
        writing = asyncio.create_task(self._activity.append(rows, pulls, now))
        try:
            await asyncio.shield(writing)
        except BaseException:
            # A stop may come in the middle: it must be known whether this was written, or it is counted twice or never.
            await asyncio.wait([writing])
            if writing.cancelled() or writing.exception() is not None:
                self._tally.give_back(rows, pulls)
            raise

    async def _rows(self, query: ActivityQuery) -> AsyncIterator[ActivityRecord]:
        place, is_first = None, True
        while is_first or place is not None:
            rows, place = await self._activity.page(query, place, BATCH, oldest_first=True)
            for row in rows:
                yield row
            is_first = False
            await asyncio.sleep(0)

    async def _within(self, caller: Caller, query: ActivityQuery) -> ActivityQuery:
        """Narrow a query to what the caller may see."""
        for address in query.registries or ():
            await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        # Not whether the caller is an administrator: their access token may be good for less.
        if is_allowed(caller, Action.ADMINISTER_SERVER):
            return query
        self._access.check_server(caller, Action.SIGNED_IN)
        registries = query.registries
        if registries is None:
            seen = await self._registries.summaries(caller.user_id, sees_all=caller.is_admin)
            addresses = [summary.registry.address for summary in seen]
            may = [await self._access.may(caller, Action.ADMINISTER_REGISTRY, address) for address in addresses]
            registries = tuple(address for address, is_own in zip(addresses, may, strict=True) if is_own)
        return replace(query, registries=registries, only_present=True)
