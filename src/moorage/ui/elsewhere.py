"""Signing in at a directory elsewhere: the way there, the way back, and linking it to one's account.

A page with a form may only lead to this server (`form-action`), and a provider sends people on as it likes. So the way
to sign in is a link, and the way to link, which changes something and must be a form, a page that goes on by itself.
"""

from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.ui.session import drop_departure, keep_departure, keep_session, own_path, session_cookie, take_departure
from moorage.ui.sign_in import SignInPages
from moorage.ui.view import View, sentence
from moorage.ui.visit import UiServices, Visit

ACCOUNT = "/-/account"


class ElsewherePages:
    """Doors that lead outside, and back in."""

    def __init__(self, services: UiServices, view: View, sign_in: SignInPages) -> None:
        self._services = services
        self._view = view
        self._sign_in = sign_in

    async def leave(self, visit: Visit) -> Response:
        """Send somebody to a directory to sign in."""
        name, target = _name(visit), own_path(visit.asked.get("next", "/"))
        title = self._services.elsewhere.title(name)
        try:
            departure = await self._services.elsewhere.depart(name, _back(visit, name), target)
        except MoorageError as error:
            return await self._refused(visit, title, target, error)
        response = RedirectResponse(departure.url, 303, {"cache-control": "no-store"})
        keep_departure(response, visit.site, departure.kept)
        return response

    async def link(self, visit: Visit) -> Response:
        """Send somebody who is signed in to a directory, to be linked to it."""
        name = _name(visit)
        title = self._services.elsewhere.title(name)
        departure = await self._services.elsewhere.depart(name, _back(visit, name), ACCOUNT, visit.caller)
        response = self._view.page(visit, "leave.html", url=departure.url, title=title)
        keep_departure(response, visit.site, departure.kept)
        return response

    async def arrive(self, visit: Visit) -> Response:
        """Let in, or link, who comes back."""
        name = _name(visit)
        title = self._services.elsewhere.title(name)
        kept = take_departure(visit.request, visit.site) or ""
        try:
            target, opened = await self._services.elsewhere.arrive(
                name, _back(visit, name), kept, dict(visit.asked), visit.caller
            )
        except MoorageError as error:
            return _without_departure(await self._refused(visit, title, "/", error), visit)
        if opened is None:
            return _without_departure(visit.next(target, f"{title} was linked", "You can sign in there now."), visit)
        before = session_cookie(visit.request, visit.site)
        if before:
            await self._services.accounts.sign_out(before)
        response = RedirectResponse(own_path(target), 303)
        keep_session(response, visit.site, *opened)
        return _without_departure(response, visit)

    async def _refused(self, visit: Visit, title: str, target: str, error: MoorageError) -> Response:
        if error.error is ErrorCode.NOT_FOUND:
            raise error
        said = sentence(error.message)
        message = said if said.startswith(title) else f"{title}: {said}"
        if visit.session is not None:
            heading = f"{title} did not work"
            status = HTTPStatus(error.error.status)
            words = {"heading": heading, "sentence": sentence(error.message)}
            # Nobody gets back to here: the page's own address holds the code, which is a secret and good for once.
            return self._view.page(visit, "error.html", status, number=int(status), here=ACCOUNT, **words)
        return await self._sign_in.refused(visit, target, error.error.status, message)


def _name(visit: Visit) -> str:
    return str(visit.request.path_params["directory"])


def _back(visit: Visit, name: str) -> str:
    return f"{visit.site.scheme}://{visit.site.authority}/-/sign-in/{name}/back"


def _without_departure(response: Response, visit: Visit) -> Response:
    drop_departure(response, visit.site)
    return response
