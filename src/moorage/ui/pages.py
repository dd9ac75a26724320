"""The web interface as a whole: every page's address, in one table.

    /                          registries          /dmc/shop/api              tags
    /-/new                     create one          /dmc/shop/api/-/images     images by digest
    /dmc                       repositories        /dmc/shop/api/-/settings   description
    /dmc/-/push                how to push         /dmc/shop/api/-/delete     the question before
    /dmc/-/settings, delete    one registry        /dmc/shop/api:2.14.1       leads to the tag

`-` cannot begin a part of a repository's name, so `/-/` never collides with one.
"""

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage.domain.errors import MoorageError
from moorage.ui.account import AccountPages
from moorage.ui.deletion import DeletionPages
from moorage.ui.errors import ErrorPages
from moorage.ui.registries import RegistryPages
from moorage.ui.repositories import RepositoryPages
from moorage.ui.sign_in import SignInPages
from moorage.ui.view import Assets, View
from moorage.ui.visit import UiServices, UiSettings, Visits

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


def build(services: UiServices, settings: UiSettings) -> ASGIApp:
    """Return the application that answers everything the programs' interfaces do not."""
    assets = Assets()
    view = View(settings, assets)
    visits = Visits(services.accounts, settings)
    errors = ErrorPages(services, visits, view)
    app = Starlette(
        routes=[
            Route("/-/static/{name:path}", assets.serve),
            *_routes_of_people(visits, SignInPages(services, view), AccountPages(services, view)),
            *_routes_of_registries(visits, RegistryPages(services, view)),
            *_routes_of_repositories(visits, RepositoryPages(services, view), DeletionPages(services, view)),
        ],
        exception_handlers={
            MoorageError: errors.refused,
            HTTPException: errors.unrouted,
            Exception: errors.broken,
        },
    )
    app.router.redirect_slashes = False
    return SafeHeaders(app)


class SafeHeaders:
    """Puts the headers that every page has on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_safely)


def _routes_of_people(visits: Visits, sign_in: SignInPages, account: AccountPages) -> list[Route]:
    return [
        Route("/-/sign-in", visits.open_page(sign_in.show)),
        Route("/-/sign-in", visits.open_page(sign_in.sign_in), methods=["POST"]),
        Route("/-/sign-out", visits.page(sign_in.sign_out), methods=["POST"]),
        Route("/-/theme", visits.open_page(sign_in.theme), methods=["POST"]),
        Route("/-/account", visits.page(account.show)),
        Route("/-/account", visits.page(account.change_password), methods=["POST"]),
    ]


def _routes_of_registries(visits: Visits, pages: RegistryPages) -> list[Route]:
    return [
        Route("/", visits.page(pages.index)),
        Route("/-/new", visits.page(pages.new)),
        Route("/-/new", visits.page(pages.create), methods=["POST"]),
        Route("/-/name-check", visits.page(pages.name_check)),
        Route("/{registry}", visits.page(pages.show)),
        Route("/{registry}/-/push", visits.page(pages.push)),
        Route("/{registry}/-/settings", visits.page(pages.settings)),
        Route("/{registry}/-/settings", visits.page(pages.save), methods=["POST"]),
        Route("/{registry}/-/delete", visits.page(pages.question)),
        Route("/{registry}/-/delete", visits.page(pages.delete), methods=["POST"]),
    ]


def _routes_of_repositories(visits: Visits, pages: RepositoryPages, deletion: DeletionPages) -> list[Route]:
    return [
        Route("/{registry}/{path:path}/-/images", visits.page(pages.images)),
        Route("/{registry}/{path:path}/-/settings", visits.page(pages.settings)),
        Route("/{registry}/{path:path}/-/settings", visits.page(pages.save), methods=["POST"]),
        Route("/{registry}/{path:path}/-/delete", visits.page(deletion.question)),
        Route("/{registry}/{path:path}/-/delete", visits.page(deletion.delete), methods=["POST"]),
        Route("/{registry}/{path:path}", visits.page(pages.show)),
    ]
