"""Tags, one at a time: looked at, pointed at an image that is there, and deleted; and where they have pointed."""

from collections.abc import Iterator, Sequence
from functools import partial

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Facts, Kind, tag_name
from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.history import KEPT_DAYS, How
from moorage.domain.name import Repository, Tag
from moorage.services.access import Access
from moorage.services.history_ports import TagHistory
from moorage.services.history_records import PastMove
from moorage.services.override import overrides, with_reason
from moorage.services.ports import Check, Tags
from moorage.services.recording import recorded_as
from moorage.services.records import Dropped, TagMove, TagRecord

DAY = 86400
TAGS_FORGOTTEN = 20
"""Tags whose history is forgotten in one transaction."""


class TagService:
    """The use cases of tags."""

    def __init__(self, tags: Tags, history: TagHistory, access: Access) -> None:
        self._tags = tags
        self._history = history
        self._access = access

    async def get(self, caller: Caller, repository: Repository, tag: Tag) -> TagRecord:
        """Return a tag, or raise MANIFEST_UNKNOWN."""
        await self._access.check(caller, Action.PULL, repository)
        found = await self._tags.find(repository, tag)
        if found is None:
            raise _unknown(repository, tag)
        return found

    async def history(
        self, caller: Caller, repository: Repository, tag: Tag, before: int | None = None, limit: int = 50
    ) -> tuple[PastMove, ...]:
        """List where a tag has pointed, the newest move first, past the one of an id; of a deleted tag, too.

        Raise MANIFEST_UNKNOWN where there never was such a tag, as far as is known.
        """
        await self._access.check(caller, Action.PULL, repository)
        found = await self._history.moves(repository, tag, before, limit)
        if not found and before is None:
            raise _unknown(repository, tag)
        return found

    async def forget(self, now: float) -> int:
        """Forget what led up to deletions `KEPT_DAYS` before a time in Unix seconds; return of how many tags."""
        forgotten, last = 0, TAGS_FORGOTTEN
        while last == TAGS_FORGOTTEN:
            last = await self._history.forget(now - KEPT_DAYS * DAY, TAGS_FORGOTTEN)
            forgotten += last
        return forgotten

    async def point(
        self,
        caller: Caller,
        repository: Repository,
        tag: Tag,
        digest: Digest,
        check: Check[TagRecord | None] | None = None,
        *,
        how: How = How.RETAG,
        override: str | None = None,
    ) -> TagRecord:
        """Let a tag, new or not, point to an image of the repository, unless `check` raises.

        Raise MANIFEST_UNKNOWN without that image, VALUE_INVALID for a rollback to an image that is not in its history,
        TAG_IMMUTABLE where a tag may not be moved and no owner says with `override` why it is.
        """
        await self._access.check(caller, Action.PUSH, repository)
        may = await overrides(self._access, caller, repository, override)
        with recorded_as(caller, partial(_moves, repository, digest, how, override)):
            moved = await self._tags.point(repository, tag, digest, caller.name, check, how=how, overrides=may)
        found = await self._tags.find(repository, tag)
        if moved is None or found is None:
            raise _unknown(repository, digest if moved is None else tag)
        return found

    async def delete(
        self,
        caller: Caller,
        repository: Repository,
        tag: Tag,
        check: Check[TagRecord] | None = None,
        *,
        override: str | None = None,
    ) -> Dropped:
        """Delete a tag alone, unless `check` raises; raise MANIFEST_UNKNOWN, TAG_IMMUTABLE as `point` does."""
        await self._access.check(caller, Action.DELETE, repository)
        may = await overrides(self._access, caller, repository, override)
        with recorded_as(caller, partial(_deletion, repository, override)):
            gone = await self._tags.delete(repository, tag, caller.name, check, overrides=may)
        if gone is None:
            raise _unknown(repository, tag)
        return gone


def _moves(
    repository: Repository, digest: Digest, how: How, override: str | None, moved: Sequence[TagMove] | None
) -> Iterator[Change]:
    to: Facts = {"digest": digest} if how is How.RETAG else {"digest": digest, "how": how.value}
    after = with_reason(to, override)
    for move in moved or ():
        before = {"digest": move.previous} if move.previous else None
        yield Change(Kind.MOVE_TAG, tag_name(repository, move.tag), before, after)


def _deletion(repository: Repository, override: str | None, gone: Dropped | None) -> Iterator[Change]:
    for tag in gone.tags if gone else ():
        before = {"digest": gone.digest if gone else ""}
        yield Change(Kind.DELETE_TAG, tag_name(repository, tag), before, with_reason(None, override))


def _unknown(repository: Repository, reference: str) -> MoorageError:
    return MoorageError(ErrorCode.MANIFEST_UNKNOWN, None, {"name": str(repository), "reference": reference})
