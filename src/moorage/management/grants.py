"""Grants: who has which role on a registry, or on a pattern of its repositories.

A grant's address ends in its pattern, slashes and all: `/registries/dmc/grants/groups/ops/team/*`. `*` alone is the
whole registry.
"""

from typing import Annotated, Self

from fastapi import Depends, Path
from pydantic import BaseModel, Field

from moorage.domain.access import Action, Caller, Role
from moorage.management.conditions import IfSet, OnMatch, OnSet, ToTag
from moorage.management.grammar import A_PATTERN, A_USER
from moorage.management.routes import FromCaller, InRegistry, Route
from moorage.management.shapes import Page, Paging, Sent
from moorage.services import records
from moorage.services.grants import GrantService
from moorage.services.records import Holder, HolderKind

InUser = Annotated[str, Path(description="The user name of a person or robot.", json_schema_extra=A_USER)]
InGroup = Annotated[str, Path(description="The group's name.", json_schema_extra=A_USER)]
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
            Route("GET", of_user, Action.ADMINISTER_REGISTRY, self.get_user_grant),
            Route("PUT", of_user, Action.ADMINISTER_REGISTRY, self.give_user),
            Route("DELETE", of_user, Action.ADMINISTER_REGISTRY, self.take_user, 204),
            Route("GET", of_group, Action.ADMINISTER_REGISTRY, self.get_group_grant),
            Route("PUT", of_group, Action.ADMINISTER_REGISTRY, self.give_group),
            Route("DELETE", of_group, Action.ADMINISTER_REGISTRY, self.take_group, 204),
        )

    async def list_grants(
        self, caller: FromCaller, address: InRegistry, paging: Annotated[Paging, Depends()]
    ) -> GrantPage:
        """List who has which role in a registry."""
        found = await self._grants.list(caller, address, paging.after, paging.limit)
        page, following = paging.cut(found, lambda grant: grant.key)
        return GrantPage(items=[Grant.of(grant) for grant in page], next=following)

    async def get_user_grant(
        self, caller: FromCaller, address: InRegistry, user: InUser, pattern: InPattern, tagged: ToTag
    ) -> Grant:
        """Show the role that a person or robot has on repositories by that very pattern."""
        return tagged(Grant.of(await self._grants.get(caller, address, Holder(HolderKind.USER, user), pattern)))

    async def give_user(
        self,
        caller: FromCaller,
        address: InRegistry,
        user: InUser,
        pattern: InPattern,
        sent: NewGrant,
        match: OnSet,
        tagged: ToTag,
    ) -> Grant:
        """Give a person or robot a role on repositories, in place of the one they had on that pattern."""
        return tagged(await self._give(caller, address, Holder(HolderKind.USER, user), pattern, sent, match))

    async def take_user(
        self, caller: FromCaller, address: InRegistry, user: InUser, pattern: InPattern, match: OnMatch
    ) -> None:
        """Take a person's or robot's role on repositories away."""
        await self._grants.take(caller, address, Holder(HolderKind.USER, user), pattern, match.on(Grant.of))

    async def get_group_grant(
        self, caller: FromCaller, address: InRegistry, group: InGroup, pattern: InPattern, tagged: ToTag
    ) -> Grant:
        """Show the role that a group has on repositories by that very pattern."""
        return tagged(Grant.of(await self._grants.get(caller, address, Holder(HolderKind.GROUP, group), pattern)))

    async def give_group(
        self,
        caller: FromCaller,
        address: InRegistry,
        group: InGroup,
        pattern: InPattern,
        sent: NewGrant,
        match: OnSet,
        tagged: ToTag,
    ) -> Grant:
        """Give a group a role on repositories, in place of the one it had on that pattern."""
        return tagged(await self._give(caller, address, Holder(HolderKind.GROUP, group), pattern, sent, match))

    async def take_group(
        self, caller: FromCaller, address: InRegistry, group: InGroup, pattern: InPattern, match: OnMatch
    ) -> None:
        """Take a group's role on repositories away."""
        await self._grants.take(caller, address, Holder(HolderKind.GROUP, group), pattern, match.on(Grant.of))

    async def _give(
        self, caller: Caller, address: str, holder: Holder, pattern: str, sent: NewGrant, match: IfSet
    ) -> Grant:
        await self._grants.give(caller, address, holder, pattern, sent.role, match.on(Grant.of))
        return Grant.of(records.GrantRecord(holder, pattern, sent.role))
