"""Repair: what is damaged gets its bytes again, where they are anywhere to be had.

    its own place ─┐                                           bytes first, then the row
    others' places ┼─▶ staged as an upload ─▶ digest compared ─▶ claimed ─▶ moved ─▶ out of quarantine
    uploads        │
    a copy ────────┘

Blobs that lie at each other's places are all staged before one is moved, since it takes the place of the other's bytes.
"""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind, image_name
from moorage.domain.damage import Fault
from moorage.domain.digest import Digest, algorithm_of, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import parse_manifest
from moorage.domain.name import Repository
from moorage.services.access import Access
from moorage.services.recording import recorded
from moorage.services.store_port import BlobStore
from moorage.services.upload_ports import Uploads
from moorage.services.verify_ports import Contents, Copies, Damages, Measuring, Repairs
from moorage.services.verify_reading import lacking
from moorage.services.verify_records import Damage, StoredBlob, StoredImage

PAGE = 500
BODIES = 20

Body = Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class RepairParts:
    """What repair works with."""

    contents: Contents
    damages: Damages
    repairs: Repairs
    uploads: Uploads
    store: BlobStore
    measuring: Measuring


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was healed, by digest or by the image's full name, and what is left."""

    healed: tuple[str, ...]
    left: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class _Staged:
    """Right bytes of a blob, on their way to its place."""

    blob: StoredBlob
    place: str


class RepairService:
    """The use cases of repair."""

    def __init__(self, parts: RepairParts, access: Access) -> None:
        self._parts = parts
        self._access = access

    async def repair(self, caller: Caller, copies: Copies | None = None) -> Repaired:
        """Heal what can be, from what is here and from `copies` elsewhere."""
        self._access.check_server(caller, Action.ADMINISTER_SERVER)
        with recorded(caller, Change(Kind.REPAIR, "storage")):
            # A write of nothing, which takes the row along.
            await self._parts.uploads.forget(())
        damages = await self._every()
        healed = [*await self._heal_blobs(caller, damages, copies), *await self._heal_images(caller, damages, copies)]
        return Repaired(tuple(healed), await self._every())

    async def _every(self) -> tuple[Damage, ...]:
        found: list[Damage] = []
        while page := await self._parts.damages.every(found[-1].key if found else "", PAGE):
            found += page
        return tuple(found)

    async def _heal_blobs(self, caller: Caller, damages: Sequence[Damage], copies: Copies | None) -> list[str]:
        known = [(damage, await self._parts.contents.blob(damage.digest)) for damage in damages if not damage.is_image]
        blobs = [(damage, blob) for damage, blob in known if blob is not None]
        strayed = {damage.found: blob.place for damage, blob in blobs if damage.found is not None}
        staged = [
            await self._stage(blob, self._read(strayed[blob.digest], blob.size))
            for _, blob in blobs
            if blob.digest in strayed and strayed[blob.digest] != blob.place
        ]
        healed = [await self._commit(caller, each) for each in staged if each is not None]
        left = [(damage, blob) for damage, blob in blobs if blob.digest not in healed]
        elsewhere = await self._leftovers([blob for _, blob in left])
        for damage, blob in left:
            if await self._heal_blob(caller, damage, blob, elsewhere.get(blob.digest), copies):
                healed.append(blob.digest)
        return [digest for digest in healed if digest]

    async def _heal_blob(
        self, caller: Caller, damage: Damage, blob: StoredBlob, elsewhere: str | None, copies: Copies | None
    ) -> bool:
        """Heal one; False where its right bytes are nowhere."""
        if damage.fault is Fault.WRONG_SIZE:
            return await self._resize(caller, blob)
        bodies: list[Body] = []
        if damage.fault is Fault.LONGER:
            # Its own bytes may be there, with others behind them.
            bodies.append(self._read(blob.place, blob.size))
        if elsewhere is not None:
            bodies.append(self._read(elsewhere, blob.size))
        if copies is not None:
            bodies.append(lambda: copies.blob(blob.digest, damage.repositories))
        for body in bodies:
            staged = await self._stage(blob, body)
            if staged is not None:
                return bool(await self._commit(caller, staged))
        return False

    async def _resize(self, caller: Caller, blob: StoredBlob) -> bool:
        found = await self._parts.measuring.measure(blob.place, algorithm_of(blob.digest), _free)
        if found is None or found.digest != blob.digest:
            return False
        with recorded(caller, Change(Kind.REPAIR, blob.digest)):
            place = None if blob.place == blob.digest else blob.place
            return await self._parts.repairs.heal(replace(blob, size=found.size), place)

    async def _leftovers(self, blobs: Sequence[StoredBlob]) -> dict[Digest, str]:
        """Return places, of uploads and of what nobody knows, that have the bytes of some of these."""
        wanted = {blob.digest for blob in blobs}
        found: dict[Digest, str] = {}
        for place in await self._parts.measuring.leftovers({blob.size for blob in blobs}) if blobs else ():
            if await self._is_known(place):
                continue
            for algorithm in {algorithm_of(digest) for digest in wanted}:
                measured = await self._parts.measuring.measure(place, algorithm, _free)
                if measured is not None and measured.digest in wanted:
                    found[measured.digest] = place
        return found

    async def _is_known(self, place: str) -> bool:
        """Tell whether a place is that of a blob; what is there was compared with its digest."""
        blob = await self._parts.contents.blob(Digest(place))
        return blob is not None and blob.place == place

    def _read(self, place: str, size: int) -> Body:
        async def body() -> AsyncIterator[bytes]:
            async for piece in self._parts.measuring.pieces(place, size):
                yield piece

        return body

    async def _stage(self, blob: StoredBlob, body: Body) -> _Staged | None:
        """Write bytes where an upload lies; None where they are not the blob's, or can't be had."""
        upload_id, store = secrets.token_urlsafe(18), self._parts.store
        try:
            received = await store.append(upload_id, 0, _bounded(body(), blob.size), algorithm_of(blob.digest))
        except MoorageError as error:
            if error.error is ErrorCode.DISK_FULL:
                raise
            return None
        if received.broken is None and received.digest == blob.digest:
            return _Staged(replace(blob, size=received.length), received.place)
        await store.reclaim([upload_id])
        return None

    async def _commit(self, caller: Caller, staged: _Staged) -> Digest | None:
        """Move staged bytes to their address, as the end of an upload does."""
        blob = staged.blob
        await self._parts.uploads.claim(blob.digest, blob.size)
        stored = await self._parts.store.commit(staged.place, blob.digest, blob.size)
        with recorded(caller, Change(Kind.REPAIR, blob.digest)):
            is_healed = await self._parts.repairs.heal(blob, stored.place)
        return blob.digest if is_healed else None

    async def _heal_images(self, caller: Caller, damages: Sequence[Damage], copies: Copies | None) -> list[str]:
        healed = []
        for damage in damages:
            if damage.repository is None:
                continue
            repository = Repository(*damage.repository.split("/", 1))
            name = image_name(repository, damage.digest)
            with recorded(caller, Change(Kind.REPAIR, name, registry=repository.registry)):
                if await self._heal_image(caller, damage.repository, damage.digest, copies):
                    healed.append(name)
        return healed

    async def _fetch(self, caller: Caller, image: StoredImage, missing: Sequence[Digest], copies: Copies) -> None:
        """Bring blobs that an image lacks and that are not here, or not right, from elsewhere."""
        sizes = {blob.digest: blob.size for blob in parse_manifest(image.body, image.media_type).blobs}
        for digest in missing:
            here = await self._parts.contents.blob(digest)
            if here is not None and not here.is_quarantined:
                continue
            staged = await self._stage(
                StoredBlob(digest, sizes[digest], digest), partial(copies.blob, digest, [image.repository])
            )
            if staged is not None:
                await self._commit(caller, staged)

    async def _heal_image(self, caller: Caller, repository: str, digest: Digest, copies: Copies | None) -> bool:
        repairs = self._parts.repairs
        image = await repairs.image(repository, digest)
        if image is None:
            return False
        if digest_of(image.body, algorithm_of(digest)) == digest:
            missing = lacking(image)
            if copies is not None:
                await self._fetch(caller, image, missing, copies)
            is_whole = not missing or await repairs.relink(image, missing)
            return is_whole and await self._parts.damages.mark(image, None)
        bodies = list(await repairs.bodies(digest, BODIES))
        if copies is not None:
            copy = await copies.manifest(digest, repository)
            bodies += [copy] if copy is not None else []
        right = next((body for body in bodies if digest_of(body, algorithm_of(digest)) == digest), None)
        return right is not None and await repairs.replace(image, right)


async def _bounded(body: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """Stream a body that comes from elsewhere: more bytes than a blob has fill no disk."""
    async for piece in body:
        size -= len(piece)
        if size < 0:
            raise MoorageError(ErrorCode.UNAVAILABLE, "there are more bytes than the blob has")
        yield piece


async def _free(_count: int) -> None:
    """Read on at once."""
