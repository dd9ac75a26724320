"""The whole distribution API as one table, and the way of a request through it.

    scope ─▶ row and names (remembered per path) ─▶ caller (one look-up for a token seen before)
          ─▶ permission (services/access.py) ─▶ handler ─▶ answer
       └── what will be read, begun (foresight.py) ──┘

Names contain slashes, so a row's pattern is matched as a whole, in the order of the table.
"""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

from moorage.distribution.blobs import BlobHandlers
from moorage.distribution.catalog import CatalogHandlers
from moorage.distribution.foresight import Callers, Foresight
from moorage.distribution.http import Answer, Receive, Request, Scope, Send, error_answer, read_headers, send_answer
from moorage.distribution.manifests import ManifestHandlers
from moorage.distribution.token import TokenHandlers
from moorage.distribution.uploads import UploadHandlers
from moorage.domain.access import Action
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import REPOSITORY, Repository, parse_repository
from moorage.services.access import Access

Handler = Callable[..., Awaitable[Answer]]

PATHS_REMEMBERED = 8192
LONGEST_PATH = 1024

# What a challenge asks the token service for: docker pushes with what it may also pull.
SCOPES = {Action.PULL: "pull", Action.PUSH: "pull,push", Action.DELETE: "delete"}


@dataclass(frozen=True, slots=True)
class Route:
    """A row: `template` has {name} for a repository, {reference}, {digest} or {id}; `label` is for the metrics.

    On a `lenient` row a token that has just expired still counts, for the upload it began. `foresee` begins what the
    handler will read first.
    """

    method: str
    template: str
    action: Action
    handler: Handler
    label: str
    is_lenient: bool = False
    foresee: Callable[..., None] | None = None


def table(
    uploads: UploadHandlers,
    blobs: BlobHandlers,
    manifests: ManifestHandlers,
    catalog: CatalogHandlers,
    token: TokenHandlers,
) -> tuple[Route, ...]:
    """Return every route of the API, the most asked for first."""
    image, blob = "/v2/{name}/manifests/{reference}", "/v2/{name}/blobs/{digest}"
    in_session = partial(
        Route,
        template="/v2/{name}/blobs/uploads/{id}",
        action=Action.PUSH,
        label="upload",
        is_lenient=True,
        foresee=uploads.foresee,
    )
    return (
        Route("GET", image, Action.PULL, manifests.get, "manifest", foresee=manifests.foresee),
        Route("HEAD", image, Action.PULL, manifests.head, "manifest", foresee=manifests.foresee),
        Route("PUT", image, Action.PUSH, manifests.put, "manifest"),
        Route("DELETE", image, Action.DELETE, manifests.delete, "manifest"),
        Route("POST", "/v2/{name}/blobs/uploads/", Action.PUSH, uploads.begin, "upload"),
        in_session("GET", handler=uploads.status),
        in_session("PATCH", handler=uploads.append),
        in_session("PUT", handler=uploads.finish),
        in_session("DELETE", handler=uploads.cancel),
        Route("HEAD", blob, Action.PULL, blobs.head, "blob", foresee=blobs.foresee),
        Route("GET", blob, Action.PULL, blobs.get, "blob", foresee=blobs.foresee),
        Route("DELETE", blob, Action.DELETE, blobs.delete, "blob"),
        Route("GET", "/v2/{name}/tags/list", Action.PULL, manifests.tags, "tags"),
        Route("GET", "/v2/{name}/referrers/{digest}", Action.PULL, manifests.referrers, "referrers"),
        Route("GET", "/v2/_catalog", Action.LIST, catalog.names, "catalog"),
        Route("GET", "/v2/", Action.ANYONE, catalog.version, "version"),
        Route("HEAD", "/v2/", Action.ANYONE, catalog.version, "version"),
        Route("GET", "/token", Action.ANYONE, token.get, "token"),
        Route("POST", "/token", Action.ANYONE, token.post, "token"),
        Route("GET", "/v1/_ping", Action.ANYONE, catalog.ping, "search"),
        Route("GET", "/v1/search", Action.LIST, catalog.search, "search"),
    )


class Challenge(Protocol):
    """Writes the WWW-Authenticate header."""

    def __call__(self, scope: Scope, wanted: str | None, *, is_insufficient: bool) -> str:
        """Return a Bearer challenge for a request, asking for the scope `wanted`."""


@dataclass(frozen=True, slots=True)
class Found:
    """A row with the names a path gave it; the repository's is an error where it is no valid name."""

    route: Route
    repository: Repository | None
    rest: tuple[str, ...]


class DistributionApi:
    """The ASGI application of the distribution API."""

    def __init__(  # the parts
        self,
        routes: tuple[Route, ...],
        callers: Callers,
        access: Access,
        challenge: Challenge,
        foresight: Foresight | None = None,
    ) -> None:
        self.routes = routes
        self._foresight = foresight
        self._rows = [(route, _pattern(route.template)) for route in routes]
        self._callers = callers
        self._access = access
        self._challenge = challenge
        self._find = lru_cache(maxsize=PATHS_REMEMBERED)(self._find_row)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; every error is an envelope."""
        request = Request(scope, receive, {})
        found: Found | None = None
        try:
            request.headers = read_headers(scope["headers"])
            found = self._find(scope["method"], _path(scope))
            scope["state"]["route"] = found.route.label
            answer = await self._answer(request, found)
        except MoorageError as error:
            if found is not None and found.repository is not None:
                scope["state"]["target"] = str(found.repository)
            scope["state"] |= {"token": request.caller.token, "hidden": error.is_hidden}
            answer = error_answer(error, self._challenge_for(request, found, error))
        await send_answer(answer, scope, send)
        await request.drain()

    async def _answer(self, request: Request, found: Found) -> Answer:
        route = found.route
        if self._foresight is not None and route.foresee is not None and found.repository is not None:
            foresee = partial(route.foresee, found.repository, *found.rest)
            self._foresight.begin(request.headers.get(b"authorization"), route.action, found.repository, foresee)
        if route.label != "token":
            await self._meet(request, route)
        if b"content-encoding" in request.headers:
            raise MoorageError(ErrorCode.UNSUPPORTED_ENCODING)
        if found.repository is None:
            return await route.handler(request, *found.rest)
        request.registry = await self._access.check(request.caller, route.action, found.repository)
        if route.action is Action.PUSH:
            request.check = partial(self._check_again, request, route, found.repository)
        return await route.handler(request, found.repository, *found.rest)

    async def _meet(self, request: Request, route: Route) -> None:
        """Find out who asks."""
        request.caller = await self._callers.of(
            request.headers.get(b"authorization"), time.time(), address=request.address, lenient=route.is_lenient
        )
        request.scope["state"]["user"] = request.caller.name

    async def _check_again(self, request: Request, route: Route, repository: Repository) -> None:
        await self._meet(request, route)
        await self._access.check(request.caller, route.action, repository)

    def _find_row(self, method: str, path: str) -> Found:
        allowed: list[str] = []
        for route, pattern in self._rows:
            match = pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == method:
                names = match.groupdict()
                repository = parse_repository(names.pop("name")) if "name" in names else None
                return Found(route, repository, tuple(names.values()))
            allowed.append(route.method)
        if allowed:
            message = f"this address takes {', '.join(allowed)}"
            raise MoorageError(ErrorCode.METHOD_UNKNOWN, message, {"allow": allowed})
        raise MoorageError(ErrorCode.NOT_FOUND, "the distribution API has nothing at this address")

    def _challenge_for(self, request: Request, found: Found | None, error: MoorageError) -> str | None:
        if error.error is not ErrorCode.UNAUTHORIZED:
            return None
        wanted = None
        if found is not None and found.repository is not None:
            wanted = f"repository:{found.repository}:{SCOPES[found.route.action]}"
            source = request.parameter("from")
            if source is not None and REPOSITORY.fullmatch(source):
                wanted += f" repository:{source}:pull"
        elif found is not None and found.route.label == "catalog":
            wanted = "registry:catalog:*"
        is_insufficient = request.caller.scope is not None
        return self._challenge(request.scope, wanted, is_insufficient=is_insufficient)


def _pattern(template: str) -> re.Pattern[str]:
    pattern = template.replace(".", r"\.").replace("{name}", "(?P<name>.+)")
    pattern = re.sub(r"\{(reference|digest|id)\}", r"(?P<\1>[^/]+)", pattern)
    # Clients write the slash at the end, or do not.
    return re.compile(pattern.removesuffix("/") + "/?" if template.endswith("/") else pattern)


def _path(scope: Scope) -> str:
    """Return the path as it was sent; a colon is the only thing that clients escape in it."""
    raw = scope.get("raw_path")
    if not raw or b"%" not in raw:
        path: str = scope["path"]
    else:
        path = raw.partition(b"?")[0].decode("latin-1").replace("%3A", ":").replace("%3a", ":")
    if len(path) > LONGEST_PATH:
        raise MoorageError(ErrorCode.NAME_INVALID, f"an address has at most {LONGEST_PATH} characters")
    if not path.isascii() or "%" in path:
        raise MoorageError(ErrorCode.NAME_INVALID, "names in an address are written as they are, without escapes")
    return path
