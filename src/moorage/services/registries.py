"""Registries: created, found, described, and who has a role on the whole of one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from types import MappingProxyType

from moorage.domain.access import Action, Caller, Role, Visibility, is_within
from moorage.domain.activity import Change, Facts, Kind
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.immutable import Rule, parse_immutable_tags
from moorage.domain.limits import whole
from moorage.domain.name import address_of, parse_registry
from moorage.domain.pattern import WHOLE
from moorage.domain.quota import check_quota, check_warning
from moorage.domain.redirect import Redirects
from moorage.services.access import Access
from moorage.services.grants import no_role, nobody, role_change
from moorage.services.ports import Check, Grants, Registries
from moorage.services.recording import recorded
from moorage.services.records import GrantRecord, Holder, HolderKind, Member, Registry, RegistrySummary

LONGEST_DESCRIPTION = 200
NO_LIMITS: Mapping[str, int | None] = MappingProxyType({})
MOST_DAYS = 90
"""The longest that what is deleted can be kept."""


class RegistryService:
    """The use cases of registries."""

    def __init__(self, registries: Registries, grants: Grants, access: Access) -> None:
        self._registries = registries
        self._grants = grants
        self._access = access

    async def create(
        self, caller: Caller, name: str, description: str = "", visibility: Visibility = Visibility.PRIVATE
    ) -> Registry:
        """Make a registry; raise NAME_INVALID, CONFLICT, DENIED or UNAUTHORIZED."""
        self._access.check_server(caller, Action.CREATE_REGISTRY)
        check_description(description)
        made = {"name": (parsed := parse_registry(name)), "description": description, "visibility": visibility.value}
        with recorded(caller, Change(Kind.CREATE_REGISTRY, address_of(parsed), None, made)):
            return await self._registries.create(parsed, description, visibility, caller.name)

    async def ensure(self, caller: Caller, address: str) -> None:
        """Make the registry a push names, unless another push has just made it."""
        if await self._registries.find(address) is not None:
            return
        try:
            await self.create(caller, address)
        except MoorageError as error:
            if error.error is not ErrorCode.CONFLICT:
                raise

    async def availability(self, caller: Caller, name: str) -> tuple[bool, str]:
        """Tell whether a name is free, and a sentence that says so or why not."""
        self._access.check_server(caller, Action.CREATE_REGISTRY)
        try:
            address = address_of(parse_registry(name))
        except MoorageError as error:
            return False, error.message
        taken = await self._registries.find(address)
        if taken is not None:
            return False, f"There is a registry named {taken.name} already"
        return True, f"{address} is free"

    async def get(self, caller: Caller, address: str) -> Registry:
        """Return a registry the caller may read."""
        return await self._access.check_registry(caller, Action.PULL, address)

    async def summary(self, caller: Caller, address: str) -> RegistrySummary:
        """Return a registry the caller may read, as the list has it."""
        registry = await self.get(caller, address)
        found = await self._registries.summary(address, caller.user_id, sees_all=caller.is_admin)
        return await self._shown(caller, found or RegistrySummary(registry, 0, 0, None))

    async def space(self, caller: Caller, address: str) -> RegistrySummary:
        """Return the same to whoever may delete everywhere in it, with what was deleted."""
        await self._access.check_registry(caller, Action.DELETE, address)
        return await self.summary(caller, address)

    async def whole_summary(self, caller: Caller, address: str) -> RegistrySummary:
        """Return a registry that the caller administers, with all that it holds and what its quota leaves."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        found = await self._registries.summary(address, caller.user_id, sees_all=True)
        return found or RegistrySummary(registry, 0, 0, None)

    async def list(self, caller: Caller) -> tuple[RegistrySummary, ...]:
        """List the registries the caller may read, by address."""
        found = await self._registries.summaries(caller.user_id, sees_all=caller.is_admin)
        pull = Action.PULL
        seen = [one for one in found if is_within(caller.limits, pull, whole(one.registry.address))]
        return tuple([await self._shown(caller, one) for one in seen])

    async def _shown(self, caller: Caller, found: RegistrySummary) -> RegistrySummary:
        """Leave out what was deleted, unless the caller could restore it."""
        address, action = found.registry.address, Action.DELETE
        if is_within(caller.limits, action, whole(address)) and await self._access.may(caller, action, address):
            return found
        return replace(found, deleted=None, stored=None)

    async def update(
        self,
        caller: Caller,
        address: str,
        changes: Mapping[str, str],
        check: Check[Registry] | None = None,
        limits: Mapping[str, int | None] = NO_LIMITS,
    ) -> Registry:
        """Change `description`, `visibility`, `immutable_tags` (a rule a line), `redirects` or `trash_days`.

        And the `limits` that administrators of the server set: `quota` (bytes; None for none) and `quota_warning`
        (percent; 0 for never). Nothing is changed when `check` raises.
        """
        action = Action.DESCRIBE if changes.keys() <= {"description"} else Action.ADMINISTER_REGISTRY
        registry = await self._access.check_registry(caller, action, address)
        if limits:
            self._access.check_server(caller, Action.ADMINISTER_SERVER)
        wanted: dict[str, str | int | None] = {**_checked(changes), **_checked_limits(limits)}
        if not wanted:
            if check is not None:
                check(registry)
            return registry
        facts = facts_of(registry)
        before = {name: facts[name] for name in wanted}
        with recorded(caller, Change(Kind.CHANGE_REGISTRY, address, before, wanted)):
            return await self._registries.update(address, wanted, check) or registry

    async def members(self, caller: Caller, address: str, after: str, limit: int) -> tuple[Member, ...]:
        """List who holds a role on the whole registry, by name, for those who administer it."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        found = await self._grants.members(registry.id, after, limit)
        return tuple(Member(grant.holder.name, grant.role) for grant in found)

    async def member(self, caller: Caller, address: str, user: str) -> Member:
        """Return who holds a role on the whole registry, or raise NOT_FOUND."""
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        found = await self._grants.find(registry.id, Holder(HolderKind.USER, user), WHOLE)
        if found is None:
            raise no_role(address, Holder(HolderKind.USER, user), WHOLE)
        return Member(user, found.role)

    async def set_member(
        self,
        caller: Caller,
        address: str,
        user: str,
        role: Role | None,
        check: Check[GrantRecord | None] | None = None,
    ) -> None:
        """Give an account a role on the whole registry or take it away (None), unless `check` raises.

        Raise NOT_FOUND without such account, or without a role to take away.
        """
        registry = await self._access.check_registry(caller, Action.ADMINISTER_REGISTRY, address)
        holder = Holder(HolderKind.USER, user)
        had = await self._grants.find(registry.id, holder, WHOLE)
        with recorded(caller, role_change(address, holder, WHOLE, had, role)):
            if role is None:
                found = await self._grants.take(registry.id, holder, WHOLE, check)
            else:
                found = await self._grants.give(registry.id, holder, WHOLE, role, check)
        if not found:
            raise nobody(holder) if role else no_role(address, holder, WHOLE)


def _checked(changes: Mapping[str, str]) -> dict[str, str | int]:
    """Return changes as they are stored, or raise VALUE_INVALID."""
    return {name: READ[name](text) for name, text in changes.items()}


def _checked_limits(limits: Mapping[str, int | None]) -> Mapping[str, int | None]:
    check_quota(limits.get("quota"))
    check_warning(limits.get("quota_warning") or 0)
    return limits


def facts_of(registry: Registry) -> Facts:
    """Return what activity keeps of a registry's settings."""
    return {
        "description": registry.description,
        "visibility": registry.visibility.value,
        "immutable_tags": _lines(registry.immutable_tags),
        "redirects": registry.redirects.value,
        "quota": registry.quota,
        "quota_warning": registry.quota_warning,
        "trash_days": registry.trash_days,
    }


def _rules(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _lines(rules: Sequence[Rule]) -> str:
    return "\n".join(map(str, rules))


def check_description(text: str) -> str:
    """Return a description; raise VALUE_INVALID when it is too long."""
    if len(text) > LONGEST_DESCRIPTION:
        message = f"a description has at most {LONGEST_DESCRIPTION} characters; this has {len(text)}"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "description"})
    return text


def _word(kind: type[StrEnum], field: str, text: str) -> str:
    """Return a word, or raise VALUE_INVALID unless it is one of its kind."""
    try:
        return kind(text).value
    except ValueError:
        *first, last = kind
        message = f"{field} is {', '.join(first)} or {last}"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": field}) from None


def _days(text: str) -> int:
    """Return a number of days, or raise VALUE_INVALID unless it is one that the trash may keep things."""
    if text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_DAYS)) and int(text) <= MOST_DAYS:
        return int(text)
    message = f"trash_days is a whole number, 0 to {MOST_DAYS}"
    raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "trash_days"})


READ: Mapping[str, Callable[[str], str | int]] = {
    "description": check_description,
    "visibility": partial(_word, Visibility, "visibility"),
    "immutable_tags": lambda text: _lines(parse_immutable_tags(_rules(text))),
    "redirects": partial(_word, Redirects, "redirects"),
    "trash_days": _days,
}
"""What each setting is read by; VALUE_INVALID where it is none."""
