"""Bearer tokens: what an account was granted, signed with the server's own keys and with nothing else.

Three kinds, told apart by the `typ` of their header (https://www.rfc-editor.org/rfc/rfc8725#section-3.11):

    access+jwt    goes with every request: asked and granted actions by repository; five minutes
    refresh+jwt   goes to /token only, in place of a password: a year, or until the password changes
    sign-in+jwt   goes to the browser that signs in at a directory, and back: ten minutes

What an account may do is never read from a token: it is looked up when the token is used. So is the access token that
a bearer token was issued for.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, ConfigDict, ValidationError

from moorage.domain.access import Caller, Given, Role, Scope
from moorage.services.records import Account

SERVICE = "moorage"
"""Who issues tokens and whom they are for; the `service` of challenges."""

LIFETIME = 300
SIGN_IN_LIFETIME = 600
REFRESH_LIFETIME = 365 * 24 * 3600
ALGORITHM = "HS256"
CLOCKS_DIFFER = 60
"""Seconds that the clocks of two servers of one installation may lie apart."""

HEADER = frozenset({"alg", "kid", "typ"})
"""All that a header may hold: what names keys elsewhere (jwk, jku, x5c, …) makes a token no token of ours."""

Kind = Literal["access+jwt", "refresh+jwt", "sign-in+jwt"]


class TokenError(Exception):
    """Why a token is none of ours, in words for whoever sent it."""


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    iss: Literal["moorage"]
    aud: Literal["moorage"]
    sub: str
    iat: int
    exp: int
    nbf: int = 0


class _Access(_Payload):
    uid: int | None
    asked: dict[str, list[str]]
    granted: dict[str, list[str]]
    given: list[tuple[str, str]] | None = None
    tid: int | None = None


class _Refresh(_Payload):
    uid: int
    pwd: str


class _SignIn(_Payload):
    uid: int | None
    secret: str
    target: str


P = TypeVar("P", bound=_Payload)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified bearer token says; `user_id` is None in the token of a machine, or of nobody in particular.

    `access_token` is the id of the access token it was issued for, without which it is worth nothing.
    """

    user_id: int | None
    name: str
    scope: Scope
    given: Given | None = None
    access_token: int | None = None


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """What a verified refresh token says; `password` is the mark of the password it was given for."""

    user_id: int
    name: str
    password: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in under way at a directory: `target` is where to go on to, `user_id` the account to link, if any."""

    directory: str
    user_id: int | None
    secret: str
    target: str


class Tokens:
    """Issues and reads tokens. `keys` are secrets by id: the first one signs, all of them verify."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {kid: OctKey.import_key(secret) for kid, secret in keys.items()}
        self._newest = next(iter(keys))
        self._registry = jws.JWSRegistry(algorithms=[ALGORITHM])

    def issue(
        self,
        caller: Caller,
        asked: Mapping[str, frozenset[str]],
        granted: Mapping[str, frozenset[str]],
        now: float,
    ) -> str:
        """Return an access token; it lasts `lifetime(caller, now)` seconds."""
        lists: dict[str, object] = {
            "asked": {name: sorted(actions) for name, actions in asked.items()},
            "granted": {name: sorted(actions) for name, actions in granted.items()},
        }
        if caller.given is not None:
            lists["given"] = caller.given.roles
        if caller.limits is not None:
            lists["tid"] = caller.limits.token_id
        return self._sign("access+jwt", caller.name, caller.user_id, int(now), lifetime(caller, now), lists)

    def read(self, token: str, now: float) -> Claims:
        """Return what an access token says, even if it has expired (`scope.expires_at`); raise TokenError."""
        payload = _parse(_Access, self._verify("access+jwt", token), now)
        scope = Scope(_sets(payload.asked), _sets(payload.granted), payload.iat, payload.exp)
        return Claims(payload.uid, payload.sub, scope, _given(payload), payload.tid)

    def issue_refresh(self, account: Account, now: float) -> str:
        """Return a refresh token, good until the account's password changes."""
        mark = {"pwd": mark_of(account.password_hash)}
        return self._sign("refresh+jwt", account.name, account.id, int(now), REFRESH_LIFETIME, mark)

    def read_refresh(self, token: str, now: float) -> RefreshClaims:
        """Return what a refresh token says; raise TokenError, also when it has expired."""
        payload = _parse(_Refresh, self._verify("refresh+jwt", token), now)
        if payload.exp <= now:
            raise TokenError("this refresh token has expired; sign in again")
        return RefreshClaims(payload.uid, payload.sub, payload.pwd)

    def issue_sign_in(self, begun: SignIn, now: float) -> str:
        """Return what the browser keeps of a sign-in until it comes back."""
        more = {"secret": begun.secret, "target": begun.target}
        return self._sign("sign-in+jwt", begun.directory, begun.user_id, int(now), SIGN_IN_LIFETIME, more)

    def read_sign_in(self, token: str, now: float) -> SignIn:
        """Return the sign-in that a browser has begun; raise TokenError, also when that is too long ago."""
        payload = _parse(_SignIn, self._verify("sign-in+jwt", token), now)
        if payload.exp <= now:
            raise TokenError("this sign-in took too long")
        return SignIn(payload.sub, payload.uid, payload.secret, payload.target)

    def _sign(
        self, kind: Kind, name: str, user_id: int | None, now: int, lifetime: int, more: Mapping[str, object]
    ) -> str:
        header = {"alg": ALGORITHM, "kid": self._newest, "typ": kind}
        claims = {
            "iss": SERVICE,
            "aud": SERVICE,
            "sub": name,
            "uid": user_id,
            "iat": now,
            "exp": now + lifetime,
            "jti": secrets.token_hex(8),
            **more,
        }
        payload = json.dumps(claims, separators=(",", ":"))
        return jws.serialize_compact(header, payload, self._keys[self._newest], registry=self._registry)

    def _verify(self, kind: Kind, token: str) -> bytes:
        try:
            signed = jws.extract_compact(token.encode(), registry=self._registry)
            header = signed.headers()
            key = self._keys.get(header["kid"]) if header.keys() == HEADER and header["typ"] == kind else None
            if key is not None and jws.validate_compact(signed, key, registry=self._registry):
                return signed.payload
        except (JoseError, ValueError, TypeError, AttributeError):
            pass
        raise TokenError("this token was not issued here")


def lifetime(caller: Caller, now: float) -> int:
    """Return the seconds that an access token lasts: not longer than the token of a machine that it is given for."""
    return LIFETIME if caller.given is None else max(0, min(LIFETIME, int(caller.given.expires_at) - int(now)))


def mark_of(password_hash: str) -> str:
    """Return what tells one password hash from the next, and nothing else about it."""
    return hashlib.sha256(password_hash.encode()).hexdigest()[:32]


def _parse(shape: type[P], payload: bytes, now: float) -> P:
    try:
        claims = shape.model_validate_json(payload)
    except ValidationError:
        raise TokenError("this token is not for this server") from None
    if max(claims.nbf, claims.iat) > now + CLOCKS_DIFFER:
        raise TokenError("this token is not valid yet")
    return claims


def _given(payload: _Access) -> Given | None:
    if payload.given is None:
        return None
    try:
        roles = tuple((pattern, Role(role)) for pattern, role in payload.given)
    except ValueError:
        raise TokenError("this token is not for this server") from None
    return Given(roles, payload.exp)


def _sets(lists: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    return {name: frozenset(actions) for name, actions in lists.items()}
