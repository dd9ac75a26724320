"""Pins: images that are in use somewhere, by hand or as a cluster's agent says. Retention leaves them alone."""

import time

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Facts, Kind, image_name
from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.services.access import Access
from moorage.services.recording import recorded
from moorage.services.retention_ports import Pins
from moorage.services.retention_records import Pin

LONGEST_WHY = 200


class PinService:
    """The use cases of pins; everybody has their own on an image, so that nobody's ends with another's."""

    def __init__(self, pins: Pins, access: Access) -> None:
        self._pins = pins
        self._access = access

    async def list(
        self, caller: Caller, repository: Repository, after: str, limit: int, digest: Digest | None = None
    ) -> tuple[Pin, ...]:
        """List a repository's pins that have not ended, by key, past one, or those on one image.

        Raise NAME_UNKNOWN.
        """
        await self._access.check(caller, Action.PIN, repository)
        found = await self._pins.page(repository, after, limit, digest)
        if found is None:
            raise MoorageError(ErrorCode.NAME_UNKNOWN, None, {"name": str(repository)})
        return found

    async def put(self, caller: Caller, repository: Repository, digest: Digest, why: str, until: float | None) -> Pin:
        """Pin an image, in place of the caller's pin on it.

        Raise VALUE_INVALID for an end that has passed, MANIFEST_UNKNOWN without that image.
        """
        await self._access.check(caller, Action.PIN, repository)
        now = time.time()
        _check(why, until, now)
        pin = Pin(digest, caller.name, why, now, until)
        is_new = await self._pins.find(repository, digest, caller.name) is None
        # An agent says every few minutes that an image is in use: only the first time is worth a row.
        changes = (Change(Kind.PIN_IMAGE, image_name(repository, digest), None, _facts(pin)),) if is_new else ()
        with recorded(caller, *changes):
            is_pinned = await self._pins.put(repository, pin)
        if not is_pinned:
            raise MoorageError(ErrorCode.MANIFEST_UNKNOWN, None, {"name": str(repository), "reference": digest})
        return pin

    async def remove(self, caller: Caller, repository: Repository, digest: Digest, by: str | None = None) -> None:
        """Take the caller's pin away, or, as who may delete there, somebody else's; raise MANIFEST_UNKNOWN, DENIED."""
        own = by is None or by == caller.name
        await self._access.check(caller, Action.PIN if own else Action.DELETE, repository)
        holder = by or caller.name
        before = {"by": holder}
        with recorded(caller, Change(Kind.UNPIN_IMAGE, image_name(repository, digest), before)):
            is_gone = await self._pins.remove(repository, digest, holder)
        if not is_gone:
            raise _nothing(digest, holder)


def _check(why: str, until: float | None, now: float) -> None:
    if len(why) > LONGEST_WHY:
        message = f"say in at most {LONGEST_WHY} characters what the image is needed for"
        raise MoorageError(ErrorCode.VALUE_INVALID, message, {"field": "why"})
    if until is not None and until <= now:
        raise MoorageError(ErrorCode.VALUE_INVALID, "a pin ends later than now, or never", {"field": "until"})


def _facts(pin: Pin) -> Facts:
    return {"why": pin.why, "until": None if pin.until is None else int(pin.until)}


def _nothing(digest: Digest, by: str) -> MoorageError:
    return MoorageError(ErrorCode.MANIFEST_UNKNOWN, f"{by} has no pin on such an image", {"digest": digest})
