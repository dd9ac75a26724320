"""Deleting a registry: what goes with it is listed, its name is typed, and only what was listed goes."""

import hashlib

from starlette.responses import Response

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.registry_trash_records import RegistryContents, RegistryOutlook
from moorage.ui.session import Undo
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit
from moorage.ui.words import size


class RegistryDeletionPages:
    """The question and its answer."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def question(self, visit: Visit) -> Response:
        """Show what would go."""
        return self._page(visit, await self._services.registry_trash.outlook(visit.caller, visit.address))

    async def delete(self, visit: Visit) -> Response:
        """Delete it if its name was typed; show what goes again if that has changed since."""
        trash = self._services.registry_trash
        outlook = await trash.outlook(visit.caller, visit.address)
        name, reason = outlook.registry.name, visit.form.get("override", "").strip()
        if visit.form.get("typed", "") != name:
            return self._page(visit, outlook, 422, error=f"Type {name} to delete it.")
        if visit.form.get("seal") != _seal(outlook.contents):
            return self._page(visit, outlook, 409, has_changed=True)
        try:
            gone = await trash.delete(visit.caller, visit.address, override=reason or None)
        except MoorageError as error:
            if error.error not in {ErrorCode.TAG_IMMUTABLE, ErrorCode.VALUE_INVALID}:
                raise
            return self._page(visit, outlook, 422, immutable=error.message)
        if not outlook.registry.trash_days:
            more = f"{size(gone.entry.frees)} come free with the next clean-up." if gone.entry.frees else ""
            return visit.next("/", f"{name} was deleted", more)
        more = f"Kept until {self._view.until(outlook.registry.trash_days)} under Recently deleted."
        return visit.next("/", f"{name} was deleted", more, Undo("", str(gone.entry.id)))

    def _page(
        self,
        visit: Visit,
        outlook: RegistryOutlook,
        status: int = 200,
        *,
        error: str = "",
        immutable: str = "",
        has_changed: bool = False,
    ) -> Response:
        return self._view.page(
            visit,
            "registry-delete.html",
            status,
            registry=outlook.registry,
            contents=outlook.contents,
            seal=_seal(outlook.contents),
            error=error,
            immutable=immutable,
            has_changed=has_changed,
        )


def _seal(contents: RegistryContents) -> str:
    """Return what the question carries to its answer, to tell whether it is still the same; pulls go on."""
    counted = (contents.repositories, contents.tags, contents.images, contents.deletions, contents.robots)
    return hashlib.sha256(repr(counted).encode()).hexdigest()
