"""Tags, one at a time, and where they have pointed."""

import re
from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import Depends, Path, Request, Response
from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.domain.digest import parse_digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.history import How
from moorage.domain.name import parse_tag
from moorage.management.conditions import OnMatch, OnSet, ToTag
from moorage.management.grammar import A_DIGEST, A_REASON, A_TAG
from moorage.management.repositories import OVERRIDE, Deletion, Override, Tag
from moorage.management.routes import FromCaller, InRepository, Route
from moorage.management.shapes import USUAL, Number, Page, Paging, Sent, key_like, moment
from moorage.services.history_records import PastMove
from moorage.services.tags import TagService

KEY = "[0-9]{1,18}"

InTag = Annotated[str, Path(description="The tag.", json_schema_extra=A_TAG)]


class Target(Sent):
    """Where a tag is to point."""

    digest: str = Field(description="That of an image of this repository.", json_schema_extra=A_DIGEST)
    how: Literal["retag", "rollback"] = Field(
        "retag", description="A rollback takes a tag back to where it has pointed, and is refused for anything else."
    )
    override: str | None = Field(None, description=OVERRIDE, json_schema_extra=A_REASON)


class Move(BaseModel):
    """A move of a tag."""

    at: datetime
    by: str = Field(description="Who moved it.")
    how: How
    digest: str | None = Field(description="Where it has pointed since; null when it was deleted.")
    previous: str | None = Field(description="Where it pointed before; null when it was new.")
    is_here: bool = Field(description="Whether the image of `digest` is still in this repository.")

    @classmethod
    def of(cls, record: PastMove) -> Self:
        """Show a record."""
        return cls(
            at=moment(record.at),
            by=record.by,
            how=record.how,
            digest=record.digest,
            previous=record.previous,
            is_here=record.is_here,
        )


class MovePage(Page[Move]):
    """Moves of a tag, newest first."""


class MovePaging(Paging):
    """Which page of moves a request asks for: its keys are whole numbers."""

    def __init__(
        self, request: Request, response: Response, after: Annotated[str, key_like(KEY)] = "", n: Number = USUAL
    ) -> None:
        super().__init__(request, response, after, n)

    @property
    def before(self) -> int | None:
        """The id of the move that the page goes on from; raise VALUE_INVALID for what is none."""
        if self.after and re.fullmatch(KEY, self.after, re.ASCII) is None:
            raise MoorageError(ErrorCode.VALUE_INVALID, "that is no key of a page before", {"field": "after"})
        return int(self.after) if self.after else None


class TagRoutes:
    """Answers for single tags."""

    def __init__(self, tags: TagService) -> None:
        self._tags = tags

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        tag = "/registries/{registry}/repositories/{repository:path}/-/tags/{tag}"
        return (
            Route("GET", tag, Action.PULL, self.get_tag),
            Route("PUT", tag, Action.PUSH, self.point_tag),
            Route("DELETE", tag, Action.DELETE, self.delete_tag),
            Route("GET", tag + "/history", Action.PULL, self.list_moves),
        )

    async def get_tag(self, caller: FromCaller, repository: InRepository, tag: InTag, tagged: ToTag) -> Tag:
        """Show a tag, and what it points to."""
        return tagged(Tag.of(await self._tags.get(caller, repository, parse_tag(tag))))

    async def point_tag(
        self, caller: FromCaller, repository: InRepository, tag: InTag, sent: Target, match: OnSet, tagged: ToTag
    ) -> Tag:
        """Let a tag, new or not, point to an image that is there."""
        digest, check = parse_digest(sent.digest), match.on(Tag.of)
        found = await self._tags.point(
            caller, repository, parse_tag(tag), digest, check, how=How(sent.how), override=sent.override
        )
        return tagged(Tag.of(found))

    async def delete_tag(
        self, caller: FromCaller, repository: InRepository, tag: InTag, match: OnMatch, override: Override = None
    ) -> Deletion:
        """Delete a tag; the image it points to stays."""
        gone = await self._tags.delete(caller, repository, parse_tag(tag), match.on(Tag.of), override=override)
        return Deletion(tags=[tag], images=[], frees=0, entry=gone.entry)

    async def list_moves(
        self, caller: FromCaller, repository: InRepository, tag: InTag, paging: Annotated[MovePaging, Depends()]
    ) -> MovePage:
        """List where a tag has pointed, newest first; that of a deleted tag stays."""
        found = await self._tags.history(caller, repository, parse_tag(tag), paging.before, paging.limit)
        page, following = paging.cut(found, lambda move: str(move.id))
        return MovePage(items=[Move.of(move) for move in page], next=following)
