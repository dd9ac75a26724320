"""Repositories: their tags, their images, their settings."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import RedirectResponse, Response

from moorage.domain.access import Action
from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.immutable import held_by
from moorage.domain.name import parse_image
from moorage.domain.place import is_place
from moorage.services.page_records import Part
from moorage.services.records import ImageRecord, Registry, RepositoryRecord, TagRecord
from moorage.ui.attestations import attestations
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit

ORDERS = ("newest", "name")


@dataclass(frozen=True, slots=True)
class Child:
    """A child of an index; `attests` says in words what it attests if it is no platform, as `("SBOM",)`."""

    image: ImageRecord
    attests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag, the tag above it that points to the same image, and its children if they are unfolded.

    `is_held` tells whether it never moves.
    """

    tag: TagRecord
    same_as: str
    is_held: bool
    children: tuple[Child, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """What the header of all of a repository's pages shows."""

    registry: Registry
    repository: RepositoryRecord
    may_push: bool
    may_delete: bool
    may_describe: bool


async def head_of(services: UiServices, visit: Visit) -> Head:
    """Gather the header; raise as the services do when there is nothing to see."""
    name, access = visit.repository, services.access
    record = await services.catalog.repository(visit.caller, name)
    return Head(
        registry=await services.registries.get(visit.caller, name.registry),
        repository=record,
        may_push=await access.may(visit.caller, Action.PUSH, name),
        may_delete=await access.may(visit.caller, Action.DELETE, name),
        may_describe=await access.may(visit.caller, Action.DESCRIBE, name),
    )


class RepositoryPages:
    """Pages about repositories."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def show(self, visit: Visit) -> Response:
        """List tags; an image's name with tag or digest, as clients write it, leads to its row."""
        path = str(visit.request.path_params["path"])
        if not path:
            return RedirectResponse(f"/{visit.address}", 308)
        if ":" in path or "@" in path:
            return await self._paste(visit, path)
        head = await head_of(self._services, visit)
        order = visit.asked.get("sort", "")
        order, matching = order if order in ORDERS else ORDERS[0], visit.asked.get("q", "").strip()
        # No tag has a plus: where one is shown, an underscore is stored.
        found = await self._services.catalog.tags(
            visit.caller,
            visit.repository,
            order=order,
            after=_after(visit, order),
            limit=visit.rows + 1,
            matching=matching.replace("+", "_"),
        )
        rows = await self._unfold(visit, head.registry, found.rows[: visit.rows])
        older = rows[-1].tag.key(order) if len(found.rows) > visit.rows else None
        is_complete = older is None and not visit.asked.get("after") and not matching
        further = found.stopped and found.stopped.within(order)
        shown: dict[str, Any] = {"rows": rows, "order": order, "older": older, "further": further, "seen": found.seen}
        return self._view.page(visit, "tags.html", head=head, is_complete=is_complete, **shown)

    async def images(self, visit: Visit) -> Response:
        """List images by digest: all, the untagged ones, or the one asked for."""
        head = await head_of(self._services, visit)
        catalog, one = self._services.catalog, visit.asked.get("digest", "")
        untagged = visit.asked.get("show") == "untagged"
        if one:
            found = Part((await catalog.image(visit.caller, visit.repository, one),))
        else:
            found = await catalog.images(
                visit.caller,
                visit.repository,
                untagged=untagged,
                after=_after(visit),
                limit=visit.rows + 1,
            )
        rows = found.rows[: visit.rows]
        older = str(rows[-1].place) if len(found.rows) > visit.rows else None
        show = "one" if one else "untagged" if untagged else "all"
        shown: dict[str, Any] = {
            "rows": rows,
            "show": show,
            "older": older,
            "further": found.stopped,
            "seen": found.seen,
        }
        return self._view.page(visit, "images.html", head=head, **shown)

    async def settings(self, visit: Visit) -> Response:
        """Show what can be changed about a repository."""
        await self._services.access.check(visit.caller, Action.DESCRIBE, visit.repository)
        return await self._settings(visit)

    async def save(self, visit: Visit) -> Response:
        """Change the description."""
        name, description = visit.repository, visit.form.get("description", "").strip()
        try:
            await self._services.catalog.describe(visit.caller, name, description)
        except MoorageError as error:
            if error.error is not ErrorCode.VALUE_INVALID:
                raise
            return await self._settings(visit, 422, description, error.message)
        return visit.next(f"/{name}/-/settings", f"The settings of {name.path} were saved")

    async def _settings(
        self, visit: Visit, status: int = 200, description: str | None = None, error: str = ""
    ) -> Response:
        head, stored = await head_of(self._services, visit), None
        if head.may_delete:
            _, stored = await self._services.trash.space(visit.caller, visit.repository)
        page = "repository-settings.html"
        return self._view.page(visit, page, status, head=head, stored=stored, description=description, error=error)

    async def _paste(self, visit: Visit, path: str) -> Response:
        image = parse_image(f"{visit.address}/{path}")
        if image.digest is not None:
            return RedirectResponse(f"/{image.repository}/-/images?digest={image.digest}", 303)
        return RedirectResponse(f"/{image.repository}?q={image.tag}", 303)

    async def _unfold(self, visit: Visit, registry: Registry, tags: tuple[TagRecord, ...]) -> list[TagRow]:
        """Say which tags share an image, and fetch the children of the one tag that is unfolded."""
        first: dict[str, str] = {}
        rows, path = [], visit.repository.path
        for tag in tags:
            same_as = first.setdefault(tag.digest, tag.name)
            is_open = tag.is_index and visit.asked.get("open") == tag.name
            children = await self._children(visit, tag.digest) if is_open else ()
            is_held = held_by(tag.name, path, registry.immutable_tags) is not None
            rows.append(TagRow(tag, same_as if same_as != tag.name else "", is_held, children))
        return rows

    async def _children(self, visit: Visit, index: Digest) -> tuple[Child, ...]:
        """Return those children of an index that are here, platforms first."""
        images = await self._services.catalog.children(visit.caller, visit.repository, index)
        here = {image.digest for image in images}
        attesting = await attestations(self._services.manifests, visit.repository, index, here)
        children = [Child(image, attesting.get(image.digest, ())) for image in images]
        return tuple(sorted(children, key=lambda child: bool(child.attests)))


def _after(visit: Visit, order: str = ORDERS[0]) -> str:
    """Return what the list goes on from; with an address that no page links to it begins anew."""
    asked = visit.asked.get("after", "")
    return asked if order == "name" or is_place(asked) else ""
