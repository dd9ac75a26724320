"""Verification: how it stands, what it has found, and a round that is asked for."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field

from moorage.domain.access import Action
from moorage.domain.damage import Fault
from moorage.management.routes import FromCaller, Route
from moorage.management.shapes import Page, Paging, moment
from moorage.services import verify_records as records
from moorage.services.repair import RepairService
from moorage.services.verify import VerifyService


class Round(BaseModel):
    """One way through everything that is stored."""

    started_at: datetime | None = Field(description="Null where it was asked for and has not begun.")
    ended_at: datetime | None = Field(description="Null while it is under way.")
    asked_by: str | None = Field(description="Who asked for it; null where the clock did.")
    images: int = Field(description="Images compared.")
    blobs: int = Field(description="Blobs read.")
    bytes: int = Field(description="Their bytes.")
    all_images: int = Field(description="Images there were when it began.")
    all_blobs: int = Field(description="Blobs there were then.")
    all_bytes: int = Field(description="Their bytes.")
    unread: int = Field(description="Blobs of which the store gave neither bytes nor said that there are none.")


class Verification(BaseModel):
    """How verification stands."""

    open: Round | None = Field(description="The round under way.")
    last: Round | None = Field(description="The last round that ended.")
    damaged_blobs: int = Field(description="Blobs in quarantine now.")
    damaged_images: int = Field(description="Images whose own row is damaged now.")


class Damage(BaseModel):
    """Content that is damaged."""

    digest: str
    kind: str = Field(description="`blob`, or `image` where it is an image's own row.")
    size: int = Field(description="The bytes it should have.")
    fault: Fault = Field(description="What is wrong with it.")
    reason: str = Field(description="The same in words.")
    found_at: datetime | None = Field(description="When a blob was found so.")
    images: list[str] = Field(description="Some of the images it breaks, by their tags where they have some.")
    repositories: list[str] = Field(description="Some of the repositories that have it.")
    repair: str = Field(description="What to do.")


class DamagePage(Page[Damage]):
    """A part of the list of damages."""


class Repaired(BaseModel):
    """What a repair did."""

    healed: list[str] = Field(description="Blobs by their digest, images by their full name.")
    left: int = Field(description="How much is damaged still.")


class VerificationRoutes:
    """Answers for verification."""

    def __init__(self, verify: VerifyService, repair: RepairService) -> None:
        self._verify = verify
        self._repair = repair

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        return (
            Route("GET", "/storage/verification", Action.ADMINISTER_SERVER, self.get_verification),
            Route("POST", "/storage/verification", Action.ADMINISTER_SERVER, self.start_verification, 202),
            Route("POST", "/storage/repair", Action.ADMINISTER_SERVER, self.repair),
            Route("GET", "/storage/damages", Action.ADMINISTER_SERVER, self.list_damages),
        )

    async def get_verification(self, caller: FromCaller) -> Verification:
        """Show how far verification is, and how much it has found."""
        return verification_of(await self._verify.state(caller))

    async def start_verification(self, caller: FromCaller) -> Verification:
        """Let a server read everything now; it begins within seconds."""
        await self._verify.ask(caller)
        return verification_of(await self._verify.state(caller))

    async def repair(self, caller: FromCaller) -> Repaired:
        """Heal what can be healed from what is stored here."""
        done = await self._repair.repair(caller)
        return Repaired(healed=list(done.healed), left=len(done.left))

    async def list_damages(self, caller: FromCaller, paging: Annotated[Paging, Depends()]) -> DamagePage:
        """List what is damaged, by digest."""
        found = await self._verify.damages(caller, paging.after, paging.limit)
        rows, following = paging.cut(found, lambda row: row.key)
        return DamagePage(items=[damage_of(row) for row in rows], next=following)


def verification_of(found: records.Verification) -> Verification:
    """Return it as JSON has it."""
    return Verification(
        open=_round_of(found.open) if found.open else None,
        last=_round_of(found.last) if found.last else None,
        damaged_blobs=found.damaged.blobs,
        damaged_images=found.damaged.images,
    )


def damage_of(found: records.Damage) -> Damage:
    """Return it as JSON has it."""
    return Damage(
        digest=found.digest,
        kind="image" if found.is_image else "blob",
        size=found.size,
        fault=found.fault,
        reason=found.fault.sentence,
        found_at=moment(found.found_at) if found.found_at is not None else None,
        images=list(found.images),
        repositories=list(found.repositories),
        repair=found.remedy,
    )


def _round_of(found: records.Round) -> Round:
    return Round(
        started_at=moment(found.started_at) if found.started_at else None,
        ended_at=moment(found.ended_at) if found.ended_at is not None else None,
        asked_by=found.asked_by or None,
        images=found.done.images,
        blobs=found.done.blobs,
        bytes=found.done.bytes,
        all_images=found.whole.images,
        all_blobs=found.whole.blobs,
        all_bytes=found.whole.bytes,
        unread=found.unread,
    )
