"""Storage, for administrators: how much is stored, of what, and whether it is right."""

from starlette.responses import Response

from moorage.domain.access import Action
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit, sign_in_first

PATH = "/-/admin/storage"

SHOWN = 50
"""Damages on the page; the command and the API have all."""


class StoragePages:
    """What is stored, and its verification."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def show(self, visit: Visit) -> Response:
        """Show what is stored, how verification stands and what it has found."""
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
            usage=await self._services.collect.usage(visit.caller),
            rows=rows,
            state=state,
            damages=damages[:SHOWN],
            has_more=len(damages) > SHOWN,
            held=held,
        )

    async def verify(self, visit: Visit) -> Response:
        """Ask for a round now."""
        await self._services.verify.ask(visit.caller)
        return visit.next(PATH, "Verification begins", "Pushes and pulls go on meanwhile.")
