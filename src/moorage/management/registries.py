"""Registries and their members."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Path, Response
from pydantic import BaseModel, Field

from moorage.domain.access import Action, Role, Visibility
from moorage.domain.immutable import MOST_RULES, parse_immutable_tags
from moorage.domain.quota import Level, note
from moorage.domain.redirect import Redirects
from moorage.domain.sizes import MOST
from moorage.management.conditions import OnMatch, OnSet, ToTag
from moorage.management.grammar import A_DESCRIPTION, A_REGISTRY, A_USER, AN_IMMUTABLE_TAG
from moorage.management.routes import FromCaller, InRegistry, Route
from moorage.management.shapes import Page, Paging, Sent, address_for, moment
from moorage.services import records
from moorage.services.registries import MOST_DAYS, RegistryService

NAME = "1 to 64 letters and digits, with single . - or _ between them; unique without regard to case."
IMMUTABLE = (
    "Tags that can't be moved or deleted once they are there, as `v* !*-dev @team/*`: those like v*, but not those "
    "like *-dev, in the repositories team/*; * stands for any characters."
)
REDIRECTS = (
    "Whether pulls of layers are redirected to the bucket: as the server's settings say (server), on, or off. "
    "In any case only for clients in its redirect_networks, and only where blobs are in a bucket."
)
QUOTA = "Bytes it may hold, layers that images share counted once; null is no limit."
QUOTA_WARNING = "Percent of the quota from which it counts as nearly full, 0 for never."
BY_ADMINISTRATORS = " Takes an administrator of the server."
TRASH_DAYS = "For how many days what is deleted here can be restored, 0 to 90; 0 is not at all."
DELETED = "Bytes that come free with what was deleted and can be restored, as far as was known when it went."
STORED = "Bytes of all that it has, what was deleted too, every layer once."
VISIBILITY = "Who may pull: its members (private), everyone signed in (internal), anyone (public)."

InUser = Annotated[str, Path(description="The person's user name.", json_schema_extra=A_USER)]


ImmutableTag = Annotated[str, Field(json_schema_extra=AN_IMMUTABLE_TAG)]


class NewRegistry(Sent):
    """A registry to make."""

    name: str = Field(description=NAME, json_schema_extra=A_REGISTRY)
    description: str = Field("", description="At most 200 characters.", json_schema_extra=A_DESCRIPTION)
    visibility: Visibility = Field(Visibility.PRIVATE, description=VISIBILITY)


class RegistryChanges(Sent):
    """What to change of a registry; what is left out stays as it is."""

    description: str | None = Field(None, description="At most 200 characters.", json_schema_extra=A_DESCRIPTION)
    visibility: Visibility | None = Field(None, description=VISIBILITY + " Takes an owner.")
    immutable_tags: list[ImmutableTag] | None = Field(
        None, description=IMMUTABLE + " Takes an owner.", max_length=MOST_RULES
    )
    redirects: Redirects | None = Field(None, description=REDIRECTS + " Takes an owner.")
    trash_days: int | None = Field(None, description=TRASH_DAYS + " Takes an owner.", ge=0, le=MOST_DAYS)
    quota: Annotated[int, Field(ge=1, le=MOST)] | None = Field(None, description=QUOTA + BY_ADMINISTRATORS)
    quota_warning: Annotated[int, Field(ge=0, le=100)] | None = Field(
        None, description=QUOTA_WARNING + BY_ADMINISTRATORS
    )

    def limits(self) -> dict[str, int | None]:
        """Return the limits that were sent; a quota of null is sent, too, and is none."""
        sent: dict[str, int | None] = {}
        if "quota" in self.model_fields_set:
            sent["quota"] = self.quota
        if self.quota_warning is not None:
            sent["quota_warning"] = self.quota_warning
        return sent


class Registry(BaseModel):
    """A registry."""

    name: str = Field(description="As it was typed.")
    address: str = Field(description="The first part of its image names: the name in lower case.")
    description: str
    visibility: Visibility
    immutable_tags: list[str] = Field(description=IMMUTABLE)
    redirects: Redirects = Field(description=REDIRECTS)
    quota: int | None = Field(description=QUOTA)
    quota_warning: int = Field(description=QUOTA_WARNING)
    trash_days: int = Field(description=TRASH_DAYS)
    created_at: datetime
    created_by: str = Field(description="The person who made it.")

    @classmethod
    def of(cls, record: records.Registry) -> Self:
        """Show a record."""
        return cls(
            name=record.name,
            address=record.address,
            description=record.description,
            visibility=record.visibility,
            immutable_tags=list(map(str, record.immutable_tags)),
            redirects=record.redirects,
            quota=record.quota,
            quota_warning=record.quota_warning,
            trash_days=record.trash_days,
            created_at=moment(record.created_at),
            created_by=record.created_by,
        )


class RegistrySummary(Registry):
    """A registry in a list."""

    repositories: int = Field(0, description="How many it holds.")
    size: int = Field(
        0,
        description="Bytes of what you may read; layers that images share count once. "
        "A large part of a registry may be a minute old, a whole one never is.",
    )
    deleted: int | None = Field(None, description=DELETED + " Null where you may not restore it.")
    stored: int | None = Field(None, description=STORED + " Null likewise.")
    pushed_at: datetime | None = Field(None, description="Last push.")
    quota_percent: float | None = Field(
        None,
        description="How much of its quota is used, 100 at most; null without one, or where you read a part.",
    )
    quota_level: Level | None = Field(
        None, description="How it stands to its quota: room, warning (nearly full) or full; null likewise."
    )

    @classmethod
    def summing(cls, record: records.RegistrySummary) -> Self:
        """Show a record."""
        summary = cls.of(record.registry)
        summary.repositories = record.repositories
        summary.size = record.size
        summary.deleted, summary.stored = record.deleted, record.stored
        summary.pushed_at = None if record.pushed_at is None else moment(record.pushed_at)
        if record.allowance is not None:
            summary.quota_percent, summary.quota_level = record.allowance.percent, record.allowance.level
        return summary


class QuotaUse(BaseModel):
    """What a registry holds of its quota, in bytes; a quota of null is no limit."""

    quota: int | None = Field(description=QUOTA)
    quota_warning: int = Field(description=QUOTA_WARNING)
    used: int = Field(description="Bytes it holds, layers that images share counted once.")
    left: int | None = Field(description="Bytes that may still be pushed; null without a quota.")
    level: Level = Field(description="free (no quota), room, warning (nearly full) or full (pushes are refused).")
    note: str = Field(description="Says what has to go, where more is held than the quota allows.")

    @classmethod
    def of(cls, record: records.RegistrySummary) -> Self:
        """Show a record."""
        registry, allowance = record.registry, record.allowance
        return cls(
            quota=registry.quota,
            quota_warning=registry.quota_warning,
            used=record.size if allowance is None else allowance.used,
            left=allowance and allowance.left,
            level=Level.FREE if allowance is None else allowance.level,
            note="" if allowance is None else note(allowance),
        )


class RegistryPage(Page[RegistrySummary]):
    """Registries by address, which is the key of a page."""


class NewRole(Sent):
    """A role to give."""

    role: Role


class Member(BaseModel):
    """A person's role in a registry; each role may also do what the ones before it may."""

    name: str
    role: Role

    @classmethod
    def of(cls, grant: records.GrantRecord) -> Self:
        """Show what somebody holds on the whole registry."""
        return cls(name=grant.holder.name, role=grant.role)


class MemberPage(Page[Member]):
    """Members by name, which is the key of a page."""


class RegistryRoutes:
    """Answers for registries."""

    def __init__(self, registries: RegistryService) -> None:
        self._registries = registries

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        one = "/registries/{registry}"
        member = one + "/members/{user}"
        return (
            Route("POST", "/registries", Action.CREATE_REGISTRY, self.create_registry, 201),
            Route("GET", "/registries", Action.LIST, self.list_registries),
            Route("GET", one, Action.PULL, self.get_registry),
            Route("PATCH", one, Action.DESCRIBE, self.change_registry),
            Route("GET", one + "/quota", Action.ADMINISTER_REGISTRY, self.get_quota),
            Route("GET", one + "/members", Action.ADMINISTER_REGISTRY, self.list_members),
            Route("GET", member, Action.ADMINISTER_REGISTRY, self.get_member),
            Route("PUT", member, Action.ADMINISTER_REGISTRY, self.set_member),
            Route("DELETE", member, Action.ADMINISTER_REGISTRY, self.remove_member, 204),
        )

    async def create_registry(self, caller: FromCaller, sent: NewRegistry, response: Response) -> Registry:
        """Create a registry."""
        made = await self._registries.create(caller, sent.name, sent.description, sent.visibility)
        response.headers["location"] = address_for("registries", made.address)
        return Registry.of(made)

    async def list_registries(self, caller: FromCaller, paging: Annotated[Paging, Depends()]) -> RegistryPage:
        """List the registries you may pull from."""
        found = await self._registries.list(caller)
        page, following = paging.of(found, lambda summary: summary.registry.address)
        return RegistryPage(items=[RegistrySummary.summing(summary) for summary in page], next=following)

    async def get_registry(self, caller: FromCaller, address: InRegistry, tagged: ToTag) -> Registry:
        """Show a registry."""
        return tagged(Registry.of(await self._registries.get(caller, address)))

    async def change_registry(
        self, caller: FromCaller, address: InRegistry, sent: RegistryChanges, match: OnMatch, tagged: ToTag
    ) -> Registry:
        """Change a registry's description and settings."""
        plain = sent.model_dump(mode="json", exclude_none=True, exclude={"quota", "quota_warning"})
        changes = {name: str(value) for name, value in plain.items()}
        if sent.immutable_tags is not None:
            changes["immutable_tags"] = "\n".join(map(str, parse_immutable_tags(sent.immutable_tags)))
        check, limits = match.on(Registry.of), sent.limits()
        return tagged(Registry.of(await self._registries.update(caller, address, changes, check, limits)))

    async def get_quota(self, caller: FromCaller, address: InRegistry) -> QuotaUse:
        """Show what a registry holds of its quota."""
        return QuotaUse.of(await self._registries.whole_summary(caller, address))

    async def list_members(
        self, caller: FromCaller, address: InRegistry, paging: Annotated[Paging, Depends()]
    ) -> MemberPage:
        """List a registry's members."""
        found = await self._registries.members(caller, address, paging.after, paging.limit)
        page, following = paging.cut(found, lambda member: member.name)
        return MemberPage(items=[Member(name=member.name, role=member.role) for member in page], next=following)

    async def get_member(self, caller: FromCaller, address: InRegistry, user: InUser, tagged: ToTag) -> Member:
        """Show a person's role on the whole registry."""
        found = await self._registries.member(caller, address, user)
        return tagged(Member(name=found.name, role=found.role))

    async def set_member(
        self, caller: FromCaller, address: InRegistry, user: InUser, sent: NewRole, match: OnSet, tagged: ToTag
    ) -> Member:
        """Give a person a role in a registry, in place of the one they had."""
        await self._registries.set_member(caller, address, user, sent.role, match.on(Member.of))
        return tagged(Member(name=user, role=sent.role))

    async def remove_member(self, caller: FromCaller, address: InRegistry, user: InUser, match: OnMatch) -> None:
        """Take a person's role in a registry away."""
        await self._registries.set_member(caller, address, user, None, match.on(Member.of))
