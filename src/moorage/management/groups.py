"""Groups of people and robots."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from moorage.domain.access import Action
from moorage.management.conditions import OnMatch, OnSet, ToTag
from moorage.management.grammar import A_DIRECTORY, A_USER, AN_EXTERNAL
from moorage.management.routes import FromCaller, Route
from moorage.management.shapes import Page, Paging, Sent, address_for, moment
from moorage.services import records
from moorage.services.groups import GroupService
from moorage.services.records import Mirrored

InGroup = Annotated[str, Path(description="The group's name.", json_schema_extra=A_USER)]
InUser = Annotated[str, Path(description="The user name of a person or robot.", json_schema_extra=A_USER)]
DIRECTORY = "The directory that decides who is in the group; null where the server does."
EXTERNAL = "The group's name in that directory."


NEITHER: JsonDict = {"properties": {"directory": {"type": "null"}, "external": {"type": "null"}}}
BOTH: JsonDict = {
    "required": ["directory", "external"],
    "properties": {"directory": {"type": "string"}, "external": {"type": "string"}},
}


class NewGroup(Sent):
    """A group to make."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [NEITHER, BOTH]})

    name: str = Field(
        description="1 to 64 lower-case letters and digits, with single . - or _ between them.",
        json_schema_extra=A_USER,
    )
    directory: str | None = Field(None, description=DIRECTORY, json_schema_extra=A_DIRECTORY)
    external: str | None = Field(None, description=EXTERNAL, json_schema_extra=AN_EXTERNAL)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.directory is None) is not (self.external is None):
            raise ValueError("directory and external are given together")
        return self


class Group(BaseModel):
    """A group."""

    name: str
    directory: str | None = Field(description=DIRECTORY)
    external: str | None = Field(description=EXTERNAL)
    members: int = Field(description="How many are in it.")
    created_at: datetime

    @classmethod
    def of(cls, record: records.Group) -> Self:
        """Show a record."""
        return cls(
            name=record.name,
            directory=record.mirrored.directory if record.mirrored else None,
            external=record.mirrored.external if record.mirrored else None,
            members=record.members,
            created_at=moment(record.created_at),
        )


class GroupPage(Page[Group]):
    """Groups by name, which is the key of a page."""


class GroupMember(BaseModel):
    """Somebody who is in a group."""

    name: str

    @classmethod
    def of(cls, name: str) -> Self:
        """Show a member's name."""
        return cls(name=name)


class GroupMemberPage(Page[GroupMember]):
    """A group's members by name, which is the key of a page."""


class GroupRoutes:
    """Answers for groups."""

    def __init__(self, groups: GroupService) -> None:
        self._groups = groups

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        one = "/groups/{group}"
        member = one + "/members/{user}"
        return (
            Route("POST", "/groups", Action.ADMINISTER_SERVER, self.create_group, 201),
            Route("GET", "/groups", Action.ADMINISTER_SERVER, self.list_groups),
            Route("GET", one, Action.ADMINISTER_SERVER, self.get_group),
            Route("GET", member, Action.ADMINISTER_SERVER, self.get_group_member),
            Route("GET", one + "/members", Action.ADMINISTER_SERVER, self.list_group_members),
            Route("PUT", member, Action.ADMINISTER_SERVER, self.join_group, 204),
            Route("DELETE", member, Action.ADMINISTER_SERVER, self.leave_group, 204),
            Route("DELETE", one, Action.ADMINISTER_SERVER, self.delete_group, 204),
        )

    async def create_group(self, caller: FromCaller, sent: NewGroup, response: Response) -> Group:
        """Create a group."""
        mirrored = (
            Mirrored(sent.directory, sent.external)
            if sent.directory is not None and sent.external is not None
            else None
        )
        made = await self._groups.create(caller, sent.name, mirrored)
        response.headers["location"] = address_for("groups", made.name)
        return Group.of(made)

    async def list_groups(self, caller: FromCaller, paging: Annotated[Paging, Depends()]) -> GroupPage:
        """List groups."""
        found = await self._groups.list(caller, paging.after, paging.limit)
        page, following = paging.cut(found, lambda group: group.name)
        return GroupPage(items=[Group.of(group) for group in page], next=following)

    async def get_group(self, caller: FromCaller, group: InGroup, tagged: ToTag) -> Group:
        """Show a group."""
        return tagged(Group.of(await self._groups.get(caller, group)))

    async def delete_group(self, caller: FromCaller, group: InGroup, match: OnMatch) -> None:
        """Delete a group, and the roles it holds."""
        await self._groups.delete(caller, group, match.on(Group.of))

    async def list_group_members(
        self, caller: FromCaller, group: InGroup, paging: Annotated[Paging, Depends()]
    ) -> GroupMemberPage:
        """List who is in a group."""
        found = await self._groups.members(caller, group, paging.after, paging.limit)
        page, following = paging.cut(found, str)
        return GroupMemberPage(items=[GroupMember.of(name) for name in page], next=following)

    async def get_group_member(self, caller: FromCaller, group: InGroup, user: InUser, tagged: ToTag) -> GroupMember:
        """Tell whether somebody is in a group."""
        await self._groups.check_member(caller, group, user)
        return tagged(GroupMember.of(user))

    async def join_group(self, caller: FromCaller, group: InGroup, user: InUser, match: OnSet) -> None:
        """Put a person or robot into a group."""
        await self._groups.join(caller, group, user, match.on(GroupMember.of))

    async def leave_group(self, caller: FromCaller, group: InGroup, user: InUser, match: OnMatch) -> None:
        """Take a person or robot out of a group."""
        await self._groups.leave(caller, group, user, match.on(GroupMember.of))
