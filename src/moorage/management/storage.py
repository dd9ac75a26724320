"""What is stored, and its collection."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends
from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.domain.quota import Level, note
from moorage.domain.room import Scarcity
from moorage.management.routes import FromCaller, Route
from moorage.management.shapes import Page, Paging, moment
from moorage.services import storage_records as records
from moorage.services.cleanup import CleanupService
from moorage.services.collect import CollectService
from moorage.services.disk import DiskService, Place
from moorage.services.registries import RegistryService
from moorage.services.server_quota import ServerQuotaService
from moorage.services.usage_ports import ServerUse


class ServerQuota(BaseModel):
    """What all registries hold of the quota in the server's settings, in bytes; a quota of null is no limit."""

    quota: int | None = Field(description="How much they may hold together.")
    used: int = Field(description="Bytes they hold, every layer once, what can be restored included.")
    left: int | None = Field(description="Bytes that may still be pushed; null without a quota.")
    level: Level = Field(description="free (no quota), room, warning (80 % and more) or full (pushes are refused).")
    note: str = Field(description="Says what has to go, where more is held than the quota allows.")

    @classmethod
    def of(cls, found: ServerUse) -> Self:
        """Show what the server holds."""
        allowance = found.allowance
        return cls(
            quota=found.quota,
            used=found.used,
            left=allowance and allowance.left,
            level=Level.FREE if allowance is None else allowance.level,
            note="" if allowance is None else note(allowance),
        )


class Room(BaseModel):
    """The disk that blobs lie on, in bytes."""

    total: int
    free: int
    scarcity: Scarcity = Field(description="plenty, low (less than 10 % are free) or short (less than 3 %).")


class Cleanup(BaseModel):
    """A collection that ended."""

    started_at: datetime
    ended_at: datetime
    asked_by: str = Field(description="Who asked for it; empty for nobody.")
    blobs: int = Field(description="How many were dropped.")
    freed: int = Field(description="Their bytes.")
    uploads: int = Field(description="How many abandoned uploads were ended.")
    skipped: int = Field(description="Blobs that nothing needs, and that a lease still held.")

    @classmethod
    def of(cls, run: records.Cleanup | None) -> Self | None:
        """Show one that ended."""
        if run is None or run.ended_at is None:
            return None
        return cls(
            started_at=moment(run.started_at),
            ended_at=moment(run.ended_at),
            asked_by=run.asked_by,
            blobs=run.blobs,
            freed=run.freed,
            uploads=run.uploads,
            skipped=run.skipped,
        )


class Storage(BaseModel):
    """Where blobs are, what room is left there, and how clean-up stands."""

    place: str = Field(description="The folder, or the bucket as `s3://bucket/prefix`.")
    room: Room | None = Field(description="Null in a bucket, which has no limit known, and where no disk answers.")
    last: Cleanup | None = Field(description="The last collection, of whichever server.")
    asked_by: str | None = Field(description="Who has asked for the one that is about to run or runs; null for none.")
    next_at: datetime | None = Field(description="When the next one is due; null where none comes by itself.")
    unfinished: int = Field(description="Uploads that have not ended.")
    oldest: datetime | None = Field(description="When the oldest of them began.")

    @classmethod
    def of(cls, place: Place, state: records.Cleaning) -> Self:
        """Show both."""
        room, oldest = place.room, state.unfinished.oldest
        return cls(
            place=place.name,
            room=room and Room(total=room.total, free=room.free, scarcity=room.scarcity),
            last=Cleanup.of(state.last),
            asked_by=state.asked and state.asked.asked_by,
            next_at=None if state.next_at is None else moment(state.next_at),
            unfinished=state.unfinished.uploads,
            oldest=None if oldest is None else moment(oldest),
        )


class RegistrySpace(BaseModel):
    """What a registry takes, in bytes."""

    name: str
    address: str
    size: int = Field(description="In use.")
    only_here: int | None = Field(description="Of that: layers that no other registry has in use; see `as_of`.")
    deleted: int = Field(description="What comes free with what was deleted and can be restored.")
    stored: int = Field(description="All that it has, what was deleted too.")


class RegistrySpacePage(Page[RegistrySpace]):
    """Registries by address, which is the key of a page."""

    as_of: datetime | None = Field(description="When what each has alone was added up; null for not yet.")


class Usage(BaseModel):
    """What is stored, in bytes."""

    stored: int = Field(description="On disk.")
    linked: int = Field(description="Of that: what some image needs, one that can be restored too.")
    trash: int = Field(description="Of that in turn: what only images that were deleted and can be restored need.")
    waiting: int = Field(description="Of that: what nothing has any more and waits for collection.")
    uploads: int = Field(description="In uploads that have not ended.")
    quota: ServerQuota = Field(description="What that is of the server's quota.")


class Collected(BaseModel):
    """What a collection did."""

    blobs: int = Field(description="How many were dropped.")
    freed: int = Field(description="Their bytes.")
    uploads: int = Field(description="How many abandoned uploads were ended.")
    usage: Usage = Field(description="What is stored now.")


@dataclass(frozen=True, slots=True)
class StorageParts:
    """What knows of the place, of clean-up, and of registries."""

    disk: DiskService
    cleanup: CleanupService
    registries: RegistryService


class StorageRoutes:
    """Answers for storage."""

    def __init__(self, collect: CollectService, server_quota: ServerQuotaService, parts: StorageParts) -> None:
        self._collect = collect
        self._server_quota = server_quota
        self._parts = parts

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        return (
            Route("GET", "/storage", Action.ADMINISTER_SERVER, self.get_usage),
            Route("GET", "/storage/place", Action.ADMINISTER_SERVER, self.get_place),
            Route("GET", "/storage/registries", Action.ADMINISTER_SERVER, self.list_spaces),
            Route("POST", "/storage/collect", Action.ADMINISTER_SERVER, self.collect),
        )

    async def get_usage(self, caller: FromCaller) -> Usage:
        """Show what is stored."""
        found = await self._collect.usage(caller)
        return Usage(
            stored=found.stored,
            linked=found.linked,
            trash=found.trash,
            waiting=found.waiting,
            uploads=found.uploads,
            quota=ServerQuota.of(await self._server_quota.get(caller)),
        )

    async def get_place(self, caller: FromCaller) -> Storage:
        """Show where blobs are, what room is left there, and how clean-up stands."""
        return Storage.of(await self._parts.disk.place(caller), await self._parts.cleanup.state(caller))

    async def list_spaces(self, caller: FromCaller, paging: Annotated[Paging, Depends()]) -> RegistrySpacePage:
        """List what each registry takes."""
        alone = await self._parts.cleanup.only_here(caller)
        found = await self._parts.registries.list(caller)
        page, following = paging.of(found, lambda summary: summary.registry.address)
        items = [
            RegistrySpace(
                name=one.registry.name,
                address=one.registry.address,
                size=one.size,
                only_here=None if alone is None else alone.bytes.get(one.registry.id),
                deleted=one.deleted or 0,
                stored=one.stored or one.size,
            )
            for one in page
        ]
        return RegistrySpacePage(items=items, next=following, as_of=None if alone is None else moment(alone.at))

    async def collect(self, caller: FromCaller) -> Collected:
        """Give back what nothing needs and no lease protects, now."""
        done = await self._collect.collect(caller)
        usage = await self.get_usage(caller)
        return Collected(blobs=done.blobs, freed=done.freed, uploads=done.uploads, usage=usage)
