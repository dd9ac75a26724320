"""Verification: everything that is stored is read and compared with its digest, slowly all the time, or at once.

    the clock ──▶ a round in its days, slowly ──┐
    somebody ───▶ a round now ──────────────────┼─▶ images, then blobs ─▶ damaged ones in quarantine ─▶ ended
    the command ▶ a round now, by itself ───────┘         └─ how far, in the database: another goes on from there

One round at most is under way, and one process at it; whoever finds that it was silent for a minute takes it over.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind
from moorage.domain.damage import DAY, SHARE_OF_DAYS, rate_for
from moorage.services.access import Access
from moorage.services.move_blobs import Progress
from moorage.services.paced import REST
from moorage.services.recording import recorded
from moorage.services.verify_ports import Contents, Damages, Measuring, Rounds, Spend
from moorage.services.verify_reading import Findings, Found, Reader
from moorage.services.verify_records import Damage, Round, Stock, StoredBlob, Verification

BATCH = 500
"""Rows that are read at once, and at most between two notes of how far it has come."""

BATCH_BYTES = 1024**3
IMAGES = 200
IMAGE_BYTES = 8 * 1024**2

SILENT_SECONDS = 60.0
NOTE_SECONDS = 15.0
"""How often the runner says that it goes on, also in the middle of a blob."""

LEAST_RATE = 1024**2
MOST_RATE = 64 * 1024**2
"""Bytes a second of a slow round: at least so many, that a small server is through in hours, and never more."""

ASKED_RATE = 256 * 1024**2
"""Bytes a second of a round that somebody asked a server for."""

MOST_REST = 1.0
"""Seconds: a disk that stood still for a minute must not make a round look as if nobody were at it."""

SPARED_SECONDS = 600.0
"""What a slow round may make up for at once, when it could not read for a while."""

BLOB_COST = 64 * 1024
"""What opening a blob counts for beside its bytes."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What verification works with."""

    contents: Contents
    damages: Damages
    rounds: Rounds
    store: Measuring


class Pace:
    """Lets so many bytes a second through, and fewer where the machine has other work.

    What has to wait for a processor or a disk takes longer to read, and the rest after it is longer for it: requests
    get that time.
    """

    def __init__(
        self,
        rate: float,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._now = now
        self._pause = pause
        self._went_on = now()

    async def __call__(self, count: int) -> None:
        """Rest after these bytes: until they were due, and in any case a multiple of the time since the last rest."""
        rest = min((self._now() - self._went_on) * REST, MOST_REST)
        await self._pause(max(count / self._rate, rest))
        self._went_on = self._now()


class _LostError(Exception):
    """Somebody else is at the round now."""


class VerifyService:
    """The use cases of verification; a round by the clock takes `days` at most, 0 for none. `system` marks damage."""

    def __init__(
        self,
        parts: Parts,
        access: Access,
        system: Caller,
        days: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._parts = parts
        self._access = access
        self._days = days
        self._clock = clock
        self._runner = secrets.token_hex(8)
        self._spare = 0.0
        self._reader = Reader(parts.contents, parts.damages, parts.store, system, clock)
        self.read_bytes = 0
        """Bytes that this process has read."""

    async def state(self, caller: Caller | None = None) -> Verification:
        """Tell how verification stands, for administrators; None asks for the server's own numbers."""
        if caller is not None:
            self._access.check_server(caller, Action.ADMINISTER_SERVER)
        under_way, last = await self._parts.rounds.latest()
        return Verification(under_way, last, await self._parts.damages.count())

    async def damages(self, caller: Caller, after: str = "", limit: int = BATCH) -> tuple[Damage, ...]:
        """List what is damaged by key, past `after`, for administrators."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        return await self._parts.damages.every(after, limit)

    async def ask(self, caller: Caller) -> Round:
        """Let the server that runs the jobs begin a round soon; one that was asked for already goes on."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        under_way, _ = await self._parts.rounds.latest()
        if under_way is not None and under_way.asked_by:
            return under_way
        with recorded(caller, Change(Kind.VERIFY, "storage")):
            # Seen never: whoever looks next takes it.
            return await self._parts.rounds.begin(caller.name, "", 0.0)

    async def work(self, passed: float) -> tuple[Found, ...]:
        """Do what the clock asks for, `passed` seconds after the last time: the job of one server."""
        under_way, last = await self._parts.rounds.latest()
        now = self._clock()
        if under_way is not None and not self._may_take(under_way, now):
            return ()
        if under_way is None:
            if not self._is_due(last, now):
                return ()
            under_way = await self._parts.rounds.begin("", self._runner, now)
        elif not under_way.asked_by and not self._days:
            return ()
        findings = Findings()
        if under_way.asked_by:
            await self._go_on(under_way, findings, Pace(ASKED_RATE))
        else:
            await self._scrub(under_way, passed, findings)
        return tuple(findings.new)

    async def run(self, caller: Caller, progress: Progress, at_once: int) -> tuple[Round, Findings]:
        """Run a round here and now, as fast as it goes; follow one that somebody else is at."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        findings = Findings()
        while True:
            under_way, _ = await self._parts.rounds.latest()
            if under_way is None or not under_way.asked_by:
                with recorded(caller, Change(Kind.VERIFY, "storage")):
                    under_way = await self._parts.rounds.begin(caller.name, self._runner, self._clock())
            if self._may_take(under_way, self._clock()):
                ended = await self._go_on(under_way, findings, _free, progress, at_once)
            else:
                ended = await self._follow(under_way, progress)
            if ended is not None:
                return ended, findings

    def _may_take(self, round_: Round, now: float) -> bool:
        return round_.runner == self._runner or not 0 <= now - round_.seen_at < SILENT_SECONDS

    def _is_due(self, last: Round | None, now: float) -> bool:
        if not self._days:
            return False
        return last is None or not 0 <= now - last.started_at < self._days * DAY * SHARE_OF_DAYS

    async def _scrub(self, round_: Round, passed: float, findings: Findings) -> None:
        """Go on with a slow round, as far as the time that has passed lets it."""
        end = round_.started_at + self._days * DAY * SHARE_OF_DAYS
        left = round_.whole.bytes - round_.done.bytes + (round_.whole.blobs - round_.done.blobs) * BLOB_COST
        rate = rate_for(left, end - self._clock(), LEAST_RATE, MOST_RATE)
        self._spare = min(self._spare + rate * passed, rate * SPARED_SECONDS)
        if self._spare > 0:
            await self._go_on(round_, findings, Pace(MOST_RATE), is_slow=True)

    async def _follow(self, round_: Round, progress: Progress) -> Round | None:
        """Wait for a round that another process is at; None when that is silent or began another one."""
        progress.begin("blobs", round_.whole.bytes)
        done = 0
        while True:
            under_way, last = await self._parts.rounds.latest()
            if last is not None and last.id == round_.id:
                return last
            if under_way is None or under_way.id != round_.id or self._may_take(under_way, self._clock()):
                return None
            progress.advance(under_way.done.bytes - done)
            done = under_way.done.bytes
            await asyncio.sleep(1)

    async def _go_on(
        self,
        round_: Round,
        findings: Findings,
        pace: Spend,
        progress: Progress | None = None,
        at_once: int = 1,
        *,
        is_slow: bool = False,
    ) -> Round | None:
        """Take a round and go on with it; return it when it has ended, None when another process has it."""
        if round_.runner != self._runner:
            taken = await self._parts.rounds.take(round_, self._runner, self._clock())
            if taken is None:
                return None
            round_ = taken
        way = _Way(self._parts, self._reader, findings, round_, self._clock, pace, progress, at_once)
        try:
            ended = await way.images() and await way.blobs(lambda cost: self._may_spend(cost, is_slow=is_slow))
            return await way.end() if ended else None
        except _LostError:
            return None
        except BaseException:
            # Whoever looks next needn't wait for this process to be silent.
            await way.leave()
            raise
        finally:
            self.read_bytes += way.read_bytes

    def _may_spend(self, cost: int, *, is_slow: bool) -> bool:
        """Take the cost of a blob off what a slow round may spend; tell whether there was any left."""
        if not is_slow:
            return True
        if self._spare <= 0:
            return False
        self._spare -= cost
        return True


class _Way:
    """The way of one process through a round."""

    def __init__(
        self,
        parts: Parts,
        reader: Reader,
        findings: Findings,
        round_: Round,
        clock: Callable[[], float],
        pace: Spend,
        progress: Progress | None,
        at_once: int,
    ) -> None:
        self.read_bytes = 0
        self._parts = parts
        self._reader = reader
        self._findings = findings
        self._round = round_
        self._clock = clock
        self._pace = pace
        self._progress = progress
        self._at_once = at_once
        self._noted = time.monotonic()

    async def images(self) -> bool:
        """Go through the images that are left."""
        while images := await self._parts.contents.images(self._round.image_id, IMAGES, IMAGE_BYTES):
            await self._reader.images(images, self._findings)
            done = replace(self._round.done, images=self._round.done.images + len(images))
            await self._note(image_id=images[-1].id, done=done)
        if self._progress is not None:
            self._progress.begin("blobs", max(self._round.whole.bytes - self._round.done.bytes, 0))
        return True

    async def blobs(self, may_spend: Callable[[int], bool]) -> bool:
        """Go through the blobs that are left; False when no more may be spent now."""
        while blobs := await self._parts.contents.blobs(self._round.blob, BATCH):
            start = 0
            while start < len(blobs):
                some = _some(blobs[start:], may_spend)
                if not some:
                    return False
                await self._read(some)
                start += len(some)
        return True

    async def end(self) -> Round:
        """Say that the round has ended."""
        await self._note(ended_at=self._clock())
        return self._round

    async def leave(self) -> None:
        """Let go of the round, for whoever goes on with it."""
        await self._parts.rounds.advance(replace(self._round, seen_at=0.0))

    async def _read(self, blobs: Sequence[StoredBlob]) -> None:
        unread = len(self._findings.unread)
        await self._reader.blobs(blobs, self._at_once, self._spend, self._findings)
        before = self._round.done
        size = before.bytes + sum(blob.size for blob in blobs)
        done = Stock(before.images, before.blobs + len(blobs), size)
        more = len(self._findings.unread) - unread
        await self._note(blob=blobs[-1].digest, done=done, unread=self._round.unread + more)

    async def _spend(self, count: int) -> None:
        self.read_bytes += count
        if self._progress is not None:
            self._progress.advance(count)
        if time.monotonic() - self._noted > NOTE_SECONDS:
            await self._note()
        await self._pace(count)

    async def _note(self, **changes: object) -> None:
        """Remember how far it is; raise _LostError when another process has the round."""
        self._noted = time.monotonic()
        self._round = replace(self._round, seen_at=self._clock(), **changes)  # type: ignore[arg-type]
        if not await self._parts.rounds.advance(self._round):
            raise _LostError


def _some(blobs: Sequence[StoredBlob], may_spend: Callable[[int], bool]) -> list[StoredBlob]:
    """Return the first of these blobs: not too much at once, and as long as it may be spent."""
    some: list[StoredBlob] = []
    room = BATCH_BYTES
    for blob in blobs:
        if room <= 0 or not may_spend(blob.size + BLOB_COST):
            break
        room -= blob.size
        some.append(blob)
    return some


async def _free(_count: int) -> None:
    """Spend whatever comes."""
