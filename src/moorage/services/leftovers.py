"""Leftovers: bytes in the store that no row knows, as a crash leaves them; they are counted, and given back.

store ─▶ all that is older than a lease ─▶ known to no row? ─▶ counted
└─▶ a row that nothing needs ─▶ the next collection
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from moorage.domain.access import Action, Caller
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.access import Access
from moorage.services.leftover_ports import Inventory, Strays

FEW = 20
"""So many may be more than what is known: a store with hardly anything in it."""

FOREIGN = (
    "{strays} of {all} things that lie in the store are known to no row; is it the right database for it? "
    "None of them was given back"
)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """How much was found that no row knows, of `all` things that lie in the store and are older than a lease."""

    count: int
    bytes: int
    all: int


class LeftoverService:
    """The use cases of leftovers; what is younger than `lease` seconds may be under way."""

    def __init__(
        self, inventory: Inventory, strays: Strays, access: Access, lease: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._inventory = inventory
        self._strays = strays
        self._access = access
        self._lease = lease
        self._clock = clock

    async def find(self, caller: Caller) -> Leftovers:
        """Count what is left over, for administrators."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        count = size = everything = 0
        async for batch in self._inventory.everything(self._clock() - self._lease):
            found = await self._strays.among(batch)
            count, size = count + len(found), size + sum(each.size for each in found)
            everything += len(batch)
        return Leftovers(count, size, everything)

    async def give_back(self, caller: Caller) -> Leftovers:
        """Leave it to the next collection, for administrators; raise UNAVAILABLE where most of the store is unknown."""
        found = await self.find(caller)
        if found.count > max(FEW, found.all // 2):
            raise MoorageError(ErrorCode.UNAVAILABLE, FOREIGN.format(strays=found.count, all=found.all))
        count = size = 0
        if not found.count:
            return found
        async for batch in self._inventory.everything(self._clock() - self._lease):
            adopted = await self._strays.adopt(await self._strays.among(batch))
            count, size = count + len(adopted), size + sum(each.size for each in adopted)
        return Leftovers(count, size, found.all)
