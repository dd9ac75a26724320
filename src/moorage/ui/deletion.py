"""Deleting tags, images and whole repositories: what goes is listed first, and only what was listed goes."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from moorage.domain.access import Action
from moorage.domain.digest import DIGEST, Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.immutable import Rule, check_reason, held_by
from moorage.domain.pattern import matches
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
class Held:
    """A tag that may not go, the rule that says so, and the image it holds where that was chosen."""

    tag: str
    rule: Rule
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody wants to delete, as far as it is there; `held` are tags that a rule holds where they are."""

    tags: tuple[ChosenTag, ...]
    images: tuple[ImageRecord, ...]
    stays: tuple[ImageRecord, ...]
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to "what goes?": `stays` are chosen images that an index needs, `followers` what goes with others.

    `held` stay, too; or they go with the rest where an owner `overrides` their rules. `query` asks the same again.
    """

    tags: tuple[ChosenTag, ...]
    images: tuple[ImageRecord, ...]
    stays: tuple[ImageRecord, ...]
    held: tuple[Held, ...]
    followers: tuple[Digest, ...]
    deletion: Deletion
    pulls: Mapping[Digest, LastPull]
    overrides: bool
    query: str

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
        overrides = bool(visit.asked.get("override")) and await self._may_override(visit)
        plan = await self._plan(visit, head, tags, digests, overrides=overrides)
        return await self._ask(visit, head, plan)

    async def delete(self, visit: Visit) -> Response:
        """Delete what was listed; show the list again if it has changed since."""
        if visit.form.get("all"):
            return await self._delete_whole(visit)
        tags, digests = visit.form.getlist("tag"), visit.form.getlist("digest")
        what = "tags" if visit.form.get("what") == "tags" else "images"
        head, reason = await head_of(self._services, visit), _reason_in(visit)
        plan = await self._plan(visit, head, tags, digests, overrides=reason is not None)
        if visit.form.get("seal") != plan.seal:
            return await self._ask(visit, head, plan, 409, what=what)
        if plan.overrides and (error := _missing(visit, reason)):
            return await self._ask(visit, head, plan, 422, what=what, error=error)
        return await self._do(visit, head, plan, what, reason if plan.overrides else None)

    async def _do(self, visit: Visit, head: Head, plan: Plan, what: str, reason: str | None) -> Response:
        """Delete what was listed, and say what that was."""
        name, roots = visit.repository, () if what == "tags" else _roots(plan)
        chosen = [tag.name for tag in plan.tags]
        done = await self._services.catalog.delete(visit.caller, name, roots, chosen, override=reason)
        parts = [number(len(done.tags), "tag")] if done.tags else []
        parts += [number(len(done.images), "image")] if done.images else []
        more = self._aftermath(head, done)
        target = f"/{name}" if chosen else f"/{name}/-/images"
        return visit.next(
            target, f"{' and '.join(parts) or 'Nothing'} deleted from {name.path}", more, undo_of(name, done.entry)
        )

    async def _ask(
        self, visit: Visit, head: Head, plan: Plan, status: int = 200, *, what: str = "images", error: str = ""
    ) -> Response:
        has_changed, may_override = status == HTTPStatus.CONFLICT, await self._may_override(visit)
        shown = {"what": what, "error": error, "reason": _reason_in(visit) or ""}
        return self._view.page(
            visit, "delete.html", status, head=head, plan=plan, has_changed=has_changed, may=may_override, **shown
        )

    async def _may_override(self, visit: Visit) -> bool:
        return await self._services.access.may(visit.caller, Action.ADMINISTER_REGISTRY, visit.repository.registry)

    async def _plan(
        self, visit: Visit, head: Head, tags: Sequence[str], digests: Sequence[str], *, overrides: bool
    ) -> Plan:
        """Find out what goes; what has gone already is left out."""
        if len(tags) + len(digests) > MOST:
            raise MoorageError(ErrorCode.VALUE_INVALID, f"choose at most {MOST} tags and images at once")
        doomed = [digest for digest in dict.fromkeys(digests) if DIGEST.fullmatch(digest)]
        found = [image for digest in doomed if (image := await self._image(visit, digest)) is not None]
        pointing = [(tag, await self._image(visit, tag)) for tag in dict.fromkeys(tags)]
        tagged = [(tag, image) for tag, image in pointing if image is not None and tag in image.tags]
        chosen = _chosen(head, found, tagged, overrides=overrides)
        roots = _roots(chosen)
        names = [tag.name for tag in chosen.tags]
        deletion = await self._services.catalog.deletion(visit.caller, visit.repository, roots, names)
        followers = tuple(digest for digest in deletion.images if digest not in roots)
        again = [*(("tag", tag) for tag, _ in tagged), *(("digest", image.digest) for image in found)]
        is_held = overrides and bool(chosen.held)
        pulled = [*(tag.image.digest for tag in chosen.tags), *(image.digest for image in chosen.images)]
        return Plan(
            chosen.tags,
            chosen.images,
            chosen.stays,
            chosen.held,
            followers,
            deletion,
            await self._services.catalog.pulls(visit.caller, visit.repository, pulled),
            is_held,
            urlencode(again),
        )

    async def _image(self, visit: Visit, reference: str) -> ImageRecord | None:
        try:
            return await self._services.catalog.image(visit.caller, visit.repository, reference)
        except MoorageError as error:
            if error.error is not ErrorCode.MANIFEST_UNKNOWN:
                raise
            return None

    async def _whole(self, visit: Visit, head: Head, status: int = 200, error: str = "") -> Response:
        """Ask before a whole repository goes."""
        catalog, name = self._services.catalog, visit.repository
        tags = (await catalog.tags(visit.caller, name, order="name", limit=MOST)).rows
        found = await catalog.images(visit.caller, name, limit=MOST + 1)
        images, frees = found.rows, None
        if len(images) <= MOST and found.stopped is None:
            deletion = await catalog.deletion(visit.caller, name, [image.digest for image in images], [])
            frees = deletion.frees
        rules = [rule for rule in head.registry.immutable_tags if matches(rule.where, name.path)]
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
            held=tuple(_held(head, (tag.name for tag in tags))),
            # What is not shown is not known either.
            may_hold=bool(rules) and head.repository.tags > len(tags),
            may=await self._may_override(visit),
            error=error,
            reason=_reason_in(visit) or "",
        )

    async def _delete_whole(self, visit: Visit) -> Response:
        name, head, reason = visit.repository, await head_of(self._services, visit), _reason_in(visit)
        if reason is not None and (reason or visit.form.get("sure")) and (error := _missing(visit, reason)):
            return await self._whole(visit, head, 422, error)
        done = await self._services.catalog.delete_repository(visit.caller, name, override=reason or None)
        text, more = f"{name.path} was deleted with all its images", self._aftermath(head, done)
        return visit.next(f"/{name.registry}", text, more, undo_of(name, done.entry))

    def _aftermath(self, head: Head, done: Deletion) -> str:
        """Say how long it can be undone, or when the space comes free."""
        if done.entry is not None:
            return f"Kept until {self._view.until(head.registry.trash_days)} under Recently deleted."
        return f"{size(done.frees)} come free with the next clean-up." if done.frees else ""


def _chosen(
    head: Head, images: Sequence[ImageRecord], tags: Sequence[tuple[str, ImageRecord]], *, overrides: bool
) -> Chosen:
    """Sort what was chosen into what goes and what stays: tags that are held, unless their rules are overridden."""
    held = {image.digest: rows for image in images if (rows := tuple(_held(head, image.tags, image.digest)))}
    held_tags = {row.tag: row for row in _held(head, (tag for tag, _ in tags))}
    going = [image for image in images if overrides or image.digest not in held]
    doomed = {image.digest for image in going}
    whole = tuple(image for image in going if set(image.parents) <= doomed)
    names = {tag for tag, _ in tags if overrides or tag not in held_tags}
    alone = tuple(
        ChosenTag(tag, image, tuple(name for name in image.tags if name not in names))
        for tag, image in tags
        if tag in names and image not in whole
    )
    rows = (*held_tags.values(), *(row for found in held.values() for row in found if row.tag not in held_tags))
    return Chosen(alone, whole, tuple(image for image in going if image not in whole), rows)


def _held(head: Head, names: Iterable[str], digest: Digest | None = None) -> Iterator[Held]:
    """Yield those tags of a repository that may not go."""
    rules, path = head.registry.immutable_tags, head.repository.name.path
    for name in names:
        rule = held_by(name, path, rules)
        if rule is not None:
            yield Held(name, rule, digest)


def _reason_in(visit: Visit) -> str | None:
    """Return why immutable tags are to go, too, as it was typed; None where nobody was asked."""
    reason = visit.form.get("override")
    return None if reason is None else reason.strip()


def _missing(visit: Visit, reason: str | None) -> str:
    """Say what is missing from a decision to override rules; empty where nothing is."""
    try:
        check_reason(reason or "")
    except MoorageError as error:
        return error.message
    return "" if visit.form.get("sure") else "say that the immutable tags go, too"


def _roots(plan: Chosen | Plan) -> list[Digest]:
    """Return the images that were chosen, or lose their last tag."""
    of_tags = (tag.image.digest for tag in plan.tags if tag.takes_image)
    return list(dict.fromkeys([*(image.digest for image in plan.images), *of_tags]))
