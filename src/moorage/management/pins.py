"""Pins: images that are in use, which retention leaves alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Path, Query
from pydantic import AwareDatetime, BaseModel, Field

from moorage.domain.access import Action
from moorage.domain.digest import parse_digest
from moorage.management.grammar import A_DIGEST
from moorage.management.routes import FromCaller, InRepository, Route
from moorage.management.shapes import Page, Paging, Sent, moment
from moorage.services import retention_records as records
from moorage.services.names import LONGEST_NAME
from moorage.services.pins import LONGEST_WHY, PinService

OfImage = Annotated[str, Path(description="The image's digest.", json_schema_extra=A_DIGEST)]
ByWhom = Annotated[
    str | None, Query(description="Whose pin; your own if it is left out.", min_length=1, max_length=LONGEST_NAME)
]


class NewPin(Sent):
    """A pin to set, in place of one's own on the image."""

    why: str = Field("", description="What the image is needed for.", max_length=LONGEST_WHY)
    until: AwareDatetime | None = Field(None, description="When it ends; null is until it is taken away.")


class Pin(BaseModel):
    """An image that somebody keeps from retention."""

    digest: str
    by: str = Field(description="Who keeps it.")
    why: str
    pinned_at: datetime
    until: datetime | None = Field(description="When it ends; null is until it is taken away.")

    @classmethod
    def of(cls, record: records.Pin) -> Self:
        """Show a record."""
        return cls(
            digest=record.digest,
            by=record.by,
            why=record.why,
            pinned_at=moment(record.pinned_at),
            until=None if record.until is None else moment(record.until),
        )


class PinPage(Page[Pin]):
    """Pins by digest and who holds them, with a space between, which is the key of a page."""


class PinRoutes:
    """Answers for pins."""

    def __init__(self, pins: PinService) -> None:
        self._pins = pins

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        every = "/registries/{registry}/repositories/{repository:path}/-/pins"
        one = every + "/{image}"
        return (
            Route("GET", every, Action.PIN, self.list_pins),
            Route("GET", one, Action.PIN, self.list_image_pins),
            Route("PUT", one, Action.PIN, self.pin_image),
            Route("DELETE", one, Action.PIN, self.unpin_image, 204),
        )

    async def list_pins(
        self, caller: FromCaller, repository: InRepository, paging: Annotated[Paging, Depends()]
    ) -> PinPage:
        """List a repository's pins that have not ended."""
        return _page(await self._pins.list(caller, repository, paging.after, paging.limit), paging)

    async def list_image_pins(
        self, caller: FromCaller, repository: InRepository, image: OfImage, paging: Annotated[Paging, Depends()]
    ) -> PinPage:
        """List the pins on one image, whoever holds them."""
        return _page(await self._pins.list(caller, repository, paging.after, paging.limit, parse_digest(image)), paging)

    async def pin_image(self, caller: FromCaller, repository: InRepository, image: OfImage, sent: NewPin) -> Pin:
        """Keep an image, its index and its tags from retention, in place of your pin on it."""
        until = None if sent.until is None else sent.until.timestamp()
        return Pin.of(await self._pins.put(caller, repository, parse_digest(image), sent.why, until))

    async def unpin_image(
        self, caller: FromCaller, repository: InRepository, image: OfImage, by: ByWhom = None
    ) -> None:
        """Take your pin on an image away, or, if you may delete there, somebody else's."""
        await self._pins.remove(caller, repository, parse_digest(image), by)


def _page(pins: Sequence[records.Pin], paging: Paging) -> PinPage:
    page, following = paging.cut(pins, lambda pin: pin.key)
    return PinPage(items=[Pin.of(pin) for pin in page], next=following)
