"""My account."""

from starlette.responses import Response

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.ui.session import keep_session
from moorage.ui.view import View, sentence, with_wait
from moorage.ui.visit import UiServices, Visit, sign_in_first

PATH = "/-/account"

TOLD = frozenset({ErrorCode.TOO_MANY, ErrorCode.UNAVAILABLE, ErrorCode.CONFLICT})
"""What the form that links says itself: wait, a directory is silent, they have another account."""


class AccountPages:
    """A person's own account: its password, and the directories it is linked to."""

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

    async def link(self, visit: Visit) -> Response:
        """Link the account to who has a name and password in a directory."""
        name, user = str(visit.request.path_params["directory"]), visit.form.get("user", "")
        try:
            is_known = await self._services.elsewhere.link(
                visit.caller, name, user, visit.form.get("password", ""), visit.client
            )
        except MoorageError as error:
            if error.error not in TOLD:
                raise
            told = {f"link_{name}": sentence(error.message)}
            return with_wait(await self._page(visit, error.error.status, user=user, **told), error)
        if not is_known:
            told = {f"link_{name}": f"{name} does not know this user name with this password."}
            return await self._page(visit, 422, user=user, **told)
        return visit.next(PATH, f"{name} was linked", "You can sign in with that password now.")

    async def unlink(self, visit: Visit) -> Response:
        """Part the account from a directory; all sessions end, and this browser gets a new one."""
        name = str(visit.request.path_params["directory"])
        linked = (await self._services.elsewhere.sign_ins(visit.caller)).links
        title = next((link.title for link in linked if link.name == name), name)
        try:
            opened = await self._services.elsewhere.unlink(visit.caller, name)
        except MoorageError as error:
            if error.error is not ErrorCode.IN_USE:
                raise
            return await self._page(visit, 409, unlink=sentence(error.message))
        response = visit.next(PATH, f"{title} was unlinked", "All other sessions have ended.")
        keep_session(response, visit.site, *opened)
        return response

    async def _page(self, visit: Visit, status: int = 200, user: str = "", **errors: str) -> Response:
        sign_ins = await self._services.elsewhere.sign_ins(visit.caller)
        return self._view.page(visit, "account.html", status, errors=errors, sign_ins=sign_ins, user=user)
