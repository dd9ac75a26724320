"""Registries that are deleted, or were and can still be restored."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Path
from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.management.conditions import OnMatch, ToTag
from moorage.management.grammar import A_REPOSITORY
from moorage.management.registries import Registry
from moorage.management.repositories import (
    Image,
    ImagePage,
    ImagePaging,
    Override,
    Repository,
    RepositoryPage,
    Tag,
    TagPage,
)
from moorage.management.routes import FromCaller, InRegistry, Route
from moorage.management.shapes import Page, Paging, moment
from moorage.management.trash import LARGEST_ENTRY, DeletedEntry, Freed, NumberPaging
from moorage.services import registry_trash_records as records
from moorage.services.registry_trash import RegistryTrashService

InDeleted = Annotated[int, Path(description="The deletion's number.", ge=1, le=LARGEST_ENTRY)]
Inside = Annotated[
    str, Path(description="The repository's name in the registry, slashes and all.", json_schema_extra=A_REPOSITORY)
]


class RegistryDeletionPlan(BaseModel):
    """What deleting a registry would take."""

    repositories: int = Field(description="How many repositories.")
    tags: int = Field(description="How many tags they have.")
    images: int = Field(description="How many images they have.")
    deletions: int = Field(description="How many deletions in it could still be restored.")
    grants: int = Field(description="How many roles somebody has in it.")
    robots: int = Field(description="How many robots are its own.")
    frees: int = Field(description="Bytes that no other registry needs.")
    trash_days: int = Field(description="For how many days it could be restored; 0 is not at all.")
    last_pulled_at: datetime | None = Field(description="Last pull from it, to some seconds.")
    pulled_by: str | None = Field(description="Whose the last known pull is; empty for somebody who was not signed in.")

    @classmethod
    def of(cls, outlook: records.RegistryOutlook) -> Self:
        """Show a record."""
        contents = outlook.contents
        return cls(
            repositories=contents.repositories,
            tags=contents.tags,
            images=contents.images,
            deletions=contents.deletions,
            grants=contents.grants,
            robots=contents.robots,
            frees=contents.frees,
            trash_days=outlook.registry.trash_days,
            last_pulled_at=None if contents.pulled_at is None else moment(contents.pulled_at),
            pulled_by=contents.pulled_by,
        )


class RegistryDeletion(BaseModel):
    """What was deleted."""

    repositories: int
    tags: int
    images: int
    frees: int = Field(description="Bytes that no other registry needs; they come free with what was deleted.")
    entry: int | None = Field(description="Its number among what can be restored; null if it is gone at once.")

    @classmethod
    def of(cls, record: records.DeletedRegistry) -> Self:
        """Show a record."""
        entry = record.entry
        return cls(
            repositories=entry.repositories,
            tags=entry.tags,
            images=entry.images,
            frees=entry.frees,
            entry=entry.id if record.registry.trash_days else None,
        )


class DeletedRegistry(DeletedEntry):
    """A registry whose deletion can be undone: `name` is the address that it had."""

    repositories: int = Field(0, description="How many repositories it has.")
    registry: str = Field("", description="Its name, as it was typed.")

    @classmethod
    def showing(cls, record: records.DeletedRegistry) -> Self:
        """Show a record."""
        shown = cls.of(record.entry)
        shown.repositories = record.entry.repositories
        shown.registry = record.registry.name
        return shown


class DeletedRegistryPage(Page[DeletedRegistry]):
    """Deleted registries, the newest first; the key of a page is a number."""


class DeletedRegistryRoutes:
    """Answers for registries in the trash."""

    def __init__(self, trash: RegistryTrashService) -> None:
        self._trash = trash

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        here, owner = "/registries/{registry}", Action.ADMINISTER_REGISTRY
        every, one = "/deleted-registries", "/deleted-registries/{deleted}"
        return (
            Route("GET", here + "/deletion", owner, self.plan_registry_deletion),
            Route("DELETE", here, owner, self.delete_registry),
            Route("GET", every, Action.SIGNED_IN, self.list_deleted_registries),
            Route("GET", one, owner, self.get_deleted_registry),
            Route("GET", one + "/repositories", owner, self.list_deleted_repositories),
            Route("GET", one + "/repositories/{inside:path}/-/tags", owner, self.list_tags_of_deleted),
            Route("GET", one + "/repositories/{inside:path}/-/images", owner, self.list_images_of_deleted),
            Route("POST", one + "/restore", owner, self.restore_registry),
            Route("DELETE", one, owner, self.free_registry),
        )

    async def plan_registry_deletion(self, caller: FromCaller, address: InRegistry) -> RegistryDeletionPlan:
        """Say what deleting a registry takes and frees; nothing is deleted."""
        return RegistryDeletionPlan.of(await self._trash.outlook(caller, address))

    async def delete_registry(
        self, caller: FromCaller, address: InRegistry, match: OnMatch, override: Override = None
    ) -> RegistryDeletion:
        """Delete a registry with all it has."""
        check = match.on(Registry.of)
        return RegistryDeletion.of(await self._trash.delete(caller, address, check, override=override))

    async def list_deleted_registries(
        self, caller: FromCaller, paging: Annotated[NumberPaging, Depends()]
    ) -> DeletedRegistryPage:
        """List the deleted registries that you may restore."""
        found = await self._trash.list(caller, paging.before, paging.limit)
        page, following = paging.cut(found, lambda record: str(record.entry.id))
        return DeletedRegistryPage(items=[DeletedRegistry.showing(record) for record in page], next=following)

    async def get_deleted_registry(self, caller: FromCaller, deleted: InDeleted, tagged: ToTag) -> DeletedRegistry:
        """Show a deleted registry."""
        return tagged(DeletedRegistry.showing(await self._trash.get(caller, deleted)))

    async def list_deleted_repositories(
        self, caller: FromCaller, deleted: InDeleted, paging: Annotated[Paging, Depends()]
    ) -> RepositoryPage:
        """List what a deleted registry has."""
        found = await self._trash.repositories(caller, deleted, paging.after, paging.limit)
        page, following = paging.cut(found, lambda repository: repository.name.path)
        return RepositoryPage(items=[Repository.of(repository) for repository in page], next=following)

    async def list_tags_of_deleted(
        self, caller: FromCaller, deleted: InDeleted, inside: Inside, paging: Annotated[ImagePaging, Depends()]
    ) -> TagPage:
        """List the tags of a repository of a deleted registry, the newest first."""
        found = await self._trash.tags(caller, deleted, inside, paging.after, paging.limit)
        page, following = paging.part(found)
        return TagPage(items=[Tag.of(tag) for tag in page], next=following)

    async def list_images_of_deleted(
        self, caller: FromCaller, deleted: InDeleted, inside: Inside, paging: Annotated[ImagePaging, Depends()]
    ) -> ImagePage:
        """List the images of a repository of a deleted registry, the newest first."""
        found = await self._trash.images(caller, deleted, inside, paging.after, paging.limit)
        page, following = paging.part(found)
        return ImagePage(items=[Image.of(image) for image in page], next=following)

    async def restore_registry(self, caller: FromCaller, deleted: InDeleted, match: OnMatch) -> DeletedRegistry:
        """Bring a registry back with all it had, under its name, if that is free."""
        return DeletedRegistry.showing(await self._trash.restore(caller, deleted, match.on(DeletedRegistry.showing)))

    async def free_registry(self, caller: FromCaller, deleted: InDeleted, match: OnMatch) -> Freed:
        """Free the space of a deleted registry now; it can't be restored any more."""
        found = await self._trash.free(caller, deleted, match.on(DeletedRegistry.showing))
        return Freed(entries=1, frees=found.entry.frees)
