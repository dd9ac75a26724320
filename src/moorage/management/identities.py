"""Who in which directory has which account."""

from collections.abc import Sequence
from typing import Annotated, Self

from fastapi import Depends, Path, Response
from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.management.conditions import OnMatch, ToTag
from moorage.management.grammar import A_DIRECTORY, A_SUBJECT, A_USER
from moorage.management.routes import FromCaller, Route
from moorage.management.shapes import Page, Paging, Sent, address_for
from moorage.services.directories import DirectoryService
from moorage.services.records import LinkedIdentity

InUser = Annotated[str, Path(description="The person's user name.", json_schema_extra=A_USER)]
InDirectory = Annotated[str, Path(description="The directory's name.")]
DIRECTORY = "The directory's name in directories.toml."
SUBJECT = "What the directory knows them by, for good."


class NewIdentity(Sent):
    """Somebody in a directory, who is to have an account."""

    directory: str = Field(description=DIRECTORY, json_schema_extra=A_DIRECTORY)
    subject: str = Field(description=SUBJECT + " Of characters that can be printed.", json_schema_extra=A_SUBJECT)


class Identity(BaseModel):
    """Somebody in a directory, who has an account."""

    directory: str = Field(description=DIRECTORY)
    subject: str = Field(description=SUBJECT)

    @classmethod
    def of(cls, record: LinkedIdentity) -> Self:
        """Show a record."""
        return cls(directory=record.directory, subject=record.subject)


class LinkedDirectory(BaseModel):
    """A directory that knows somebody by an account."""

    directory: str = Field(description=DIRECTORY)
    subjects: list[str] = Field(description=SUBJECT)

    @classmethod
    def of(cls, linked: Sequence[LinkedIdentity]) -> Self:
        """Show what one directory has linked."""
        return cls(directory=linked[0].directory, subjects=[identity.subject for identity in linked])


class IdentityPage(Page[Identity]):
    """Identities by directory and subject; `directory/subject` is the key of a page."""


class IdentityRoutes:
    """Answers for identities."""

    def __init__(self, directories: DirectoryService) -> None:
        self._directories = directories

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        all_of = "/users/{user}/identities"
        return (
            Route("POST", all_of, Action.ADMINISTER_SERVER, self.link_identity, 201),
            Route("GET", all_of, Action.ADMINISTER_SERVER, self.list_identities),
            Route("GET", all_of + "/{directory}", Action.ADMINISTER_SERVER, self.get_identities),
            Route("DELETE", all_of + "/{directory}", Action.ADMINISTER_SERVER, self.unlink_identities, 204),
        )

    async def link_identity(self, caller: FromCaller, user: InUser, sent: NewIdentity, response: Response) -> Identity:
        """Let somebody a directory knows sign in to an account."""
        await self._directories.link_named(caller, user, sent.directory, sent.subject)
        response.headers["location"] = address_for("users", user, "identities")
        return Identity(directory=sent.directory, subject=sent.subject)

    async def list_identities(
        self, caller: FromCaller, user: InUser, paging: Annotated[Paging, Depends()]
    ) -> IdentityPage:
        """List whom directories know by an account."""
        linked = await self._directories.linked(caller, user)
        page, following = paging.of(linked, lambda identity: f"{identity.directory}/{identity.subject}")
        return IdentityPage(items=[Identity.of(identity) for identity in page], next=following)

    async def get_identities(
        self, caller: FromCaller, user: InUser, directory: InDirectory, tagged: ToTag
    ) -> LinkedDirectory:
        """Show whom one directory knows by an account."""
        linked = await self._directories.linked(caller, user)
        found = tuple(identity for identity in linked if identity.directory == directory)
        if not found:
            raise MoorageError(ErrorCode.NOT_FOUND, f"{user} is not linked to {directory[:64]}")
        return tagged(LinkedDirectory.of(found))

    async def unlink_identities(self, caller: FromCaller, user: InUser, directory: InDirectory, match: OnMatch) -> None:
        """Part an account from a directory; its sessions end."""
        await self._directories.unlink(caller, user, directory, match.on(LinkedDirectory.of))
