"""Recently deleted: what can be restored in a registry, and freeing it before its time."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from moorage.domain.access import Action
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository, parse_repository
from moorage.services.page_records import Part
from moorage.services.records import ImageRecord, Registry
from moorage.services.retention_run_records import RestoredRun, RunInTrash
from moorage.services.trash_records import DeletedEntry, DeletionKind, Restored
from moorage.ui.session import Undo
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit
from moorage.ui.words import listed, number

MOST = 200
"""Deletions on a page."""

IMAGES = 50
"""Images on a page of one."""

LARGEST = 16
"""Digits of a deletion's number."""


@dataclass(frozen=True, slots=True)
class Freeing:
    """What is freed: an entry, or all of a registry (None)."""

    registry: Registry
    entry: DeletedEntry | None
    entries: tuple[DeletedEntry, ...]

    @property
    def frees(self) -> int:
        """Bytes, as far as they are known."""
        return sum(entry.frees for entry in self.entries)

    @property
    def typed(self) -> str:
        """What must be typed: the name of the registry, or the repository's in it."""
        return self.entry.repository.path if self.entry else self.registry.name


class TrashPages:
    """The list of what was deleted, and what is done with it."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def show(self, visit: Visit) -> Response:
        """List what was deleted and can be restored."""
        registry = await self._services.access.check_registry(visit.caller, Action.PULL, visit.address)
        after = _number(visit.asked.get("after", ""))
        found = await self._services.trash.list(visit.caller, visit.address, after, MOST + 1)
        words = visit.asked.get("q", "").lower().split()
        is_complete = len(found) <= MOST and not visit.asked.get("after")
        return self._view.page(
            visit,
            "recently-deleted.html",
            registry=registry,
            entries=[entry for entry in found[:MOST] if _has(words, entry)],
            is_complete=is_complete and not words,
            frees=sum(entry.frees for entry in found) if is_complete else None,
            older=found[MOST - 1].id if len(found) > MOST else None,
            may_free=await self._services.access.may(visit.caller, Action.ADMINISTER_REGISTRY, visit.address),
            runs=await self._runs(visit),
        )

    async def images(self, visit: Visit) -> Response:
        """Show the images and tags that a deletion took."""
        entry = await self._services.trash.get(visit.caller, visit.repository, number_in(visit, "entry"))
        registry = await self._services.access.check_registry(visit.caller, Action.PULL, visit.address)
        after, path = visit.asked.get("after", ""), entry.repository.path
        found = await self._services.trash.images(visit.caller, visit.repository, entry.id, after, IMAGES + 1)
        rows, older = shown(found)
        address = f"{registry.address}/-/deleted"
        return self._view.page(
            visit,
            "deleted-images.html",
            entry=entry,
            title=path,
            crumbs=((registry.address, registry.name), (address, "Recently deleted")),
            restore=f"{entry.id} {path}",
            restored_at=f"/{address}",
            free_at=f"/{address}/free?" + urlencode({"entry": f"{entry.id} {path}"}),
            may_free=await self._services.access.may(visit.caller, Action.ADMINISTER_REGISTRY, visit.address),
            rows=rows,
            older=older,
        )

    async def restore(self, visit: Visit) -> Response:
        """Bring back what was deleted, and go where it is."""
        await self._services.access.check_registry(visit.caller, Action.PULL, visit.address)
        back = f"/{visit.address}/-/deleted"
        if visit.form.get("run"):
            return await self._restore_run(visit, back)
        chosen = _chosen(visit, visit.form.get("restore", ""))
        if chosen is None:
            return visit.next(back)
        repository, entry = chosen
        try:
            restored = await self._services.trash.restore(visit.caller, repository, entry)
        except MoorageError as error:
            if error.error not in {ErrorCode.CONFLICT, ErrorCode.NOT_FOUND} or error.is_hidden:
                raise
            return visit.next(back, f"Not restored: {error.message}")
        return visit.next(f"/{repository}", f"Restored {_what(restored.entry)} of {repository.path}", _left(restored))

    async def _runs(self, visit: Visit) -> Sequence[RunInTrash]:
        if not await self._services.access.may(visit.caller, Action.DELETE, visit.address):
            return ()
        return await self._services.run_trash.runs(visit.caller, visit.address)

    async def _restore_run(self, visit: Visit, back: str) -> Response:
        """Bring back all that a run of retention let go."""
        run = _number(visit.form["run"])
        if run is None:
            return visit.next(back)
        try:
            done = await self._services.run_trash.restore(visit.caller, visit.address, run)
        except MoorageError as error:
            if error.error is not ErrorCode.NOT_FOUND or error.is_hidden:
                raise
            return visit.next(back, f"Not restored: {error.message}")
        tags, images = (sum(getattr(each.entry, of) for each in done.restored) for of in ("tags", "images"))
        text = f"Restored {number(tags, 'tag')} and {number(images, 'image')} of run {run}"
        return visit.next(back, text, _left_of_run(done))

    async def question(self, visit: Visit) -> Response:
        """Ask before the space of what was deleted is freed."""
        freeing = await self._freeing(visit, visit.asked.get("entry", ""))
        return self._view.page(visit, "free.html", freeing=freeing, error="")

    async def free(self, visit: Visit) -> Response:
        """Free it, if its name was typed."""
        freeing = await self._freeing(visit, visit.form.get("entry", ""))
        if visit.form.get("typed", "") != freeing.typed:
            error = f"Type {freeing.typed} to free it."
            return self._view.page(visit, "free.html", 422, freeing=freeing, error=error)
        if freeing.entry is None:
            await self._services.trash.free_all(visit.caller, visit.address)
        else:
            await self._services.trash.free(visit.caller, freeing.entry.repository, freeing.entry.id)
        text = f"{number(len(freeing.entries), 'deletion')} can’t be restored any more"
        return visit.next(f"/{visit.address}/-/deleted", text, "The space is free within a minute.")

    async def _freeing(self, visit: Visit, text: str) -> Freeing:
        access = self._services.access
        registry = await access.check_registry(visit.caller, Action.ADMINISTER_REGISTRY, visit.address)
        chosen = _chosen(visit, text)
        if chosen is None:
            every = await self._services.trash.list(visit.caller, visit.address, None, MOST)
            return Freeing(registry, None, every)
        entry = await self._services.trash.get(visit.caller, *chosen)
        return Freeing(registry, entry, (entry,))


def undo_of(repository: Repository, entry: int | None) -> Undo | None:
    """Return what undoes a deletion, for the message that says what was done."""
    return None if entry is None else Undo(repository.registry, f"{entry} {repository.path}")


def number_in(visit: Visit, part: str) -> int:
    """Return the number of a deletion that the path names, or raise NOT_FOUND."""
    found = _number(str(visit.request.path_params[part]))
    if found is None:
        raise MoorageError(ErrorCode.NOT_FOUND)
    return found


def shown(found: Part[ImageRecord]) -> tuple[Sequence[ImageRecord], str | None]:
    """Return what a page of images shows, and where the next one begins."""
    rows = found.rows[:IMAGES]
    is_more = len(found.rows) > IMAGES
    further = None if found.stopped is None else str(found.stopped)
    return rows, str(rows[-1].place) if is_more else further


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < LARGEST else None


def _chosen(visit: Visit, text: str) -> tuple[Repository, int] | None:
    """Return the deletion that a form names, as `17 team/app`."""
    number_, _, path = text.partition(" ")
    entry = _number(number_)
    return None if entry is None or not path else (parse_repository(f"{visit.address}/{path}"), entry)


def _has(words: Sequence[str], entry: DeletedEntry) -> bool:
    text = " ".join((entry.repository.path, *entry.some, entry.deleted_by)).lower()
    return all(word in text for word in words)


def _what(entry: DeletedEntry) -> str:
    parts = [number(entry.tags, "tag")] if entry.tags else []
    parts += [number(entry.images, "image")] if entry.images else []
    return " and ".join(parts) or ("the repository" if entry.kind is DeletionKind.REPOSITORY else "nothing")


def _left_of_run(done: RestoredRun) -> str:
    left = [f"{each.entry.repository.path}:{tag}" for each in done.restored for tag in (*each.left, *each.missing)]
    left += [f"deletion {each.entry.id} of {each.entry.repository.path}" for each in done.refused]
    return f"Not restored, since they point elsewhere by now or their images are gone: {listed(left)}." if left else ""


def _left(restored: Restored) -> str:
    said = []
    if restored.left:
        said.append(f"Left alone, since they point elsewhere by now: {listed(restored.left)}.")
    if restored.missing:
        said.append(f"Without their images, which are gone: {listed(restored.missing)}.")
    return " ".join(said)
