"""Error pages: what was asked for, why it did not happen, and the way on."""

from difflib import get_close_matches
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from moorage.domain.access import ANONYMOUS
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import REGISTRY
from moorage.ui.view import View, sentence, with_wait
from moorage.ui.visit import UiServices, Visit, Visits

MOST_COMPARED = 200
UNSEEN = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND})
"""What answers a GET as if there were nothing: a name that is none, and what one may not see."""
HEADINGS = {
    HTTPStatus.BAD_REQUEST: "That cannot be read",
    HTTPStatus.FORBIDDEN: "You may not do this",
    HTTPStatus.METHOD_NOT_ALLOWED: "This page cannot do that",
    HTTPStatus.REQUEST_TIMEOUT: "That took too long",
    HTTPStatus.CONFLICT: "That is not possible now",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "That is too much",
    HTTPStatus.TOO_MANY_REQUESTS: "Wait a little",
    HTTPStatus.SERVICE_UNAVAILABLE: "The server cannot do this right now",
    HTTPStatus.INSUFFICIENT_STORAGE: "The server's disk is full",
}


class ErrorPages:
    """Turns what was raised into a page."""

    def __init__(self, services: UiServices, visits: Visits, view: View) -> None:
        self._services = services
        self._visits = visits
        self._view = view

    async def refused(self, request: Request, error: Exception) -> Response:
        """Answer a MoorageError."""
        if not isinstance(error, MoorageError):
            raise error
        if error.error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._plain(self._visits.anonymous(request), error.error.status, error.message)
        visit = await self._visits.of(request)
        request.state.hidden = error.is_hidden
        if error.error.status in UNSEEN and request.method in {"GET", "HEAD"}:
            return await self._nothing(visit)
        return with_wait(self._plain(visit, error.error.status, error.message), error)

    async def unrouted(self, request: Request, error: Exception) -> Response:
        """Answer what no route takes."""
        status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
        visit = await self._visits.of(request)
        if status == HTTPStatus.NOT_FOUND:
            return await self._nothing(visit)
        response = self._plain(visit, HTTPStatus(status), ErrorCode.METHOD_UNKNOWN.message)
        response.headers["allow"] = ", ".join(_methods(request))
        return response

    async def broken(self, request: Request, _error: Exception) -> Response:
        """Answer a failure nobody foresaw, without asking the database anything."""
        number = request.scope.get("state", {}).get("request_id", "")
        is_safe = request.method in {"GET", "HEAD"}
        return self._view.page(self._visits.anonymous(request), "error-500.html", 500, number=number, is_safe=is_safe)

    async def _nothing(self, visit: Visit) -> Response:
        asked = visit.request.url.path.strip("/")
        sign_in = "/-/sign-in?" + urlencode({"next": visit.path})
        near = await self._nearest(visit) if visit.caller is not ANONYMOUS else None
        return self._view.page(visit, "error-404.html", 404, asked=asked, near=near, sign_in=sign_in)

    async def _nearest(self, visit: Visit) -> str | None:
        """Return the most similar name among what the visitor may see."""
        asked = visit.request.url.path.strip("/").partition("/-/")[0].lower()
        address = asked.partition("/")[0]
        names = [summary.registry.address for summary in await self._services.registries.list(visit.caller)]
        if address in names and REGISTRY.fullmatch(address):
            catalog = self._services.catalog
            found = await catalog.repositories(visit.caller, address, limit=MOST_COMPARED)
            names = [str(repository.name) for repository in found]
        return next(iter(get_close_matches(asked, names, n=1)), None)

    def _plain(self, visit: Visit, status: HTTPStatus, message: str) -> Response:
        heading = HEADINGS.get(status, status.phrase)
        page, said = "error.html", sentence(message)
        return self._view.page(visit, page, status, number=int(status), heading=heading, sentence=said)


def _methods(request: Request) -> list[str]:
    """Return what may be done at the address asked for."""
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in routes for method in route.methods})
