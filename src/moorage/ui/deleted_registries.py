"""Recently deleted registries, for those who owned them and for administrators."""

from starlette.responses import Response

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.registry_trash_records import DeletedRegistry
from moorage.ui.trash import number_in, shown
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit, sign_in_first

LIST = "/-/deleted"
MOST = 50
"""Registries or repositories on a page."""

LARGEST = 16
"""Digits of a deletion's number."""


class DeletedRegistryPages:
    """The list, what is in one, bringing it back, and freeing it before its time."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def index(self, visit: Visit) -> Response:
        """List registries that can be restored."""
        if visit.session is None:
            return sign_in_first(visit)
        found = await self._services.registry_trash.list(visit.caller, _number(visit.asked.get("after", "")), MOST + 1)
        older = found[MOST - 1].entry.id if len(found) > MOST else None
        return self._view.page(visit, "deleted-registries.html", rows=found[:MOST], older=older)

    async def restore(self, visit: Visit) -> Response:
        """Bring one back, and go where it is."""
        entry = _number(visit.form.get("restore", ""))
        if entry is None:
            return visit.next(LIST)
        try:
            back = await self._services.registry_trash.restore(visit.caller, entry)
        except MoorageError as error:
            if error.error not in {ErrorCode.CONFLICT, ErrorCode.NOT_FOUND}:
                raise
            return visit.next(LIST, f"Not restored: {error.message}")
        return visit.next(f"/{back.entry.name}", f"Restored {back.registry.name}")

    async def show(self, visit: Visit) -> Response:
        """Show the repositories of one."""
        record = await self._found(visit)
        after = visit.asked.get("after", "")
        found = await self._services.registry_trash.repositories(visit.caller, record.entry.id, after, MOST + 1)
        older = found[MOST - 1].name.path if len(found) > MOST else None
        return self._view.page(visit, "deleted-registry.html", record=record, rows=found[:MOST], older=older)

    async def images(self, visit: Visit) -> Response:
        """Show the images and tags of a repository of one."""
        record, path = await self._found(visit), str(visit.request.path_params["inside"])
        entry, after = record.entry, visit.asked.get("after", "")
        found = await self._services.registry_trash.images(visit.caller, entry.id, path, after, MOST + 1)
        rows, older = shown(found)
        return self._view.page(
            visit,
            "deleted-images.html",
            entry=entry,
            title=path,
            crumbs=(("-/deleted", "Recently deleted"), (f"-/deleted/{entry.id}", record.registry.name)),
            restore=str(entry.id),
            restored_at=LIST,
            free_at=f"{LIST}/{entry.id}/free",
            may_free=True,
            rows=rows,
            older=older,
        )

    async def question(self, visit: Visit) -> Response:
        """Ask before the space of one is freed."""
        return self._view.page(visit, "deleted-registry-free.html", record=await self._found(visit), error="")

    async def free(self, visit: Visit) -> Response:
        """Free it, if its name was typed."""
        record = await self._found(visit)
        name = record.registry.name
        if visit.form.get("typed", "") != name:
            error = f"Type {name} to free it."
            return self._view.page(visit, "deleted-registry-free.html", 422, record=record, error=error)
        await self._services.registry_trash.free(visit.caller, record.entry.id)
        return visit.next(LIST, f"{name} can’t be restored any more", "The space is free within a minute.")

    async def _found(self, visit: Visit) -> DeletedRegistry:
        return await self._services.registry_trash.get(visit.caller, number_in(visit, "deleted"))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < LARGEST else None
