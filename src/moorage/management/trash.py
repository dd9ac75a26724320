"""What was deleted and can still be restored."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Path, Request, Response
from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.management.conditions import OnMatch, ToTag
from moorage.management.repositories import Image, ImagePage, ImagePaging, Tag, TagPage
from moorage.management.routes import FromCaller, InRegistry, InRepository, Route
from moorage.management.shapes import USUAL, Number, Page, Paging, key_like, moment
from moorage.services import trash_records
from moorage.services.registries import RegistryService
from moorage.services.trash import TrashService
from moorage.services.trash_records import DeletionKind

LARGEST_ENTRY = 2**53 - 1
"""As large a number as every program reads from JSON."""

InEntry = Annotated[int, Path(description="The deletion's number.", ge=1, le=LARGEST_ENTRY)]


class DeletedEntry(BaseModel):
    """A deletion that can be undone."""

    id: int = Field(description="Its number.")
    kind: DeletionKind = Field(description="What was deleted: tags alone, images, or the whole repository.")
    name: str = Field(description="Where it was: the repository with its registry, as `dmc/team/app`.")
    some: list[str] = Field(description="The first of the tags that went, or of the digests where no tag did.")
    tags: int = Field(description="How many tags went.")
    images: int = Field(description="How many images went.")
    frees: int = Field(description="Bytes that come free when its time is over, as far as was known when it went.")
    deleted_at: datetime
    deleted_by: str
    why: str = Field(description="Empty for by hand; `/v2/` where a container client asked for it.")
    request_id: str = Field(description="The request that deleted it.")
    run: int | None = Field(description="The run of retention that let it go; null where somebody deleted it.")
    expires_at: datetime = Field(description="Till then it can be restored; longer where the server was stopped since.")

    @classmethod
    def of(cls, record: trash_records.DeletedEntry) -> Self:
        """Show a record."""
        return cls(
            id=record.id,
            kind=record.kind,
            name=record.name,
            some=list(record.some),
            tags=record.tags,
            images=record.images,
            frees=record.frees,
            deleted_at=moment(record.deleted_at),
            deleted_by=record.deleted_by,
            why=record.why,
            request_id=record.request_id,
            run=record.run,
            expires_at=moment(record.expires_at),
        )


class DeletedPage(Page[DeletedEntry]):
    """Deletions, the newest first; the key of a page is a number."""


class Restored(BaseModel):
    """What came back."""

    name: str
    tags: list[str] = Field(description="Tags that are there again.")
    left: list[str] = Field(description="Tags that point elsewhere by now, and were left alone.")
    missing: list[str] = Field(description="Tags whose image is not there any more.")

    @classmethod
    def of(cls, record: trash_records.Restored) -> Self:
        """Show a record."""
        return cls(name=record.entry.name, tags=list(record.tags), left=list(record.left), missing=list(record.missing))


class Freed(BaseModel):
    """What comes free within a minute."""

    entries: int = Field(description="How many deletions.")
    frees: int = Field(description="Bytes.")


class Space(BaseModel):
    """What a registry or repository takes on disk, in bytes: every layer once."""

    size: int = Field(description="In use: by its images, and by what waits for an image or for clean-up.")
    deleted: int = Field(description="What comes free with what was deleted and can be restored.")
    stored: int = Field(description="All that it has, what was deleted too.")


class NumberPaging(Paging):
    """Which page a request asks for of a list whose keys are numbers."""

    def __init__(
        self,
        request: Request,
        response: Response,
        after: Annotated[str, key_like("[1-9][0-9]{0,15}")] = "",
        n: Number = USUAL,
    ) -> None:
        super().__init__(request, response, after, n)
        self.before = int(after) if after.isdecimal() and after.isascii() else None


class TrashRoutes:
    """Answers for what was deleted."""

    def __init__(self, trash: TrashService, registries: RegistryService) -> None:
        self._trash = trash
        self._registries = registries

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        every = "/registries/{registry}/deleted"
        repository = "/registries/{registry}/repositories/{repository:path}/-"
        one = repository + "/deleted/{entry}"
        return (
            Route("GET", every, Action.PULL, self.list_deleted),
            Route("DELETE", every, Action.ADMINISTER_REGISTRY, self.free_all_deleted),
            Route("GET", "/registries/{registry}/space", Action.DELETE, self.get_space),
            Route("GET", repository + "/space", Action.DELETE, self.get_repository_space),
            Route("GET", one, Action.DELETE, self.get_deleted),
            Route("GET", one + "/tags", Action.DELETE, self.list_deleted_tags),
            Route("GET", one + "/images", Action.DELETE, self.list_deleted_images),
            Route("POST", one + "/restore", Action.DELETE, self.restore_deleted),
            Route("DELETE", one, Action.ADMINISTER_REGISTRY, self.free_deleted),
        )

    async def list_deleted(
        self, caller: FromCaller, address: InRegistry, paging: Annotated[NumberPaging, Depends()]
    ) -> DeletedPage:
        """List what was deleted in a registry and you may restore."""
        found = await self._trash.list(caller, address, paging.before, paging.limit)
        page, following = paging.cut(found, lambda entry: str(entry.id))
        return DeletedPage(items=[DeletedEntry.of(entry) for entry in page], next=following)

    async def get_space(self, caller: FromCaller, address: InRegistry) -> Space:
        """Show how much space a registry takes, and how much of it can be freed."""
        found = await self._registries.space(caller, address)
        return Space(size=found.size, deleted=found.deleted or 0, stored=found.stored or found.size)

    async def get_repository_space(self, caller: FromCaller, repository: InRepository) -> Space:
        """Show how much space a repository takes, and how much of it can be freed."""
        found, stored = await self._trash.space(caller, repository)
        return Space(size=found.size, deleted=found.deleted, stored=stored)

    async def free_all_deleted(self, caller: FromCaller, address: InRegistry) -> Freed:
        """Free the space of all that was deleted in a registry; nothing of it can be restored any more."""
        freed = await self._trash.free_all(caller, address)
        return Freed(entries=len(freed), frees=sum(entry.frees for entry in freed))

    async def get_deleted(
        self, caller: FromCaller, repository: InRepository, entry: InEntry, tagged: ToTag
    ) -> DeletedEntry:
        """Show a deletion."""
        return tagged(DeletedEntry.of(await self._trash.get(caller, repository, entry)))

    async def list_deleted_tags(
        self, caller: FromCaller, repository: InRepository, entry: InEntry, paging: Annotated[ImagePaging, Depends()]
    ) -> TagPage:
        """List the tags that went with their images, the newest first."""
        found = await self._trash.tags(caller, repository, entry, paging.after, paging.limit)
        page, following = paging.part(found)
        return TagPage(items=[Tag.of(record) for record in page], next=following)

    async def list_deleted_images(
        self, caller: FromCaller, repository: InRepository, entry: InEntry, paging: Annotated[ImagePaging, Depends()]
    ) -> ImagePage:
        """List the images that went, the newest first."""
        found = await self._trash.images(caller, repository, entry, paging.after, paging.limit)
        page, following = paging.part(found)
        return ImagePage(items=[Image.of(record) for record in page], next=following)

    async def restore_deleted(
        self, caller: FromCaller, repository: InRepository, entry: InEntry, match: OnMatch
    ) -> Restored:
        """Bring back what was deleted, with its tags; one that points elsewhere by now is left alone."""
        return Restored.of(await self._trash.restore(caller, repository, entry, match.on(DeletedEntry.of)))

    async def free_deleted(self, caller: FromCaller, repository: InRepository, entry: InEntry, match: OnMatch) -> Freed:
        """Free the space of a deletion now; it can't be restored any more."""
        freed = await self._trash.free(caller, repository, entry, match.on(DeletedEntry.of))
        return Freed(entries=1, frees=freed.frees)
