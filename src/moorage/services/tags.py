"""Tags, one at a time: looked at, pointed at an image that is there, and deleted."""

from collections.abc import Iterator, Sequence
from functools import partial

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind, tag_name
from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository, Tag
from moorage.services.access import Access
from moorage.services.ports import Check, Tags
from moorage.services.recording import recorded_as
from moorage.services.records import Dropped, TagMove, TagRecord


class TagService:
    """The use cases of tags."""

    def __init__(self, tags: Tags, access: Access) -> None:
        self._tags = tags
        self._access = access

    async def get(self, caller: Caller, repository: Repository, tag: Tag) -> TagRecord:
        """Return a tag, or raise MANIFEST_UNKNOWN."""
        await self._access.check(caller, Action.PULL, repository)
        found = await self._tags.find(repository, tag)
        if found is None:
            raise _unknown(repository, tag)
        return found

    async def point(
        self,
        caller: Caller,
        repository: Repository,
        tag: Tag,
        digest: Digest,
        check: Check[TagRecord | None] | None = None,
    ) -> TagRecord:
        """Let a tag, new or not, point to an image of the repository, unless `check` raises.

        Raise MANIFEST_UNKNOWN without that image, TAG_IMMUTABLE where a tag may not be moved.
        """
        await self._access.check(caller, Action.PUSH, repository)
        with recorded_as(caller, partial(_moves, repository, digest)):
            moved = await self._tags.point(repository, tag, digest, caller.name, check)
        found = await self._tags.find(repository, tag)
        if moved is None or found is None:
            raise _unknown(repository, digest if moved is None else tag)
        return found

    async def delete(
        self, caller: Caller, repository: Repository, tag: Tag, check: Check[TagRecord] | None = None
    ) -> None:
        """Delete a tag alone, unless `check` raises; raise MANIFEST_UNKNOWN, TAG_IMMUTABLE."""
        await self._access.check(caller, Action.DELETE, repository)
        with recorded_as(caller, partial(_deletion, repository)):
            gone = await self._tags.delete(repository, tag, caller.name, check)
        if gone is None:
            raise _unknown(repository, tag)


def _moves(repository: Repository, digest: Digest, moved: Sequence[TagMove] | None) -> Iterator[Change]:
    for move in moved or ():
        before = {"digest": move.previous} if move.previous else None
        yield Change(Kind.MOVE_TAG, tag_name(repository, move.tag), before, {"digest": digest})


def _deletion(repository: Repository, gone: Dropped | None) -> Iterator[Change]:
    for tag in gone.tags if gone else ():
        yield Change(Kind.DELETE_TAG, tag_name(repository, tag), {"digest": gone.digest if gone else ""})


def _unknown(repository: Repository, reference: str) -> MoorageError:
    return MoorageError(ErrorCode.MANIFEST_UNKNOWN, None, {"name": str(repository), "reference": reference})
