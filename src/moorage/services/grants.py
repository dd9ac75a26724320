"""Grants: who has which role on a registry, or on the repositories in it that match a pattern."""

from moorage.domain.access import Action, Caller, Role
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.pattern import parse_pattern
from moorage.services.access import Access
from moorage.services.ports import Grants
from moorage.services.records import GrantRecord, Holder, HolderKind

LONGEST_NAME = 64
NOUNS = {HolderKind.USER: "person", HolderKind.GROUP: "group"}


class GrantService:
    """The use cases of grants, all for those who administer the registry."""

    def __init__(self, grants: Grants, access: Access) -> None:
        self._grants = grants
        self._access = access

    async def list(self, caller: Caller, address: str) -> tuple[GrantRecord, ...]:
        """List a registry's grants by key."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        return await self._grants.every(registry.id)

    async def give(self, caller: Caller, address: str, holder: Holder, pattern: str, role: Role) -> None:
        """Give a role, in place of the one held for that pattern; raise VALUE_INVALID, NOT_FOUND without holder."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        if not await self._grants.give(registry.id, holder, parse_pattern(pattern), role):
            raise _nobody(holder)

    async def take(self, caller: Caller, address: str, holder: Holder, pattern: str) -> None:
        """Take a role away, if one is held for that pattern; raise NOT_FOUND without holder."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        if not await self._grants.take(registry.id, holder, parse_pattern(pattern)):
            raise _nobody(holder)


def _nobody(holder: Holder) -> MoorageError:
    name = holder.name[:LONGEST_NAME]
    return MoorageError(ErrorCode.NOT_FOUND, f"no {NOUNS[holder.kind]} is called {name}", {"name": name})
