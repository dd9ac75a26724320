"""Rules for immutable tags, one at a time: what each holds now, a new one, one that goes."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from moorage.domain.access import Caller
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.immutable import Rule, parse_immutable_tags
from moorage.domain.name import parse_repository
from moorage.domain.reach import whole_of
from moorage.services.ports import Catalog, Manifests
from moorage.services.records import Registry
from moorage.services.registries import RegistryService

MOST_REPOSITORIES = 200
MOST_TAGS = 5_000
"""As many as are looked at to say how many tags a rule holds."""


@dataclass(frozen=True, slots=True)
class HeldTags:
    """How many tags each rule holds, of those that were looked at; `is_whole` if those are all that one may read."""

    counts: tuple[tuple[Rule, int], ...]
    is_whole: bool


class ImmutableTagService:
    """The use cases of rules for immutable tags."""

    def __init__(self, registries: RegistryService, catalog: Catalog, manifests: Manifests) -> None:
        self._registries = registries
        self._catalog = catalog
        self._manifests = manifests

    async def held(self, caller: Caller, registry: Registry) -> HeldTags:
        """Say how many tags each rule holds, in the repositories that the caller may read."""
        rules, within = registry.immutable_tags, whole_of(registry.address)
        if not rules:
            return HeldTags((), is_whole=True)
        limit = MOST_REPOSITORIES + 1
        names = await self._catalog.names(caller.user_id, "", limit, sees_all=caller.is_admin, within=within)
        held, left = Counter[Rule](), MOST_TAGS
        for name in names[:MOST_REPOSITORIES]:
            repository = parse_repository(name)
            found = await self._manifests.tags(repository, "", left + 1) or ()
            for tag in found[:left]:
                held.update(rule for rule in rules if rule.holds(tag, repository.path))
            left -= len(found)
            if left < 0:
                break
            await asyncio.sleep(0)
        counts = tuple((rule, held[rule]) for rule in rules)
        return HeldTags(counts, is_whole=left >= 0 and len(names) <= MOST_REPOSITORIES)

    async def add(self, caller: Caller, address: str, text: str) -> Registry:
        """Add a rule, or several, unless somebody else changes them just now; raise VALUE_INVALID for what is none."""
        before = (await self._registries.get(caller, address)).immutable_tags
        return await self._set(caller, address, before, (*before, *parse_immutable_tags([text])))

    async def remove(self, caller: Caller, address: str, text: str) -> Registry:
        """Take a rule away, likewise; one that is not there is gone."""
        before = (await self._registries.get(caller, address)).immutable_tags
        return await self._set(caller, address, before, tuple(rule for rule in before if str(rule) != text))

    async def _set(self, caller: Caller, address: str, before: tuple[Rule, ...], after: tuple[Rule, ...]) -> Registry:
        def check(found: Registry) -> None:
            if found.immutable_tags != before:
                raise MoorageError(ErrorCode.PRECONDITION_FAILED, "somebody changes these rules too; look again")

        return await self._registries.update(caller, address, {"immutable_tags": "\n".join(map(str, after))}, check)
