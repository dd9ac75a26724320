"""My account."""

from starlette.responses import Response

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.ui.session import keep_session
from moorage.ui.view import View, sentence, with_wait
from moorage.ui.visit import UiServices, Visit, sign_in_first

PATH = "/-/account"


class AccountPages:
    """A person's own account: its password."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def show(self, visit: Visit) -> Response:
        """Show the account."""
        if visit.session is None:
            return sign_in_first(visit)
        return await self._page(visit)

    async def change_password(self, visit: Visit) -> Response:
        """Change the password; all sessions end, and this browser gets a new one."""
        accounts, name = self._services.accounts, visit.caller.name
        try:
            known = await accounts.authenticate(name, visit.form.get("present", ""), address=visit.client)
        except MoorageError as error:
            if error.error is not ErrorCode.TOO_MANY:
                raise
            return with_wait(await self._page(visit, 429, present=sentence(error.message)), error)
        if known is None:
            return await self._page(visit, 422, present="This is not your present password.")
        password = visit.form.get("new", "")
        try:
            await accounts.set_password(visit.caller, name, password)
        except MoorageError as error:
            if error.error is not ErrorCode.VALUE_INVALID:
                raise
            return await self._page(visit, 422, new=error.message)
        response = visit.next(PATH, "Your password was changed", "All other sessions have ended.")
        opened = await accounts.sign_in(name, password, address=visit.client)
        if opened is not None:
            keep_session(response, visit.site, *opened)
        return response

    async def _page(self, visit: Visit, status: int = 200, **errors: str) -> Response:
        links = await self._services.elsewhere.links(visit.caller)
        return self._view.page(visit, "account.html", status, errors=errors, links=links)
