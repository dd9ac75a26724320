"""Grants: who has which role on a registry, or on the repositories in it that match a pattern."""

from moorage.domain.access import Action, Caller, Role
from moorage.domain.activity import Change, Facts, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.pattern import parse_pattern
from moorage.services.access import Access
from moorage.services.ports import Check, Grants
from moorage.services.recording import recorded
from moorage.services.records import GrantRecord, Holder, HolderKind

LONGEST_NAME = 64
NOUNS = {HolderKind.USER: "person", HolderKind.GROUP: "group"}


class GrantService:
    """The use cases of grants, all for those who administer the registry."""

    def __init__(self, grants: Grants, access: Access) -> None:
        self._grants = grants
        self._access = access

    async def list(self, caller: Caller, address: str, after: str, limit: int) -> tuple[GrantRecord, ...]:
        """List a registry's grants by key, past one."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        return await self._grants.page(registry.id, after, limit)

    async def get(self, caller: Caller, address: str, holder: Holder, pattern: str) -> GrantRecord:
        """Return what a holder has on a pattern; raise VALUE_INVALID, NOT_FOUND."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        found = await self._grants.find(registry.id, holder, parse_pattern(pattern))
        if found is None:
            raise no_role(address, holder, pattern)
        return found

    async def give(
        self,
        caller: Caller,
        address: str,
        holder: Holder,
        pattern: str,
        role: Role,
        check: Check[GrantRecord | None] | None = None,
    ) -> None:
        """Give a role, in place of the one held for that pattern, unless `check` raises.

        Raise VALUE_INVALID, NOT_FOUND without holder.
        """
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        parsed = parse_pattern(pattern)
        had = await self._grants.find(registry.id, holder, parsed)
        with recorded(caller, role_change(address, holder, parsed, had, role)):
            is_given = await self._grants.give(registry.id, holder, parsed, role, check)
        if not is_given:
            raise nobody(holder)

    async def take(
        self,
        caller: Caller,
        address: str,
        holder: Holder,
        pattern: str,
        check: Check[GrantRecord | None] | None = None,
    ) -> None:
        """Take the role away that is held for that very pattern, unless `check` raises; raise NOT_FOUND without it."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        parsed = parse_pattern(pattern)
        had = await self._grants.find(registry.id, holder, parsed)
        with recorded(caller, role_change(address, holder, parsed, had, None)):
            is_taken = await self._grants.take(registry.id, holder, parsed, check)
        if not is_taken:
            raise no_role(address, holder, parsed)


def role_change(address: str, holder: Holder, pattern: str, had: GrantRecord | None, role: Role | None) -> Change:
    """Return what changes when a holder has another role on a pattern."""
    whose: Facts = {holder.kind.value: holder.name, "pattern": pattern}
    before, after = {**whose, "role": had.role.value if had else None}, {**whose, "role": role and role.value}
    return Change(Kind.SET_ROLE, address, before, after)


def no_role(address: str, holder: Holder, pattern: str) -> MoorageError:
    """Return the error where nobody of that name holds a role, or not on that very pattern."""
    name, where = holder.name[:LONGEST_NAME], f"on {pattern} in {address}"
    return MoorageError(ErrorCode.NOT_FOUND, f"{name} has no role {where}", {"name": name})


def nobody(holder: Holder) -> MoorageError:
    """Return the error where nobody is called so who could hold a role."""
    name = holder.name[:LONGEST_NAME]
    return MoorageError(ErrorCode.NOT_FOUND, f"no {NOUNS[holder.kind]} is called {name}", {"name": name})
