"""Storage, for administrators: where it is, how much of what, what comes free, and whether it is right."""

from starlette.responses import Response

from moorage.domain.access import Action
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit, sign_in_first

PATH = "/-/admin/storage"

SHOWN = 50
"""Damages on the page; the command and the API have all."""


class StoragePages:
    """What is stored, its clean-up, and its verification."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def show(self, visit: Visit) -> Response:
        """Show what is stored and where, how clean-up and verification stand, and what the latter has found."""
        if visit.session is None:
            return sign_in_first(visit)
        self._services.access.check_server(visit.caller, Action.ADMINISTER_SERVER)
        state = await self._services.verify.state(visit.caller)
        held = await self._services.server_quota.get(visit.caller)
        damages = await self._services.verify.damages(visit.caller, limit=SHOWN + 1)
        rows = sorted(await self._services.registries.list(visit.caller), key=lambda row: -row.size)
        return self._view.page(
            visit,
            "storage.html",
            place=await self._services.disk.place(visit.caller),
            cleaning=await self._services.cleanup.state(visit.caller),
            alone=await self._services.cleanup.only_here(visit.caller),
            usage=await self._services.collect.usage(visit.caller),
            rows=rows,
            state=state,
            damages=damages[:SHOWN],
            has_more=len(damages) > SHOWN,
            held=held,
        )

    async def clean(self, visit: Visit) -> Response:
        """Ask for a run of clean-up now."""
        await self._services.cleanup.ask(visit.caller)
        return visit.next(PATH, "Clean-up begins", "Pushes and pulls go on meanwhile.")

    async def verify(self, visit: Visit) -> Response:
        """Ask for a round now."""
        await self._services.verify.ask(visit.caller)
        return visit.next(PATH, "Verification begins", "Pushes and pulls go on meanwhile.")
