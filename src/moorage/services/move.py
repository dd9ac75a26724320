"""A move: all blobs and rows of one Moorage are copied to another database, another store, or both.

    blobs, while servers go on ─▶ a moment ─▶ the blobs that it needs and that are not there yet ─▶ its rows
                                     └──────── another, where one of them was collected meanwhile ┘

Bytes first, then the row: rows are taken when every blob they need is there, or known to be damaged.
"""

import time
from dataclasses import dataclass

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.move_blobs import Carrier, Progress, Stores
from moorage.services.move_ports import Contents, Destination, Moment, Source

BATCH = 500
"""Blobs that are looked up at once."""

MOMENTS = 10
"""Moments that are tried, if collections take a blob away from each."""

NAMED = 5
"""Images that are named for a damaged blob, at most."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A blob that could not be copied, and images that it breaks."""

    digest: Digest
    reason: str
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run; `copied` and the like count blobs."""

    contents: Contents
    """What the source held when its rows were taken."""

    copied: int
    copied_bytes: int
    already_there: int
    damaged: tuple[Damage, ...]
    damaged_images: tuple[str, ...]
    """Images whose own bytes are not what their digest says."""

    has_rows: bool
    """Whether the destination has the rows: not where servers are at work on the very database that stays.

    Nor where something is damaged, and that was to keep them off.
    """

    is_last: bool
    """Whether no server was at work: the destination has all there is."""

    seconds: float


class MoveService:
    """One run; with `reads_again` it reads back at the destination what is there.

    Unless it `takes_damaged`, no row is brought where a blob is damaged.
    """

    def __init__(
        self,
        source: Source,
        destination: Destination,
        stores: Stores,
        progress: Progress,
        *,
        reads_again: bool = False,
        takes_damaged: bool = True,
    ) -> None:
        self._source = source
        self._destination = destination
        self._has_way = stores.destination is not None or reads_again
        self._progress = progress
        self._takes_damaged = takes_damaged
        self._carrier = Carrier(source, destination, stores, progress, reads_again=reads_again)

    async def move(self) -> Report:
        """Copy what is not there yet; raise IN_USE, or what a database or a store says against it."""
        began = time.monotonic()
        await self._destination.check()
        if self._has_way:
            async with self._source.moment() as moment:
                contents = await moment.contents()
            self._progress.begin("blobs", contents.bytes)
            await self._bring_all()
        is_last = await self._source.stands_still()
        for _ in range(MOMENTS):
            async with self._source.moment() as moment:
                if not self._has_way or await self._bring_missing(moment):
                    return await self._take(moment, began, is_last=is_last)
        message = "collections are too quick: they took away content from each moment; run it again"
        raise MoorageError(ErrorCode.UNAVAILABLE, message)

    async def _bring_all(self) -> None:
        """Bring what there is, without holding on to a moment: it may take hours."""
        after = ""
        while True:
            async with self._source.moment() as moment:
                blobs = await moment.blobs(after, BATCH)
            if not blobs:
                return
            await self._carrier.bring(blobs)
            after = blobs[-1].digest

    async def _bring_missing(self, moment: Moment) -> bool:
        """Bring what a moment needs and what is not there; False when some of it has been collected."""
        after = ""
        while blobs := await moment.blobs(after, BATCH):
            if not await self._carrier.bring(blobs, again=True):
                return False
            after = blobs[-1].digest
        return True

    async def _take(self, moment: Moment, began: float, *, is_last: bool) -> Report:
        contents = await moment.contents()
        carrier = self._carrier
        damaged_images = None
        if self._takes_damaged or not carrier.damaged:
            self._progress.begin("rows", contents.rows)
            damaged_images = await self._destination.take(
                moment, damaged=carrier.damaged.keys(), is_last=is_last, tell=self._progress.advance
            )
        damaged = [
            Damage(digest, reason, await moment.images(digest, NAMED))
            for digest, reason in carrier.damaged.items()
            if await moment.blob(digest) is not None
        ]
        return Report(
            contents=contents,
            copied=carrier.copied,
            copied_bytes=carrier.copied_bytes,
            already_there=carrier.already_there,
            damaged=tuple(damaged),
            damaged_images=damaged_images or (),
            has_rows=damaged_images is not None,
            is_last=is_last,
            seconds=time.monotonic() - began,
        )
