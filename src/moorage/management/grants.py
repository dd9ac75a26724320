"""Grants: who has which role on a registry, or on a pattern of its repositories.

A grant's address ends in its pattern, slashes and all: `/registries/dmc/grants/groups/ops/team/*`. `*` alone is the
whole registry.
"""

from typing import Annotated, Self

from fastapi import Depends, Path
from pydantic import BaseModel, Field

from moorage.domain.access import Action, Role
from moorage.management.grammar import A_PATTERN
from moorage.management.routes import FromCaller, InRegistry, Route
from moorage.management.shapes import Page, Paging, Sent
from moorage.services import records
from moorage.services.grants import GrantService
from moorage.services.records import Holder, HolderKind

InUser = Annotated[str, Path(description="The user name of a person or robot.")]
InGroup = Annotated[str, Path(description="The group's name.")]
InPattern = Annotated[
    str,
    Path(
        description="Repositories of the registry: a name, in which * is any run of characters; * is all of them.",
        json_schema_extra=A_PATTERN,
    ),
]


class NewGrant(Sent):
    """A role to give."""

    role: Role


class Grant(BaseModel):
    """A role that somebody holds; each role may also do what the ones before it may."""

    user: str | None = Field(description="The person or robot who holds it; null where a group does.")
    group: str | None = Field(description="The group that holds it; null where a person or robot does.")
    pattern: str = Field(description="The repositories it is on; * is the whole registry.")
    role: Role

    @classmethod
    def of(cls, record: records.GrantRecord) -> Self:
        """Show a record."""
        holder = record.holder
        return cls(
            user=holder.name if holder.kind is HolderKind.USER else None,
            group=holder.name if holder.kind is HolderKind.GROUP else None,
            pattern=record.pattern,
            role=record.role,
        )


class GrantPage(Page[Grant]):
    """Grants by the end of their address, as `users/mara/*`, which is the key of a page."""


class GrantRoutes:
    """Answers for grants."""

    def __init__(self, grants: GrantService) -> None:
        self._grants = grants

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        every = "/registries/{registry}/grants"
        of_user, of_group = every + "/users/{user}/{pattern:path}", every + "/groups/{group}/{pattern:path}"
        return (
            Route("GET", every, Action.ADMINISTER_REGISTRY, self.list_grants),
            Route("PUT", of_user, Action.ADMINISTER_REGISTRY, self.give_user),
            Route("DELETE", of_user, Action.ADMINISTER_REGISTRY, self.take_user, 204),
            Route("PUT", of_group, Action.ADMINISTER_REGISTRY, self.give_group),
            Route("DELETE", of_group, Action.ADMINISTER_REGISTRY, self.take_group, 204),
        )

    async def list_grants(
        self, caller: FromCaller, address: InRegistry, paging: Annotated[Paging, Depends()]
    ) -> GrantPage:
        """List who has which role in a registry."""
        page, following = paging.of(await self._grants.list(caller, address), lambda grant: grant.key)
        return GrantPage(items=[Grant.of(grant) for grant in page], next=following)

    async def give_user(
        self, caller: FromCaller, address: InRegistry, user: InUser, pattern: InPattern, sent: NewGrant
    ) -> Grant:
        """Give a person or robot a role on repositories, in place of the one they had on that pattern."""
        return await self._give(caller, address, Holder(HolderKind.USER, user), pattern, sent.role)

    async def take_user(self, caller: FromCaller, address: InRegistry, user: InUser, pattern: InPattern) -> None:
        """Take a person's or robot's role on repositories away."""
        await self._grants.take(caller, address, Holder(HolderKind.USER, user), pattern)

    async def give_group(
        self, caller: FromCaller, address: InRegistry, group: InGroup, pattern: InPattern, sent: NewGrant
    ) -> Grant:
        """Give a group a role on repositories, in place of the one it had on that pattern."""
        return await self._give(caller, address, Holder(HolderKind.GROUP, group), pattern, sent.role)

    async def take_group(self, caller: FromCaller, address: InRegistry, group: InGroup, pattern: InPattern) -> None:
        """Take a group's role on repositories away."""
        await self._grants.take(caller, address, Holder(HolderKind.GROUP, group), pattern)

    async def _give(self, caller: FromCaller, address: str, holder: Holder, pattern: str, role: Role) -> Grant:
        await self._grants.give(caller, address, holder, pattern, role)
        return Grant.of(records.GrantRecord(holder, pattern, role))
