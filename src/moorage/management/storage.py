"""What is stored, and its collection."""

from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.management.routes import FromCaller, Route
from moorage.services.collect import CollectService


class Usage(BaseModel):
    """What is stored, in bytes."""

    stored: int = Field(description="On disk.")
    linked: int = Field(description="Of that: what some image needs, one that can be restored too.")
    trash: int = Field(description="Of that in turn: what only images that were deleted and can be restored need.")
    waiting: int = Field(description="Of that: what nothing has any more and waits for collection.")
    uploads: int = Field(description="In uploads that have not ended.")


class Collected(BaseModel):
    """What a collection did."""

    blobs: int = Field(description="How many were dropped.")
    freed: int = Field(description="Their bytes.")
    uploads: int = Field(description="How many abandoned uploads were ended.")
    usage: Usage = Field(description="What is stored now.")


class StorageRoutes:
    """Answers for storage."""

    def __init__(self, collect: CollectService) -> None:
        self._collect = collect

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
        )

    async def collect(self, caller: FromCaller) -> Collected:
        """Give back what nothing needs and no lease protects, now."""
        done = await self._collect.collect(caller)
        usage = await self.get_usage(caller)
        return Collected(blobs=done.blobs, freed=done.freed, uploads=done.uploads, usage=usage)
