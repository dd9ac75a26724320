"""The web interface as a whole: every page's address, in one table.

    /                          registries          /dmc/shop/api              tags
    /-/new                     create one          /dmc/shop/api/-/images     images by digest
    /dmc                       repositories        /dmc/shop/api/-/settings   description
    /dmc/-/push                how to push         /dmc/shop/api/-/delete     the question before
    /dmc/-/settings, delete    one registry        /dmc/shop/api/-/tags       a tag's history
    /dmc/-/policies            what never moves    /dmc/shop/api:2.14.1       leads to the tag
    /dmc/-/deleted             what can be restored
    /-/deleted                 registries that can be

`-` cannot begin a part of a repository's name, so `/-/` never collides with one.
"""

from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from moorage.domain.access import Action
from moorage.domain.errors import MoorageError
from moorage.ui.account import AccountPages
from moorage.ui.deleted_registries import DeletedRegistryPages
from moorage.ui.deletion import DeletionPages
from moorage.ui.elsewhere import ElsewherePages
from moorage.ui.errors import ErrorPages
from moorage.ui.history import HistoryPages
from moorage.ui.policies import PolicyPages
from moorage.ui.registries import RegistryPages
from moorage.ui.registry_deletion import RegistryDeletionPages
from moorage.ui.repositories import RepositoryPages
from moorage.ui.retention import RetentionPages
from moorage.ui.sign_in import SignInPages
from moorage.ui.storage import StoragePages
from moorage.ui.trash import TrashPages
from moorage.ui.view import Assets, View
from moorage.ui.visit import Handler, UiServices, UiSettings, Visits

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A row: the permission it needs, on what its path names, and who answers; a door is open without a session."""

    method: str
    path: str
    action: Action
    handler: Handler
    is_door: bool = False


def build(services: UiServices, settings: UiSettings) -> "SafeHeaders":
    """Return the application that answers everything the programs' interfaces do not."""
    assets = Assets()
    view = View(settings, assets)
    visits = Visits(services.accounts, settings)
    errors = ErrorPages(services, visits, view)
    app = Starlette(
        routes=[
            Route("/-/static/{name:path}", assets.serve),
            *(_route(page, visits) for page in table(services, view)),
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

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.routes = app.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_safely)


def table(services: UiServices, view: View) -> tuple[Page, ...]:
    """Return every page."""
    sign_in = SignInPages(services, view)
    return (
        *_pages_of_people(sign_in, AccountPages(services, view)),
        *_pages_of_server(StoragePages(services, view)),
        *_pages_elsewhere(ElsewherePages(services, view, sign_in)),
        *_pages_of_registries(RegistryPages(services, view), RegistryDeletionPages(services, view)),
        *_pages_of_tags(PolicyPages(services, view), HistoryPages(services, view)),
        *_pages_of_retention(RetentionPages(services, view)),
        *_pages_of_trash(TrashPages(services, view), DeletedRegistryPages(services, view)),
        *_pages_of_repositories(RepositoryPages(services, view), DeletionPages(services, view)),
    )


def _route(page: Page, visits: Visits) -> Route:
    endpoint = visits.open_page(page.handler) if page.is_door else visits.page(page.handler)
    return Route(page.path, endpoint, methods=[page.method])


def _pages_of_people(sign_in: SignInPages, account: AccountPages) -> tuple[Page, ...]:
    return (
        Page("GET", "/-/sign-in", Action.ANYONE, sign_in.show, is_door=True),
        Page("POST", "/-/sign-in", Action.ANYONE, sign_in.sign_in, is_door=True),
        Page("POST", "/-/sign-out", Action.SIGNED_IN, sign_in.sign_out),
        Page("POST", "/-/theme", Action.ANYONE, sign_in.theme, is_door=True),
        Page("GET", "/-/account", Action.SIGNED_IN, account.show),
        Page("POST", "/-/account", Action.SIGNED_IN, account.change_password),
        Page("POST", "/-/account/link/{directory}/password", Action.SIGNED_IN, account.link),
        Page("POST", "/-/account/unlink/{directory}", Action.SIGNED_IN, account.unlink),
    )


def _pages_of_server(storage: StoragePages) -> tuple[Page, ...]:
    return (
        Page("GET", "/-/admin/storage", Action.ADMINISTER_SERVER, storage.show),
        Page("POST", "/-/admin/storage", Action.ADMINISTER_SERVER, storage.verify),
        Page("POST", "/-/admin/storage/clean", Action.ADMINISTER_SERVER, storage.clean),
    )


def _pages_elsewhere(pages: ElsewherePages) -> tuple[Page, ...]:
    return (
        Page("GET", "/-/sign-in/{directory}", Action.ANYONE, pages.leave, is_door=True),
        Page("GET", "/-/sign-in/{directory}/back", Action.ANYONE, pages.arrive, is_door=True),
        Page("POST", "/-/account/link/{directory}", Action.SIGNED_IN, pages.link),
    )


def _pages_of_registries(pages: RegistryPages, deletion: RegistryDeletionPages) -> tuple[Page, ...]:
    one, settings, delete = "/{registry}", "/{registry}/-/settings", "/{registry}/-/delete"
    return (
        Page("GET", "/", Action.LIST, pages.index),
        Page("GET", "/-/new", Action.CREATE_REGISTRY, pages.new),
        Page("POST", "/-/new", Action.CREATE_REGISTRY, pages.create),
        Page("GET", "/-/name-check", Action.CREATE_REGISTRY, pages.name_check),
        Page("GET", one, Action.PULL, pages.show),
        Page("GET", one + "/-/push", Action.PULL, pages.push),
        Page("GET", settings, Action.DESCRIBE, pages.settings),
        Page("POST", settings, Action.DESCRIBE, pages.save),
        Page("GET", delete, Action.ADMINISTER_REGISTRY, deletion.question),
        Page("POST", delete, Action.ADMINISTER_REGISTRY, deletion.delete),
    )


def _pages_of_tags(policies: PolicyPages, history: HistoryPages) -> tuple[Page, ...]:
    rules, tags = "/{registry}/-/policies", "/{registry}/{path:path}/-/tags"
    return (
        Page("GET", rules, Action.PUSH, policies.show),
        Page("POST", rules, Action.ADMINISTER_REGISTRY, policies.add),
        Page("POST", rules + "/remove", Action.ADMINISTER_REGISTRY, policies.remove),
        Page("POST", rules + "/quota", Action.ADMINISTER_SERVER, policies.limit),
        Page("GET", tags, Action.PULL, history.show),
        Page("POST", tags, Action.PUSH, history.move),
    )


def _pages_of_retention(pages: RetentionPages) -> tuple[Page, ...]:
    tab = "/{registry}/-/policies"
    return (
        Page("POST", tab + "/retention", Action.DESCRIBE, pages.change),
        Page("POST", tab + "/run", Action.DELETE, pages.run),
        Page("GET", tab + "/rule", Action.DESCRIBE, pages.form),
        Page("POST", tab + "/rule", Action.DESCRIBE, pages.save),
        Page("GET", tab + "/preview", Action.PIN, pages.preview),
        Page("GET", tab + "/preview.csv", Action.PIN, pages.as_csv),
    )


def _pages_of_trash(pages: TrashPages, registries: DeletedRegistryPages) -> tuple[Page, ...]:
    every, one = "/{registry}/-/deleted", "/-/deleted/{deleted}"
    owner = Action.ADMINISTER_REGISTRY
    return (
        Page("GET", "/-/deleted", Action.SIGNED_IN, registries.index),
        Page("POST", "/-/deleted", Action.SIGNED_IN, registries.restore),
        Page("GET", one, owner, registries.show),
        Page("GET", one + "/free", owner, registries.question),
        Page("POST", one + "/free", owner, registries.free),
        Page("GET", one + "/of/{inside:path}", owner, registries.images),
        Page("GET", "/{registry}/{path:path}/-/deleted/{entry}", Action.DELETE, pages.images),
        Page("GET", every, Action.PULL, pages.show),
        Page("POST", every, Action.PULL, pages.restore),
        Page("GET", every + "/free", Action.ADMINISTER_REGISTRY, pages.question),
        Page("POST", every + "/free", Action.ADMINISTER_REGISTRY, pages.free),
    )


def _pages_of_repositories(pages: RepositoryPages, deletion: DeletionPages) -> tuple[Page, ...]:
    one = "/{registry}/{path:path}"
    settings, delete = one + "/-/settings", one + "/-/delete"
    return (
        Page("GET", one + "/-/images", Action.PULL, pages.images),
        Page("GET", settings, Action.DESCRIBE, pages.settings),
        Page("POST", settings, Action.DESCRIBE, pages.save),
        Page("GET", delete, Action.DELETE, deletion.question),
        Page("POST", delete, Action.DELETE, deletion.delete),
        Page("GET", one, Action.PULL, pages.show),
    )
