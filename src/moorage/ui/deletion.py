"""Deleting tags, images and whole repositories: what goes is listed first, and only what was listed goes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from moorage.domain.access import Action
from moorage.domain.digest import DIGEST, Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.records import Deletion, ImageRecord
from moorage.services.retention_records import LastPull
from moorage.ui.repositories import Head, head_of
from moorage.ui.trash import undo_of
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit
from moorage.ui.words import number, size

MOST = 200
"""How many tags and images can be chosen at once."""


@dataclass(frozen=True, slots=True)
class ChosenTag:
    """A tag that goes, and its image if it still has one; `others` are tags that keep the image."""

    name: str
    image: ImageRecord
    others: tuple[str, ...]

    @property
    def takes_image(self) -> bool:
        """Tell whether nothing else keeps the image."""
        return not self.others and not self.image.parents


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to "what goes?": `stays` are chosen images that an index needs, `followers` what goes with others."""

    tags: tuple[ChosenTag, ...]
    images: tuple[ImageRecord, ...]
    stays: tuple[ImageRecord, ...]
    followers: tuple[Digest, ...]
    deletion: Deletion
    pulls: Mapping[Digest, LastPull]

    @property
    def last_pull(self) -> LastPull | None:
        """The last known pull of what was chosen."""
        return max(self.pulls.values(), default=None)

    @property
    def seal(self) -> str:
        """What the question carries to its answer, to tell whether it is still the same."""
        names = "\n".join((*sorted(self.deletion.tags), "", *sorted(self.deletion.images)))
        return hashlib.sha256(names.encode()).hexdigest()

    @property
    def words(self) -> str:
        """What was chosen, as in `2 tags and 1 image`."""
        parts = [number(len(self.tags), "tag")] if self.tags else []
        return " and ".join([*parts, number(len(self.images), "image")] if self.images else parts)


class DeletionPages:
    """The question and its answer."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def question(self, visit: Visit) -> Response:
        """Show what would go."""
        head = await head_of(self._services, visit)
        await self._services.access.check(visit.caller, Action.DELETE, visit.repository)
        if visit.asked.get("all"):
            return await self._whole(visit, head)
        tags, digests = visit.asked.getlist("tag"), visit.asked.getlist("digest")
        if not tags and not digests:
            return RedirectResponse(f"/{visit.repository}", 303)
        plan = await self._plan(visit, tags, digests)
        return self._view.page(visit, "delete.html", head=head, plan=plan, has_changed=False, what="images")

    async def delete(self, visit: Visit) -> Response:
        """Delete what was listed; show the list again if it has changed since."""
        if visit.form.get("all"):
            return await self._delete_whole(visit)
        name, catalog = visit.repository, self._services.catalog
        tags, digests = visit.form.getlist("tag"), visit.form.getlist("digest")
        what = "tags" if visit.form.get("what") == "tags" else "images"
        plan, head = await self._plan(visit, tags, digests), await head_of(self._services, visit)
        if visit.form.get("seal") != plan.seal:
            return self._view.page(visit, "delete.html", 409, head=head, plan=plan, has_changed=True, what=what)
        chosen = [tag.name for tag in plan.tags]
        if what == "tags":
            done = await catalog.delete(visit.caller, name, (), chosen)
        else:
            done = await catalog.delete(visit.caller, name, _roots(plan), chosen)
        parts = [number(len(done.tags), "tag")] if done.tags else []
        parts += [number(len(done.images), "image")] if done.images else []
        more = self._aftermath(head, done)
        target = f"/{name}" if tags else f"/{name}/-/images"
        return visit.next(
            target, f"{' and '.join(parts) or 'Nothing'} deleted from {name.path}", more, undo_of(name, done.entry)
        )

    async def _plan(self, visit: Visit, tags: Sequence[str], digests: Sequence[str]) -> Plan:
        """Find out what goes; what has gone already is left out."""
        if len(tags) + len(digests) > MOST:
            raise MoorageError(ErrorCode.VALUE_INVALID, f"choose at most {MOST} tags and images at once")
        chosen, doomed = [], [digest for digest in digests if DIGEST.fullmatch(digest)]
        images: list[ImageRecord] = []
        stays: list[ImageRecord] = []
        for digest in dict.fromkeys(doomed):
            image = await self._image(visit, digest)
            if image is not None:
                (images if set(image.parents) <= set(doomed) else stays).append(image)
        for tag in dict.fromkeys(tags):
            image = await self._image(visit, tag)
            if image is not None and tag in image.tags and image not in images:
                others = tuple(name for name in image.tags if name not in tags)
                chosen.append(ChosenTag(tag, image, others))
        plan = Plan(tuple(chosen), tuple(images), tuple(stays), (), Deletion((), (), 0), {})
        roots = _roots(plan)
        names = [tag.name for tag in chosen]
        deletion = await self._services.catalog.deletion(visit.caller, visit.repository, roots, names)
        followers = tuple(digest for digest in deletion.images if digest not in roots)
        pulled = [*(tag.image.digest for tag in chosen), *(image.digest for image in images)]
        pulls = await self._services.catalog.pulls(visit.caller, visit.repository, pulled)
        return Plan(plan.tags, plan.images, plan.stays, followers, deletion, pulls)

    async def _image(self, visit: Visit, reference: str) -> ImageRecord | None:
        try:
            return await self._services.catalog.image(visit.caller, visit.repository, reference)
        except MoorageError as error:
            if error.error is not ErrorCode.MANIFEST_UNKNOWN:
                raise
            return None

    async def _whole(self, visit: Visit, head: Head, status: int = 200) -> Response:
        """Ask before a whole repository goes."""
        catalog, name = self._services.catalog, visit.repository
        tags = (await catalog.tags(visit.caller, name, order="name", limit=MOST)).rows
        found = await catalog.images(visit.caller, name, limit=MOST + 1)
        images, frees = found.rows, None
        if len(images) <= MOST and found.stopped is None:
            deletion = await catalog.deletion(visit.caller, name, [image.digest for image in images], [])
            frees = deletion.frees
        return self._view.page(
            visit,
            "repository-delete.html",
            status,
            head=head,
            tags=tags,
            images=images[:MOST],
            frees=frees,
            most=MOST,
            pulled=await catalog.last_pull(visit.caller, name),
        )

    async def _delete_whole(self, visit: Visit) -> Response:
        name, head = visit.repository, await head_of(self._services, visit)
        done = await self._services.catalog.delete_repository(visit.caller, name)
        text, more = f"{name.path} was deleted with all its images", self._aftermath(head, done)
        return visit.next(f"/{name.registry}", text, more, undo_of(name, done.entry))

    def _aftermath(self, head: Head, done: Deletion) -> str:
        """Say how long it can be undone, or when the space comes free."""
        if done.entry is not None:
            return f"Kept until {self._view.until(head.registry.trash_days)} under Recently deleted."
        return f"{size(done.frees)} come free with the next clean-up." if done.frees else ""


def _roots(plan: Plan) -> list[Digest]:
    """Return the images that were chosen, or lose their last tag."""
    of_tags = (tag.image.digest for tag in plan.tags if tag.takes_image)
    return list(dict.fromkeys([*(image.digest for image in plan.images), *of_tags]))
