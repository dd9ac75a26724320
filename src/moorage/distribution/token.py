r"""The token service: for a password it gives a token that lasts five minutes and may do what was asked for.

    scope  ::= one *( SP one )                                    several: divided by spaces, or repeated
    one    ::= type ":" name ":" action *( "," action ) | "registry:catalog:*"
    type   ::= "repository" [ "(" class ")" ]                     others need no token and are passed over
    action ::= "pull" | "push" | "delete" | "*"                   others are passed over too

GET with Basic, or POST of a form. Fewer rights than asked are no error; no scope at all is how `docker login` asks.

https://distribution.github.io/distribution/spec/auth/token/
https://distribution.github.io/distribution/spec/auth/oauth/
https://distribution.github.io/distribution/spec/auth/scope/
"""

import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import parse_qs

from moorage.distribution.http import Answer, Request, json_answer
from moorage.domain.access import CATALOG, Caller
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository, parse_repository
from moorage.services.access import Access

LARGEST_FORM = 64 * 1024
MOST_FIELDS = 100
MOST_SCOPES = 32
"""More would make a token that does not fit into a header."""

SCOPE = re.compile(r"repository(?:\([a-z0-9-]{1,64}\))?:([^:\s]+):([^:\s]+)")
ACTIONS = frozenset({"pull", "push", "delete", "*"})

Scopes = Mapping[str, frozenset[str]]


class Issuer(Protocol):
    """Knows people by their secrets, and issues tokens; times are Unix seconds."""

    async def of(self, authorization: bytes | None, now: float, *, address: str = "") -> Caller:
        """Return the caller of an Authorization header, or raise UNAUTHORIZED or TOO_MANY."""

    async def known(self, name: str, password: str, now: float, *, address: str) -> Caller:
        """Return the caller of that name and password, or raise UNAUTHORIZED or TOO_MANY."""

    async def refreshed(self, token: str, now: float) -> Caller:
        """Return the caller a refresh token belongs to, or raise UNAUTHORIZED."""

    async def issue(self, caller: Caller, asked: Scopes, granted: Scopes, now: float) -> tuple[str, int]:
        """Return a bearer token and the seconds it lasts."""

    async def issue_refresh(self, caller: Caller, now: float) -> str | None:
        """Return a refresh token, or None to whom none is given."""


class TokenHandlers:
    """Requests for `/token`."""

    def __init__(self, issuer: Issuer, access: Access) -> None:
        self._issuer = issuer
        self._access = access

    async def get(self, request: Request) -> Answer:
        """GET: credentials in the Authorization header, or none for an anonymous token."""
        now = time.time()
        query = request.query
        caller = await self._issuer.of(request.headers.get(b"authorization"), now, address=request.address)
        is_offline = query.get("offline_token") == ["true"] or query.get("access_type") == ["offline"]
        refresh = await self._refresh(caller, now, is_wanted=is_offline)
        return await self._answer(request, caller, query.get("scope", []), now, refresh)

    async def post(self, request: Request) -> Answer:
        """POST: a form with a password or a refresh token."""
        now = time.time()
        form = _form(await request.read(LARGEST_FORM))
        kind, is_offline = _field(form, "grant_type"), _field(form, "access_type") == "offline"
        refresh: str | None = None
        if kind == "password":
            name, password = _field(form, "username"), _field(form, "password")
            caller = await self._issuer.known(name, password, now, address=request.address)
            refresh = await self._refresh(caller, now, is_wanted=is_offline)
        elif kind == "refresh_token":
            # The same one goes back: a new one each time would never end.
            given = _field(form, "refresh_token")
            caller = await self._issuer.refreshed(given, now)
            refresh = given if is_offline else None
        else:
            raise MoorageError(ErrorCode.UNSUPPORTED, "grant_type must be password or refresh_token")
        return await self._answer(request, caller, form.get("scope", []), now, refresh)

    async def _refresh(self, caller: Caller, now: float, *, is_wanted: bool) -> str | None:
        """Return a refresh token, which outlives any other: for accounts only."""
        return await self._issuer.issue_refresh(caller, now) if is_wanted and caller.user_id is not None else None

    async def _answer(
        self, request: Request, caller: Caller, scopes: Iterable[str], now: float, refresh: str | None
    ) -> Answer:
        request.scope["state"]["user"] = caller.name
        texts = " ".join(scopes).split(" ")
        repositories = parse_scopes(texts)
        asked = {str(name): actions for name, actions in repositories.items()}
        granted = {str(name): await self._access.grants(caller, name, repositories[name]) for name in repositories}
        if f"{CATALOG}:*" in texts:
            # Whoever lists, sees only what may be read.
            asked[CATALOG] = granted[CATALOG] = frozenset({"*"})
        token, seconds = await self._issuer.issue(caller, asked, granted, now)
        document = {
            "token": token,
            "access_token": token,
            "expires_in": seconds,
            "issued_at": datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if refresh is not None:
            document["refresh_token"] = refresh
        answer = json_answer(200, document)
        answer.cache = b"no-store"
        return answer


def parse_scopes(texts: Iterable[str]) -> dict[Repository, frozenset[str]]:
    """Return the actions asked for by repository; what names none, and actions nobody knows, are passed over."""
    asked: dict[Repository, frozenset[str]] = {}
    for text in " ".join(texts).split(" "):
        match = SCOPE.fullmatch(text)
        repository = _repository(match[1]) if match else None
        if match is None or repository is None or (repository not in asked and len(asked) == MOST_SCOPES):
            continue
        asked[repository] = asked.get(repository, frozenset()) | ACTIONS.intersection(match[2].split(","))
    return asked


def _repository(name: str) -> Repository | None:
    try:
        return parse_repository(name)
    except MoorageError:
        return None


def _form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        message = "the body must be a form (application/x-www-form-urlencoded) in UTF-8"
        raise MoorageError(ErrorCode.VALUE_INVALID, message) from None


def _field(form: Mapping[str, list[str]], name: str) -> str:
    return form.get(name, [""])[0]
