"""Signing in and out, and the theme of a browser."""

from starlette.responses import RedirectResponse, Response

from moorage.domain.access import ANONYMOUS
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.ui.session import (
    THEME_COOKIE,
    THEMES,
    YEAR,
    drop_session,
    keep_session,
    own_path,
    session_cookie,
)
from moorage.ui.view import View, sentence, with_wait
from moorage.ui.visit import UiServices, Visit

WRONG = "User name or password is wrong."
ENDED = "You were signed out."

TOLD = frozenset({ErrorCode.TOO_MANY, ErrorCode.UNAVAILABLE, ErrorCode.DENIED, ErrorCode.UNAUTHORIZED})
"""What the form itself says: wait, a directory is silent, an account must be linked first, this one is closed."""


class SignInPages:
    """The door."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def show(self, visit: Visit) -> Response:
        """Ask for user name and password."""
        was_here = visit.session is None and session_cookie(visit.request, visit.site) is not None
        return await self._page(visit, visit.asked.get("next", "/"), note=ENDED if was_here else "")

    async def sign_in(self, visit: Visit) -> Response:
        """Open a session and go on to where one wanted to go; the same text for whatever was wrong."""
        user, password = visit.form.get("user", ""), visit.form.get("password", "")
        target = visit.form.get("next", "/")
        try:
            opened = await self._services.accounts.sign_in(user, password, address=visit.client)
        except MoorageError as error:
            if error.error not in TOLD:
                raise
            status = int(error.error.status) if error.error is not ErrorCode.UNAUTHORIZED else 422
            return with_wait(await self._page(visit, target, status, user=user, error=sentence(error.message)), error)
        if opened is None:
            return await self._page(visit, target, 422, user=user, error=WRONG)
        before = session_cookie(visit.request, visit.site)
        if before:
            await self._services.accounts.sign_out(before)
        cookie, session = opened
        response = RedirectResponse(own_path(target), 303)
        keep_session(response, visit.site, cookie, session)
        return response

    async def sign_out(self, visit: Visit) -> Response:
        """End the session here and in the browser."""
        cookie = session_cookie(visit.request, visit.site)
        if cookie:
            await self._services.accounts.sign_out(cookie)
        response = RedirectResponse("/-/sign-in", 303)
        drop_session(response, visit.site)
        return response

    async def theme(self, visit: Visit) -> Response:
        """Keep a theme for this browser, where there is no script to do it."""
        response = RedirectResponse(own_path(visit.form.get("next", "/")), 303)
        theme = visit.form.get("theme", "")
        if theme in THEMES:
            response.set_cookie(THEME_COOKIE, theme, max_age=YEAR, path="/", samesite="lax")
        return response

    async def refused(self, visit: Visit, target: str, status: int, error: str) -> Response:
        """Ask again, after a directory elsewhere has not let somebody in."""
        return await self._page(visit, target, status, error=error)

    async def _page(
        self, visit: Visit, target: str, status: int = 200, user: str = "", note: str = "", error: str = ""
    ) -> Response:
        is_public = bool(await self._services.catalog.names(ANONYMOUS, "", 1))
        return self._view.page(
            visit,
            "sign-in.html",
            status,
            target=own_path(target),
            user=user,
            note=note,
            error=error,
            is_public=is_public,
            offers=self._services.elsewhere.offers,
        )
