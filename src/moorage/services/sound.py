"""Which blobs are sound: their bytes were compared with their digest here, and are still those that were compared.

    written by this process ────────┐
    read by it, all of it, before ──┴─▶ digest: mark of the bytes ─▶ served at once, for a day
            └─▶ others than its digest ─▶ quarantine, as verification does

What is told is never more than a day old: a disk that changes bytes by itself changes no mark.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

from moorage.domain.damage import Fault
from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.records import BlobRecord
from moorage.services.verify_reading import Findings, Found, Reader
from moorage.services.verify_records import StoredBlob

DAMAGED = "the bytes of this blob are damaged here; push it again"

SECONDS = 86_400.0
"""How long a blob counts as sound once its bytes were compared."""

MOST = 32_768
"""Blobs that are known at most, the latest; a dozen megabytes of memory."""


class SoundBlobs:
    """What this process knows of blobs; `tell` is told of damage that it finds, `clock` counts seconds."""

    def __init__(
        self, reader: Reader, tell: Callable[[Found], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = reader
        self._tell = tell
        self._clock = clock
        self._known: dict[Digest, tuple[str, float]] = {}
        self._proofs: dict[tuple[Digest, str], asyncio.Task[Fault | None]] = {}

    def knows(self, digest: Digest, mark: str) -> bool:
        """Tell whether the bytes with this mark are those of the digest."""
        known = self._known.get(digest)
        return known is not None and known[0] == mark and self._clock() < known[1]

    def note(self, digest: Digest, mark: str) -> None:
        """Take note that the bytes with this mark have just been compared with the digest."""
        # Anew, and so at the end: what was compared first is forgotten first.
        self._known.pop(digest, None)
        while len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[digest] = (mark, self._clock() + SECONDS)

    async def check(self, blob: BlobRecord, mark: str) -> None:
        """Return when the bytes with this mark are known to be those of a blob, after reading all of them if need be.

        Whoever asks meanwhile waits for the same reading. BLOB_UNKNOWN where they are damaged: then they are in
        quarantine; UNAVAILABLE where others came in their place.
        """
        if not await self.is_still(blob, mark):
            raise MoorageError(ErrorCode.UNAVAILABLE, "this blob was pushed again meanwhile; ask for it again")

    async def is_still(self, blob: BlobRecord, mark: str) -> bool:
        """Do the same, and tell whether the bytes with this mark are still those that are there."""
        if self.knows(blob.digest, mark):
            return True
        if await self.examine(blob, mark) is not None:
            raise MoorageError(ErrorCode.BLOB_UNKNOWN, DAMAGED, {"digest": blob.digest})
        return self.knows(blob.digest, mark)

    async def examine(self, blob: BlobRecord, mark: str) -> Fault | None:
        """Read all of a blob, and return what is wrong with it: then it is in quarantine.

        The reading goes on when nobody waits for it any more: whoever asks again finds it done.
        """
        key = (blob.digest, mark)
        proof = self._proofs.get(key)
        if proof is None:
            # It is nobody's request: what it records has no address.
            proof = self._proofs[key] = asyncio.create_task(self._compare(blob), context=Context())
            proof.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(proof)

    def _ended(self, key: tuple[Digest, str], proof: "asyncio.Task[Fault | None]") -> None:
        del self._proofs[key]
        with suppress(asyncio.CancelledError):
            # Seen, though nobody may wait for it.
            proof.exception()

    async def _compare(self, blob: BlobRecord) -> Fault | None:
        findings = Findings()
        measured, fault = await self._reader.blob(StoredBlob(blob.digest, blob.size, blob.place), findings)
        if measured is not None and measured.mark and fault is None:
            self.note(blob.digest, measured.mark)
        for found in findings.new:
            self._tell(found)
        return fault
