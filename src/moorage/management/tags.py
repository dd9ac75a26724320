"""Tags, one at a time."""

from typing import Annotated

from fastapi import Path
from pydantic import Field

from moorage.domain.access import Action
from moorage.domain.digest import parse_digest
from moorage.domain.name import parse_tag
from moorage.management.conditions import OnMatch, OnSet, ToTag
from moorage.management.grammar import A_DIGEST, A_TAG
from moorage.management.repositories import Deletion, Tag
from moorage.management.routes import FromCaller, InRepository, Route
from moorage.management.shapes import Sent
from moorage.services.tags import TagService

InTag = Annotated[str, Path(description="The tag.", json_schema_extra=A_TAG)]


class Target(Sent):
    """Where a tag is to point."""

    digest: str = Field(description="That of an image of this repository.", json_schema_extra=A_DIGEST)


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
        )

    async def get_tag(self, caller: FromCaller, repository: InRepository, tag: InTag, tagged: ToTag) -> Tag:
        """Show a tag, and what it points to."""
        return tagged(Tag.of(await self._tags.get(caller, repository, parse_tag(tag))))

    async def point_tag(
        self, caller: FromCaller, repository: InRepository, tag: InTag, sent: Target, match: OnSet, tagged: ToTag
    ) -> Tag:
        """Let a tag, new or not, point to an image that is there."""
        digest = parse_digest(sent.digest)
        return tagged(Tag.of(await self._tags.point(caller, repository, parse_tag(tag), digest, match.on(Tag.of))))

    async def delete_tag(self, caller: FromCaller, repository: InRepository, tag: InTag, match: OnMatch) -> Deletion:
        """Delete a tag; the image it points to stays."""
        await self._tags.delete(caller, repository, parse_tag(tag), match.on(Tag.of))
        return Deletion(tags=[tag], images=[], frees=0)
