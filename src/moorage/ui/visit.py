"""A visit: one request of one person, with everything a page needs to know about it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moorage.domain.access import ANONYMOUS, Action, Caller, is_allowed
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import REGISTRY, Repository, parse_repository
from moorage.domain.room import Room
from moorage.services.access import Access
from moorage.services.accounts import AccountService
from moorage.services.catalog import CatalogService
from moorage.services.cleanup import CleanupService
from moorage.services.collect import CollectService
from moorage.services.disk import DiskService
from moorage.services.immutable import ImmutableTagService
from moorage.services.manifests import ManifestService
from moorage.services.records import Session
from moorage.services.registries import RegistryService
from moorage.services.registry_trash import RegistryTrashService
from moorage.services.retention import RetentionService
from moorage.services.retention_runs import RetentionRunService
from moorage.services.run_trash import RunTrashService
from moorage.services.server_quota import ServerQuotaService
from moorage.services.tags import TagService
from moorage.services.trash import TrashService
from moorage.services.verify import VerifyService
from moorage.services.web_sign_in import WebSignInService
from moorage.ui.session import Toast, Undo, is_own_form, is_own_origin, keep_toast, session_cookie
from moorage.ui.site import Site, site_of

LARGEST_FORM = 256 * 1024
MOST_FIELDS = 2_000
IDLE_SECONDS = 30
"""How long a form may stand still on its way here."""

PAGE_SIZES = (50, 100, 200)
FOREIGN_FORM = "this form did not come from a page of your present session; open the page again and repeat it there"


@dataclass(frozen=True, slots=True)
class UiServices:
    """The use cases that pages call."""

    access: Access
    accounts: AccountService
    registries: RegistryService
    catalog: CatalogService
    manifests: ManifestService
    tags: TagService
    immutable: ImmutableTagService
    elsewhere: WebSignInService
    verify: VerifyService
    trash: TrashService
    registry_trash: RegistryTrashService
    collect: CollectService
    retention: RetentionService
    server_quota: ServerQuotaService
    retention_runs: RetentionRunService
    run_trash: RunTrashService
    cleanup: CleanupService
    disk: DiskService
    retention_at: str | None = None
    """When rules run each day, as `02:00` in UTC; None for only when somebody asks for it."""


def _no_room() -> None:
    return None


@dataclass(frozen=True, slots=True)
class UiSettings:
    """What pages need to know about the server; `room` says at once what is left on its disk, as far as is known.

    `external_url` is where people reach it if that differs from what they ask for; `has_own_authority` tells whether
    `/ca.crt` is needed to trust it; `clock` gives Unix seconds.
    """

    version: str
    clock: Callable[[], float]
    external_url: str | None = None
    has_own_authority: bool = False
    room: Callable[[], Room | None] = _no_room


Fields = ImmutableMultiDict[str, str]


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks (`session` None: nobody in particular), for what, and the form they sent."""

    request: Request
    site: Site
    caller: Caller = ANONYMOUS
    session: Session | None = None
    form: Fields = field(default_factory=ImmutableMultiDict)

    @property
    def client(self) -> str:
        """The address that the browser connects from."""
        return self.request.client.host if self.request.client else ""

    @property
    def path(self) -> str:
        """The path asked for, quoted, with its query."""
        url = self.request.url
        path = quote(url.path, safe="/:@!$&'()*+,;=~")
        return f"{path}?{url.query}" if url.query else path

    @property
    def asked(self) -> Fields:
        """The query."""
        return self.request.query_params

    @property
    def rows(self) -> int:
        """How many rows a page of a list has."""
        return next((size for size in PAGE_SIZES if self.asked.get("n") == str(size)), PAGE_SIZES[0])

    @property
    def address(self) -> str:
        """The address of the registry that the path names; NOT_FOUND if it can be none."""
        text = str(self.request.path_params["registry"])
        if REGISTRY.fullmatch(text) is None:
            raise MoorageError(ErrorCode.NOT_FOUND)
        return text

    @property
    def repository(self) -> Repository:
        """The repository that the path names; NAME_INVALID if it can be none."""
        return parse_repository(f"{self.address}/{self.request.path_params['path']}")

    def may(self, action: Action) -> bool:
        """Tell whether the caller may do something on the server as a whole."""
        return is_allowed(self.caller, action)

    def link(self, **changes: str | int | None) -> str:
        """Return this page's query with some of it changed; None takes a part away."""
        parts = {**dict(self.asked), **changes}
        return "?" + urlencode({name: value for name, value in parts.items() if value not in {None, ""}})

    def next(self, path: str, text: str = "", more: str = "", undo: Undo | None = None) -> Response:
        """Go on to another page after a change, which says what was done."""
        response = RedirectResponse(path, 303)
        if text:
            keep_toast(response, self.site, Toast(text, more, undo))
        return response


Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Visits:
    """Makes visits of requests."""

    def __init__(self, accounts: AccountService, settings: UiSettings) -> None:
        self._accounts = accounts
        self._settings = settings

    async def of(self, request: Request) -> Visit:
        """Find out who asks."""
        site = site_of(request, self._settings.external_url)
        cookie = session_cookie(request, site)
        found = await self._accounts.session(cookie) if cookie else None
        if found:
            request.state.user = found[0].name
            request.state.target = _target(request)
        return Visit(request, site, *found) if found else Visit(request, site)

    def anonymous(self, request: Request) -> Visit:
        """Ask nobody, not even the database."""
        return Visit(request, site_of(request, self._settings.external_url))

    def page(self, handler: Handler) -> Endpoint:
        """Return an endpoint whose POST must carry the token of the session."""

        async def endpoint(request: Request) -> Response:
            moved = _lower_case(request)
            if moved is not None:
                return RedirectResponse(moved, 308)
            visit = await self.of(request)
            if request.method == "POST":
                session = visit.session
                if session is None:
                    return sign_in_first(visit)
                form = (await _with_form(visit)).form
                # It may have taken its time: who asks is who they are now.
                visit = replace(await self.of(request), form=form)
                if visit.session is None:
                    return sign_in_first(visit)
                if not is_own_form(session, visit.form.get("csrf", "")):
                    raise MoorageError(ErrorCode.DENIED, FOREIGN_FORM)
            return await handler(visit)

        return endpoint

    def open_page(self, handler: Handler) -> Endpoint:
        """Return an endpoint whose POST needs no session, only a form of this server: sign in, choose a theme."""

        async def endpoint(request: Request) -> Response:
            visit = await self.of(request)
            return await handler(await _with_form(visit) if request.method == "POST" else visit)

        return endpoint


def sign_in_first(visit: Visit) -> Response:
    """Send somebody to the sign-in page, and then back here."""
    return RedirectResponse("/-/sign-in?" + urlencode({"next": visit.path}), 303)


async def _with_form(visit: Visit) -> Visit:
    if not is_own_origin(visit.request, visit.site):
        raise MoorageError(ErrorCode.DENIED, FOREIGN_FORM)
    try:
        body = await _body(visit.request)
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise MoorageError(ErrorCode.VALUE_INVALID, "this is no form that a page of this server sends") from None
    return Visit(visit.request, visit.site, visit.caller, visit.session, ImmutableMultiDict(pairs))


async def _body(request: Request) -> bytes:
    body, pieces = bytearray(), request.stream()
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                piece = await anext(pieces, None)
        except TimeoutError:
            message = f"the form stood still for {IDLE_SECONDS} seconds; send it again"
            raise MoorageError(ErrorCode.STALLED, message) from None
        if piece is None:
            return bytes(body)
        body += piece
        if len(body) > LARGEST_FORM:
            raise MoorageError(ErrorCode.TOO_LARGE, "this form holds more than its fields can need")


def _target(request: Request) -> str | None:
    """Return the registry or repository that a path names, for what keeps track of refusals."""
    registry, path = (str(request.path_params.get(name, "")).lower() for name in ("registry", "path"))
    return f"{registry}/{path}" if path else registry or None


def _lower_case(request: Request) -> str | None:
    """Return the same path with the registry's address in lower case, if it was not."""
    registry = str(request.path_params.get("registry", ""))
    if registry == registry.lower() or REGISTRY.fullmatch(registry) is None:
        return None
    rest = quote(request.url.path[1 + len(registry) :], safe="/:@!$&'()*+,;=~")
    query = f"?{request.url.query}" if request.url.query else ""
    return f"/{registry.lower()}{rest}{query}"
