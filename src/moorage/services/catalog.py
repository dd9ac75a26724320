"""Lists for people, and the deletions they ask for: what the pages and the management API show."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from moorage.domain.access import Action, Caller
from moorage.domain.activity import Change, Kind, image_name, tag_name
from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.limits import Limits, TokenAction
from moorage.domain.name import Repository, is_digest
from moorage.domain.place import Place, read_place
from moorage.domain.reach import EVERYTHING, Reach, reach_of
from moorage.services.access import Access
from moorage.services.override import overrides, with_reason
from moorage.services.page_records import Part
from moorage.services.ports import Catalog, Check, Manifests
from moorage.services.recording import recorded, recorded_as
from moorage.services.records import Deletion, ImageRecord, RepositoryRecord, TagRecord
from moorage.services.registries import check_description
from moorage.services.retention_ports import ImagePulls
from moorage.services.retention_records import LastPull
from moorage.services.trash_records import Outlook


class CatalogService:
    """The use cases of looking around and tidying up."""

    def __init__(self, catalog: Catalog, manifests: Manifests, pulls: ImagePulls, access: Access) -> None:
        self._catalog = catalog
        self._manifests = manifests
        self._pulls = pulls
        self._access = access

    async def names(self, caller: Caller, after: str, limit: int, *, words: str = "") -> tuple[str, ...]:
        """List full repository names the caller may read, in byte order, past `after`.

        Those that contain some `words` are looked for among the first 10,000.
        """
        within = EVERYTHING if caller.limits is None else _readable(caller.limits)
        return await self._catalog.names(
            caller.user_id, after, limit, sees_all=caller.is_admin, within=within, words=words
        )

    async def repositories(
        self, caller: Caller, address: str, after: str = "", limit: int = 50
    ) -> tuple[RepositoryRecord, ...]:
        """List those of a registry's repositories that the caller may read by path, past the path `after`."""
        registry = await self._access.check_registry(caller, Action.PULL, address)
        return await self._catalog.repositories(registry.id, caller.user_id, after, limit, sees_all=caller.is_admin)

    async def repository(self, caller: Caller, repository: Repository) -> RepositoryRecord:
        """Return a repository, or raise NAME_UNKNOWN."""
        await self._access.check(caller, Action.PULL, repository)
        return await self._known(repository)

    async def describe(
        self,
        caller: Caller,
        repository: Repository,
        description: str,
        check: Check[RepositoryRecord] | None = None,
    ) -> None:
        """Change a repository's description, unless `check` raises."""
        await self._access.check(caller, Action.DESCRIBE, repository)
        check_description(description)
        before = {"description": (await self._known(repository)).description}
        change = Change(Kind.DESCRIBE_REPOSITORY, str(repository), before, {"description": description})
        with recorded(caller, change):
            is_described = await self._catalog.describe(repository, description, check)
        if not is_described:
            raise MoorageError(ErrorCode.NAME_UNKNOWN, None, {"name": str(repository)})

    async def tags(
        self,
        caller: Caller,
        repository: Repository,
        *,
        order: str = "newest",
        after: str = "",
        limit: int = 50,
        matching: str = "",
    ) -> Part[TagRecord]:
        """List tags by `newest` or `name` whose names contain `matching`, past the one whose `key` is `after`.

        Raise VALUE_INVALID for what is no key of this order.
        """
        await self._check_known(caller, repository)
        place = (Place(0.0, after) if after else None) if order == "name" else read_place(after)
        return await self._catalog.tags(repository, order=order, after=place, limit=limit, matching=matching)

    async def images(
        self, caller: Caller, repository: Repository, *, untagged: bool = False, after: str = "", limit: int = 50
    ) -> Part[ImageRecord]:
        """List images, newest first, past the place `after`; raise VALUE_INVALID for what is none."""
        await self._check_known(caller, repository)
        return await self._catalog.images(repository, untagged=untagged, after=read_place(after), limit=limit)

    async def image(self, caller: Caller, repository: Repository, reference: str) -> ImageRecord:
        """Return an image by tag or digest, or raise MANIFEST_UNKNOWN."""
        return (await self._family(caller, repository, reference))[0]

    async def children(self, caller: Caller, repository: Repository, digest: Digest) -> tuple[ImageRecord, ...]:
        """Return those images of an index that are here."""
        return (await self._family(caller, repository, digest))[1:]

    async def deletion(
        self, caller: Caller, repository: Repository, digests: Sequence[Digest], tags: Sequence[str]
    ) -> Deletion:
        """Say what deleting these images (with all their tags) and these tags takes and frees."""
        await self._access.check(caller, Action.DELETE, repository)
        return await self._catalog.deletion(repository, digests, tags)

    async def outlook(
        self, caller: Caller, repository: Repository, digests: Sequence[Digest] | None, tags: Sequence[str]
    ) -> Outlook:
        """Say what deleting these images and tags, or everything (digests None), means; raise NAME_UNKNOWN."""
        registry = await self._access.check(caller, Action.DELETE, repository)
        known = await self._known(repository)
        plan = await self._catalog.deletion(repository, digests, tags)
        if digests is None:
            pulled = await self._pulls.last_of_all(repository)
        else:
            pointed = [(await self._family(caller, repository, tag))[0].digest for tag in tags]
            pulls = await self._pulls.last(repository, [*plan.images, *pointed])
            pulled = max(pulls.values(), default=None)
        return Outlook(known, plan, registry.trash_days if registry else 0, pulled)

    async def pulls(
        self, caller: Caller, repository: Repository, digests: Sequence[Digest]
    ) -> Mapping[Digest, LastPull]:
        """Say when each of these images was last pulled and by whom, to who may delete them."""
        await self._access.check(caller, Action.DELETE, repository)
        return await self._pulls.last(repository, digests)

    async def last_pull(self, caller: Caller, repository: Repository) -> LastPull | None:
        """Say when an image of a repository was last pulled and by whom, as far as that is known."""
        await self._access.check(caller, Action.DELETE, repository)
        return await self._pulls.last_of_all(repository)

    async def delete(
        self,
        caller: Caller,
        repository: Repository,
        digests: Sequence[Digest],
        tags: Sequence[str],
        check: Check[tuple[ImageRecord, ...]] | None = None,
        *,
        override: str | None = None,
    ) -> Deletion:
        """Delete what `deletion` says, unless `check` raises, which is shown the first image and its children.

        Raise TAG_IMMUTABLE where a tag may not go and no owner says with `override` why it does; then nothing goes.
        """
        await self._access.check(caller, Action.DELETE, repository)
        may = await overrides(self._access, caller, repository, override)
        with recorded_as(caller, partial(_gone, repository, override)):
            gone = await self._catalog.delete(repository, digests, tags, caller.name, check_image=check, overrides=may)
        return _found(gone, repository)

    async def delete_repository(
        self,
        caller: Caller,
        repository: Repository,
        check: Check[RepositoryRecord] | None = None,
        *,
        override: str | None = None,
    ) -> Deletion:
        """Delete a repository with all its images, unless `check` raises; raise TAG_IMMUTABLE as `delete` does."""
        await self._access.check(caller, Action.DELETE, repository)
        may = await overrides(self._access, caller, repository, override)
        with recorded_as(caller, partial(_whole, repository, override)):
            gone = await self._catalog.delete(repository, None, (), caller.name, check, overrides=may)
        return _found(gone, repository)

    async def _check_known(self, caller: Caller, repository: Repository) -> None:
        """Raise NAME_UNKNOWN like `repository`, without adding its sizes up."""
        await self._access.check(caller, Action.PULL, repository)
        if await self._manifests.tags(repository, "", 0) is None:
            raise MoorageError(ErrorCode.NAME_UNKNOWN, None, {"name": str(repository)})

    async def _known(self, repository: Repository) -> RepositoryRecord:
        found = await self._catalog.repository(repository)
        if found is None:
            raise MoorageError(ErrorCode.NAME_UNKNOWN, None, {"name": str(repository)})
        return found

    async def _family(self, caller: Caller, repository: Repository, reference: str) -> tuple[ImageRecord, ...]:
        await self._access.check(caller, Action.PULL, repository)
        digest = reference
        if not is_digest(reference):
            found = await self._manifests.find(repository, reference)
            digest = found.digest if found else ""
        family = await self._catalog.image(repository, Digest(digest))
        if not family:
            raise MoorageError(ErrorCode.MANIFEST_UNKNOWN, None, {"name": str(repository), "reference": reference})
        return family


def _readable(limits: Limits) -> Reach:
    return reach_of(limits.patterns if TokenAction.PULL in limits.actions else ())


def _gone(repository: Repository, override: str | None, deletion: Deletion | None) -> Iterator[Change]:
    after = with_reason(None, override)
    if deletion is not None:
        yield from (Change(Kind.DELETE_TAG, tag_name(repository, tag), None, after) for tag in deletion.tags)
        yield from (Change(Kind.DELETE_IMAGE, image_name(repository, one), None, after) for one in deletion.images)


def _whole(repository: Repository, override: str | None, deletion: Deletion | None) -> Iterator[Change]:
    if deletion is not None:
        before = {"tags": len(deletion.tags), "images": len(deletion.images)}
        yield Change(Kind.DELETE_REPOSITORY, str(repository), before, with_reason(None, override))


def _found(deletion: Deletion | None, repository: Repository) -> Deletion:
    if deletion is None:
        raise MoorageError(ErrorCode.NAME_UNKNOWN, None, {"name": str(repository)})
    return deletion
