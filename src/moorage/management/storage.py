"""What is stored, and its collection."""

from typing import Self

from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.domain.quota import Level, note
from moorage.management.routes import FromCaller, Route
from moorage.services.collect import CollectService
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


class StorageRoutes:
    """Answers for storage."""

    def __init__(self, collect: CollectService, server_quota: ServerQuotaService) -> None:
        self._collect = collect
        self._server_quota = server_quota

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        return (
            Route("GET", "/storage", Action.ADMINISTER_SERVER, self.get_usage),
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

    async def collect(self, caller: FromCaller) -> Collected:
        """Give back what nothing needs and no lease protects, now."""
        done = await self._collect.collect(caller)
        usage = await self.get_usage(caller)
        return Collected(blobs=done.blobs, freed=done.freed, uploads=done.uploads, usage=usage)
