"""Repositories, their tags and their images.

A repository's name has slashes of its own. `/-/` divides it from what is asked of it, as in `team/app/-/tags`: no part
of a name begins with a dash.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.domain.digest import parse_digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import is_digest, parse_tag
from moorage.domain.place import PLACE
from moorage.management.conditions import Counting, OnMatch, ToTag
from moorage.management.grammar import A_DESCRIPTION, A_DIGEST, A_REASON, A_REFERENCE, A_TAG
from moorage.management.routes import FromCaller, InRegistry, InRepository, Route
from moorage.management.shapes import USUAL, Number, Page, Paging, Sent, key_like, moment
from moorage.services import records
from moorage.services.catalog import CatalogService
from moorage.services.page_records import Part

PlacedT = TypeVar("PlacedT", records.TagRecord, records.ImageRecord)

MATCHING_LENGTH = 128

InDigest = Annotated[str, Path(description="Its digest.", json_schema_extra=A_DIGEST)]
OVERRIDE = "Why tags go or move although a rule holds them. Takes an owner, and stands in activity."
Override = Annotated[str | None, Query(description=OVERRIDE, json_schema_extra=A_REASON)]
Reference = Annotated[str, Path(description="A tag or a digest.", json_schema_extra=A_REFERENCE)]


class RepositoryChanges(Sent):
    """What to change of a repository."""

    description: str = Field(description="At most 200 characters.", json_schema_extra=A_DESCRIPTION)


class Repository(Counting, BaseModel):
    """A repository."""

    COUNTED: ClassVar = frozenset({"pulls", "last_pulled_at"})

    name: str = Field(description="Its name in the registry, as `team/app`.")
    image: str = Field(description="The name of its images behind the server's, as `dmc/team/app`.")
    description: str
    created_at: datetime
    pushed_at: datetime = Field(description="Last push.")
    pushed_by: str = Field(description="The person who pushed last.")
    tags: int = Field(description="How many it has.")
    size: int = Field(description="Bytes; layers that its images share count once.")
    deleted: int = Field(description="Bytes that come free with what was deleted from it and can be restored.")
    pulls: int = Field(description="How often an image was pulled.")
    pushes: int = Field(description="How often one was pushed.")
    last_pulled_at: datetime | None = Field(description="Last pull, to some seconds.")

    @classmethod
    def of(cls, record: records.RepositoryRecord) -> Self:
        """Show a record."""
        return cls(
            name=record.name.path,
            image=str(record.name),
            description=record.description,
            created_at=moment(record.created_at),
            pushed_at=moment(record.pushed_at),
            pushed_by=record.pushed_by,
            tags=record.tags,
            size=record.size,
            deleted=record.deleted,
            pulls=record.pulls,
            pushes=record.pushes,
            last_pulled_at=None if record.last_pulled_at is None else moment(record.last_pulled_at),
        )


class RepositoryPage(Page[Repository]):
    """Repositories by name, which is the key of a page."""


class Content(BaseModel):
    """What tags and images have in common."""

    digest: str
    media_type: str
    artifact_type: str | None = Field(description="What it is, where it is no ordinary image.")
    is_index: bool = Field(description="Whether it only names images, one for each platform.")
    platforms: list[str] = Field(description="As `linux/arm64/v8`.")
    size: int = Field(description="Bytes; of an index, those of all its platforms.")
    pushed_at: datetime
    pushed_by: str

    @classmethod
    def _shared(cls, record: records.TagRecord | records.ImageRecord) -> Mapping[str, object]:
        return {
            "digest": record.digest,
            "media_type": record.media_type,
            "artifact_type": record.artifact_type,
            "is_index": record.is_index,
            "platforms": list(record.platforms),
            "size": record.size,
            "pushed_at": moment(record.pushed_at),
            "pushed_by": record.pushed_by,
        }


class Tag(Content):
    """A tag, and the image it points to."""

    name: str

    @classmethod
    def of(cls, record: records.TagRecord) -> Self:
        """Show a record."""
        return cls.model_validate({**cls._shared(record), "name": record.name})


class TagPage(Page[Tag]):
    """Tags; the key of a page is the time and name of a tag, or its name in a list by name.

    A page of what matches may have fewer than were asked for, or none, and a next one: it looks no further than so far.
    """


class Image(Content):
    """An image."""

    annotations: dict[str, str]
    subject: str | None = Field(description="Digest of the image this one is attached to.")
    tags: list[str] = Field(description="Those that point to it.")
    parents: list[str] = Field(description="Digests of the indexes that name it.")

    @classmethod
    def of(cls, record: records.ImageRecord) -> Self:
        """Show a record."""
        own = {
            "annotations": dict(record.annotations),
            "subject": record.subject,
            "tags": list(record.tags),
            "parents": list(record.parents),
        }
        return cls.model_validate({**cls._shared(record), **own})


class ImagePage(Page[Image]):
    """Images, newest first; the key of a page is the time and digest of an image.

    A page may have fewer than were asked for, or none, and a next one: it looks no further than so far.
    """


class WholeImage(Image):
    """An image, with those of an index's platforms that are here."""

    children: list[Image]

    @classmethod
    def whole(cls, family: Sequence[records.ImageRecord]) -> Self:
        """Show an image and its children."""
        children = [Image.of(child) for child in family[1:]]
        return cls(**Image.of(family[0]).model_dump(), children=children)


class Deletion(BaseModel):
    """What was deleted."""

    tags: list[str]
    images: list[str] = Field(description="Digests.")
    frees: int = Field(description="Bytes that nothing else needs; they come free with what was deleted.")
    entry: int | None = Field(None, description="Its number among what can be restored; null if it is gone at once.")

    @classmethod
    def of(cls, deletion: records.Deletion) -> Self:
        """Show a record."""
        return cls(tags=list(deletion.tags), images=list(deletion.images), frees=deletion.frees, entry=deletion.entry)


class DeletionPlan(BaseModel):
    """What a deletion would take."""

    tags: list[str]
    images: list[str] = Field(description="Digests: of the image, and of platforms and attachments that only it needs.")
    frees: int = Field(description="Bytes that nothing else needs: layers that others share are not counted.")
    trash_days: int = Field(description="For how many days it could be restored; 0 is not at all.")
    last_pulled_at: datetime | None = Field(description="Last pull from the repository, to some seconds.")
    pulled_at: datetime | None = Field(description="Last known pull of what goes, to an hour; of a tag, its image.")
    pulled_by: str | None = Field(description="Whose pull that was; empty for somebody who was not signed in.")


class ImagePaging(Paging):
    """Which page of images a request asks for: its keys are times with a digest."""

    def __init__(
        self,
        request: Request,
        response: Response,
        after: Annotated[str, key_like(PLACE.pattern)] = "",
        n: Number = USUAL,
    ) -> None:
        super().__init__(request, response, after, n)

    def part(self, found: Part[PlacedT]) -> tuple[Sequence[PlacedT], str | None]:
        """Return the rows of the page, newest first, and the address of the next page; see `cut`."""
        return self.cut(found.rows, lambda row: str(row.place), found.stopped and str(found.stopped))


class RepositoryRoutes:
    """Answers for repositories."""

    def __init__(self, catalog: CatalogService) -> None:
        self._catalog = catalog

    def rows(self) -> tuple[Route, ...]:
        """Return the table; a repository's own rows come last, since its name would swallow the others."""
        every = "/registries/{registry}/repositories"
        one = every + "/{repository:path}"
        image = one + "/-/images/{reference}"
        return (
            Route("GET", every, Action.PULL, self.list_repositories),
            Route("GET", one + "/-/tags", Action.PULL, self.list_tags),
            Route("GET", one + "/-/images", Action.PULL, self.list_images),
            Route("GET", image, Action.PULL, self.get_image),
            Route("DELETE", image, Action.DELETE, self.delete_image),
            Route("GET", one + "/-/deletion", Action.DELETE, self.plan_deletion),
            Route("GET", one, Action.PULL, self.get_repository),
            Route("PATCH", one, Action.DESCRIBE, self.change_repository),
            Route("DELETE", one, Action.DELETE, self.delete_repository),
        )

    async def list_repositories(
        self, caller: FromCaller, address: InRegistry, paging: Annotated[Paging, Depends()]
    ) -> RepositoryPage:
        """List a registry's repositories."""
        found = await self._catalog.repositories(caller, address, paging.after, paging.limit)
        page, following = paging.cut(found, lambda record: record.name.path)
        return RepositoryPage(items=[Repository.of(record) for record in page], next=following)

    async def list_tags(
        self,
        caller: FromCaller,
        repository: InRepository,
        paging: Annotated[Paging, Depends()],
        order: Annotated[Literal["newest", "name"], Query(description="Newest first, or by name.")] = "newest",
        matching: Annotated[str, Query(max_length=MATCHING_LENGTH, description="A part of the name.")] = "",
    ) -> TagPage:
        """List a repository's tags."""
        found = await self._catalog.tags(
            caller, repository, order=order, after=paging.after, limit=paging.limit, matching=matching
        )
        stopped = found.stopped and found.stopped.within(order)
        page, following = paging.cut(found.rows, lambda record: record.key(order), stopped)
        return TagPage(items=[Tag.of(record) for record in page], next=following)

    async def list_images(
        self,
        caller: FromCaller,
        repository: InRepository,
        paging: Annotated[ImagePaging, Depends()],
        *,
        untagged: Annotated[bool, Query(description="Only those that no tag, index or subject leads to.")] = False,
    ) -> ImagePage:
        """List a repository's images."""
        found = await self._catalog.images(
            caller, repository, untagged=untagged, after=paging.after, limit=paging.limit
        )
        page, following = paging.part(found)
        return ImagePage(items=[Image.of(record) for record in page], next=following)

    async def get_image(
        self, caller: FromCaller, repository: InRepository, reference: Reference, tagged: ToTag
    ) -> WholeImage:
        """Show an image."""
        wanted = reference if is_digest(reference) else parse_tag(reference)
        record = await self._catalog.image(caller, repository, wanted)
        children = await self._catalog.children(caller, repository, record.digest)
        return tagged(WholeImage.whole((record, *children)))

    async def delete_image(
        self,
        caller: FromCaller,
        repository: InRepository,
        reference: InDigest,
        match: OnMatch,
        override: Override = None,
    ) -> Deletion:
        """Delete an image with all its tags, and the platforms and attachments that only it needs."""
        digest, check = parse_digest(reference), match.on(WholeImage.whole)
        return _something(await self._catalog.delete(caller, repository, (digest,), (), check, override=override))

    async def plan_deletion(
        self,
        caller: FromCaller,
        repository: InRepository,
        tag: Annotated[str, Query(description="Of this tag alone.", json_schema_extra=A_TAG)] = "",
        digest: Annotated[str, Query(description="Of the image of this digest.", json_schema_extra=A_DIGEST)] = "",
    ) -> DeletionPlan:
        """Say what deleting a tag, an image or the whole repository takes and frees; nothing is deleted."""
        tags = (parse_tag(tag),) if tag else ()
        digests = (parse_digest(digest),) if digest else ()
        outlook = await self._catalog.outlook(caller, repository, digests if tags or digests else None, tags)
        pulled = outlook.repository.last_pulled_at
        return DeletionPlan(
            tags=list(outlook.deletion.tags),
            images=list(outlook.deletion.images),
            frees=outlook.deletion.frees,
            trash_days=outlook.trash_days,
            last_pulled_at=None if pulled is None else moment(pulled),
            pulled_at=outlook.pulled and moment(outlook.pulled.at),
            pulled_by=outlook.pulled and outlook.pulled.by,
        )

    async def get_repository(self, caller: FromCaller, repository: InRepository, tagged: ToTag) -> Repository:
        """Show a repository."""
        return tagged(Repository.of(await self._catalog.repository(caller, repository)))

    async def change_repository(
        self, caller: FromCaller, repository: InRepository, sent: RepositoryChanges, match: OnMatch, tagged: ToTag
    ) -> Repository:
        """Change a repository's description."""
        await self._catalog.describe(caller, repository, sent.description, match.on(Repository.of))
        return tagged(Repository.of(await self._catalog.repository(caller, repository)))

    async def delete_repository(
        self, caller: FromCaller, repository: InRepository, match: OnMatch, override: Override = None
    ) -> Deletion:
        """Delete a repository with all its images."""
        check = match.on(Repository.of)
        return Deletion.of(await self._catalog.delete_repository(caller, repository, check, override=override))


def _something(deletion: records.Deletion) -> Deletion:
    if not deletion.tags and not deletion.images:
        raise MoorageError(ErrorCode.MANIFEST_UNKNOWN)
    return Deletion.of(deletion)
