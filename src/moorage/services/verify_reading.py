"""Content is read and compared with what it should be; what is damaged is marked, what is right again unmarked.

    blob ─▶ measured ─▶ right ──────────────────▶ out of quarantine, if it was in it
                   ├──▶ others than its digest ─▶ quarantine
                   ├──▶ nothing there ─▶ is anything? ─▶ quarantine
                   └──▶ no answer ────▶ does anything? ─▶ not read this time

A store that is away, or another one in its place, must not look like so much damage: before a blob counts as missing or
unreadable, others must be found.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from moorage.domain.access import Caller
from moorage.domain.activity import Change, Kind, image_name
from moorage.domain.damage import Fault, Measured, fault_of
from moorage.domain.digest import Digest, algorithm_of, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import parse_manifest
from moorage.domain.name import Repository
from moorage.services.at_once import at_once
from moorage.services.manifests import describe
from moorage.services.paced import paced
from moorage.services.recording import recorded
from moorage.services.verify_ports import Contents, Damages, Measuring, Spend
from moorage.services.verify_records import StoredBlob, StoredImage

LOOKED_FOR = 20
"""How many others are looked for. Where there are more than so many in all, one at least must be there."""

AWAY = (
    "the store has none of {count} blobs that were looked for; is it the right one, and all of it there? "
    "Nothing was put into quarantine"
)
ANSWERS_NOTHING = frozenset({Fault.MISSING, Fault.UNREADABLE})


@dataclass(frozen=True, slots=True)
class Found:
    """Damage that was not known before; `content` is a blob's digest, or an image's full name."""

    content: str
    fault: Fault


@dataclass(slots=True)
class Findings:
    """What came of a reading."""

    new: list[Found] = field(default_factory=list)
    unread: list[Digest] = field(default_factory=list)
    lifted: int = 0


class Reader:
    """Reads and compares; what it marks is recorded as done by `caller`."""

    def __init__(
        self, contents: Contents, damages: Damages, store: Measuring, caller: Caller, clock: Callable[[], float]
    ) -> None:
        self._contents = contents
        self._damages = damages
        self._store = store
        self._caller = caller
        self._clock = clock

    async def images(self, images: Sequence[StoredImage], findings: Findings) -> None:
        """Compare images' rows with their digests, and what they name with what is bound to them."""
        faults = await paced(_faults_of(images))
        for image, fault in zip(images, faults, strict=True):
            if fault is image.damage:
                continue
            # As it is stored: what lies in the trash has no name that anybody could write.
            repository = Repository(*image.repository.split("/", 1))
            name = image_name(repository, image.digest)
            after = {"fault": fault.value} if fault else None
            change = Change(Kind.DAMAGE, name, None, after, registry=repository.registry)
            with recorded(self._caller, change) if fault else nullcontext():
                is_marked = await self._damages.mark(image, fault)
            if is_marked and fault:
                findings.new.append(Found(name, fault))

    async def blobs(self, blobs: Iterable[StoredBlob], most: int, spend: Spend, findings: Findings) -> None:
        """Read blobs, `most` of them at once; raise UNAVAILABLE when the store is away: then nothing more is marked."""
        silent: list[StoredBlob] = []
        absent: list[tuple[StoredBlob, Measured | None]] = []
        is_alive = False

        async def read(blob: StoredBlob) -> None:
            nonlocal is_alive
            try:
                measured = await self._store.measure(blob.place, algorithm_of(blob.digest), spend)
            except MoorageError as error:
                if error.error is not ErrorCode.UNAVAILABLE:
                    raise
                silent.append(blob)
                return
            fault = fault_of(blob.digest, blob.size, measured)
            if fault in ANSWERS_NOTHING:
                absent.append((blob, measured))
                return
            is_alive = True
            await self._conclude(blob, fault, measured, findings)

        await at_once(read, blobs, most)
        if silent or (absent and not is_alive):
            await self._check_alive([*silent, *(blob for blob, _ in absent)])
        findings.unread += [blob.digest for blob in silent]
        for blob, measured in absent:
            await self._conclude(blob, fault_of(blob.digest, blob.size, measured), measured, findings)

    async def blob(self, blob: StoredBlob, findings: Findings) -> tuple[Measured | None, Fault | None]:
        """Read one blob that counts as right; return what was measured and what is wrong with it.

        Nothing is known where it was pushed again, or changed, since the reading began: None and None.
        """
        measured = await self._store.measure(blob.place, algorithm_of(blob.digest), _free)
        fault = fault_of(blob.digest, blob.size, measured)
        if fault in ANSWERS_NOTHING:
            await self._check_alive([blob])
        if not self._store.is_same(blob.place, measured):
            return None, None
        now = await self._contents.blob(blob.digest) if fault else None
        if now is not None and not now.is_quarantined:
            await self._conclude(blob, fault, measured, findings)
        return measured, fault

    async def _conclude(
        self, blob: StoredBlob, fault: Fault | None, measured: Measured | None, findings: Findings
    ) -> None:
        """Mark a blob, unless it went or was pushed again since it was read."""

        def is_same() -> bool:
            return self._store.is_same(blob.place, measured)

        if fault is None:
            if blob.is_quarantined:
                with recorded(self._caller, Change(Kind.REPAIR, blob.digest)):
                    findings.lifted += await self._damages.lift(blob, is_same)
            return
        found = measured.digest if measured else None
        change = Change(Kind.DAMAGE, blob.digest, None, {"fault": fault.value})
        with nullcontext() if blob.is_quarantined else recorded(self._caller, change):
            is_marked = await self._damages.quarantine(blob, fault, found, self._clock(), is_same)
        if is_marked and not blob.is_quarantined:
            findings.new.append(Found(blob.digest, fault))

    async def _check_alive(self, lost: Sequence[StoredBlob]) -> None:
        """Return when the store answers and has others than these; raise UNAVAILABLE when it does not."""
        known = {blob.digest for blob in lost}
        others = await self._contents.others(lost[0].digest, LOOKED_FOR + len(known))
        looked_for = [blob for blob in others if blob.digest not in known][:LOOKED_FOR]
        # The last is asked for an answer alone: where the store is away, there is none.
        for blob in (*looked_for, lost[0]):
            if await self._store.has(blob.place):
                return
        if len(looked_for) + len(known) > LOOKED_FOR:
            raise MoorageError(ErrorCode.UNAVAILABLE, AWAY.format(count=len(looked_for) + len(known)))


async def _free(_count: int) -> None:
    """Read on at once."""


def _faults_of(images: Sequence[StoredImage]) -> Generator[None, None, list[Fault | None]]:
    faults = []
    for image in images:
        faults.append(fault_of_image(image))
        yield
    return faults


def fault_of_image(image: StoredImage) -> Fault | None:
    """Return what is wrong with an image's row."""
    if digest_of(image.body, algorithm_of(image.digest)) != image.digest:
        return Fault.CHANGED
    return Fault.INCOMPLETE if lacking(image) else None


def lacking(image: StoredImage) -> tuple[Digest, ...]:
    """Return the blobs that an image names and that are not bound to it in its repository."""
    try:
        manifest = parse_manifest(image.body, image.media_type)
    except MoorageError:
        # Accepted once, by other rules; its bytes are right.
        return ()
    needed = describe(manifest, image.digest, image.body, None).needed
    return tuple(digest for digest in needed if digest not in image.linked)
