"""What a row of the API's tables is, and the gate that decides by its action who gets through."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hmac import compare_digest
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Path, Request
from starlette.responses import JSONResponse, Response

from moorage.domain.access import Action, Caller
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository, address_of, parse_registry, parse_repository
from moorage.management.errors import DIVIDER
from moorage.management.grammar import A_REGISTRY, A_REPOSITORY
from moorage.management.known import check_known
from moorage.services.access import Access

PREFIX = "/api/v1"
CSRF_HEADER = "x-csrf-token"
LABEL = "management"
SAFE = frozenset({"GET", "HEAD"})
DELETED = "deleted"
"""The part of a path that names a deleted registry by its number."""
OF_TOKENS = frozenset({Action.PULL, Action.PUSH, Action.DELETE})

Callers = Callable[[Request], Awaitable[Caller]]
"""Tells who asks; raises UNAUTHORIZED when what was presented is no good, and answers ANONYMOUS when nothing was."""

Csrf = Callable[[Request], Awaitable[str | None]]
"""Returns the token that changes must repeat when a session's cookie says who asks; None when a header says it."""


@dataclass(frozen=True, slots=True)
class Route:
    """A row: what is asked at which path below `/api/v1`, the permission it needs, and who answers."""

    method: str
    path: str
    action: Action
    handler: Callable[..., Awaitable[Any]]
    status: int = 200
    response_class: type[Response] = JSONResponse


class Gate:
    """Stands before every handler: finds out who asks, and lets through who may."""

    def __init__(self, access: Access, callers: Callers, csrf: Csrf) -> None:
        self._access = access
        self._callers = callers
        self._csrf = csrf

    def before(self, action: Action, *, has_condition: bool = False) -> Callable[[Request], Awaitable[None]]:
        """Return the check for routes that need an action; what it is done to stands in their path.

        Without `has_condition` they can't tell whether what `If-Match` names has changed, and refuse to go on.
        """

        async def check(request: Request) -> None:
            request.state.route = LABEL
            if request.method not in SAFE:
                await self._check_intent(request)
            caller = await self._callers(request)
            request.state.caller, request.state.user, request.state.token = caller, caller.name, caller.token
            await self._check(caller, action, request)
            if "if-match" in request.headers and request.method not in SAFE and not has_condition:
                raise MoorageError(ErrorCode.PRECONDITION_FAILED, "this has no ETag that If-Match could name")
            check_known(request)

        return check

    async def _check(self, caller: Caller, action: Action, request: Request) -> None:
        registry = request.path_params.get("registry")
        path = request.path_params.get("repository")
        if registry is not None:
            request.state.target = f"{registry.lower()}/{path}" if path else registry.lower()
        # A token of the token service is for content, and only for the repositories it names.
        if caller.scope is not None and (path is None or action not in OF_TOKENS):
            message = "this token is for pushing and pulling; use a password here"
            raise MoorageError(ErrorCode.DENIED, message)
        if action is Action.OWN_ACCOUNT:
            self._access.check_account(caller, request.path_params["user"])
        elif DELETED in request.path_params:
            # Whoever owned it is told; which that is, is known once it is found.
            self._access.check_may_own(caller)
        elif registry is None:
            self._access.check_server(caller, action)
        elif path is None:
            await self._access.check_registry(caller, action, registry_address(registry))
        else:
            await self._access.check(caller, action, repository_of(registry, path))

    async def _check_intent(self, request: Request) -> None:
        """Refuse changes that another site's page makes with this browser's cookie, or the password it remembers."""
        if not _is_own_origin(request):
            raise MoorageError(ErrorCode.DENIED, "a page of another site may not change anything here")
        token = await self._csrf(request)
        sent = request.headers.get(CSRF_HEADER, "")
        if token is not None and not compare_digest(token.encode(), sent.encode()):
            raise MoorageError(ErrorCode.DENIED, "a change made with a session needs its token in X-CSRF-Token")


def _is_own_origin(request: Request) -> bool:
    """Tell whether a page of this server asks, or a program; browsers say which page it is."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    if origin is None:
        return True
    authority = origin.lower().partition("://")[2]
    return authority != "" and authority == request.headers.get("host", "").lower()


RegistryInPath = Annotated[str, Path(description="The registry's address.", json_schema_extra=A_REGISTRY)]
RepositoryInPath = Annotated[
    str, Path(description="The repository's name in it, slashes and all.", json_schema_extra=A_REPOSITORY)
]


def registry_address(registry: str) -> str:
    """Return the address of the registry that a path names, however its letters are written."""
    return address_of(parse_registry(registry))


def repository_of(
    registry: RegistryInPath,
    repository: RepositoryInPath,
) -> Repository:
    """Return the repository that a path names; raise NOT_FOUND for what no route asks of one."""
    if DIVIDER in repository:
        # The routes of a repository itself take all that those before them have left.
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return parse_repository(f"{registry_address(registry)}/{repository}")


def _address(registry: RegistryInPath) -> str:
    return registry_address(registry)


def _caller(request: Request) -> Caller:
    found: Caller = request.state.caller
    return found


FromCaller = Annotated[Caller, Depends(_caller)]
InRegistry = Annotated[str, Depends(_address)]
InRepository = Annotated[Repository, Depends(repository_of)]
