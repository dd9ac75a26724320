"""HTTP authentication: what the server asks for, and how to read what it is told.

    WWW-Authenticate: Bearer realm="https://HOST/token",service="moorage",scope="repository:dmc/ubuntu:pull"
    Authorization:    Bearer TOKEN
    Authorization:    Basic BASE64(NAME:PASSWORD)

https://distribution.github.io/distribution/spec/auth/token/, https://www.rfc-editor.org/rfc/rfc6750#section-3 and
https://www.rfc-editor.org/rfc/rfc7617. Docker asks the realm of the answer to `/v2/`, with a scope it writes itself.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.auth.tokens import SERVICE
from moorage.domain.errors import ErrorCode, MoorageError

# Host = uri-host [ ":" port ]  https://www.rfc-editor.org/rfc/rfc9110#section-7.2
_LABEL = rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST = re.compile(rb"(?:" + _LABEL + rb"(?:\." + _LABEL + rb")*\.?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
LONGEST_HOST = 260

# credentials = auth-scheme 1*SP token68  https://www.rfc-editor.org/rfc/rfc9110#section-11.4
# Every client sends one space; with more, one token could be written in endless ways.
AUTHORIZATION = re.compile(rb"([A-Za-z]+) ([A-Za-z0-9._~+/-]+=*)")
LONGEST_HEADER = 32 * 1024
"""Bytes: a token for as many repositories as one can ask for fits."""


@dataclass(frozen=True, slots=True)
class Basic:
    """A name and password."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token, not yet verified."""

    token: str


class Challenger:
    """Tells clients where to get a token: at the external URL, or at the host that they asked."""

    def __init__(self, external_url: str | None) -> None:
        self._external_url = external_url

    def __call__(self, scope: Mapping[str, Any], wanted: str | None, *, is_insufficient: bool = False) -> str:
        """Return a challenge for an ASGI request; `wanted` is the token scope to ask for, as `repository:NAME:pull`."""
        parts = [f'realm="{self._external_url or own_url(scope)}/token"', f'service="{SERVICE}"']
        if wanted is not None:
            parts.append(f'scope="{wanted}"')
        if is_insufficient:
            parts.append('error="insufficient_scope"')
        return f"Bearer {','.join(parts)}"


def own_url(scope: Mapping[str, Any]) -> str:
    """Return scheme and host that an ASGI request was sent to; the socket's address if its Host header is no host."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) == 1 and len(hosts[0]) <= LONGEST_HOST and HOST.fullmatch(hosts[0]):
        return f"{scope['scheme']}://{hosts[0].decode('ascii')}"
    host, port = scope.get("server") or ("localhost", None)
    host = f"[{host}]" if ":" in host else host
    return f"{scope['scheme']}://{host}" + (f":{port}" if port else "")


def read_authorization(header: bytes) -> Basic | Bearer:
    """Read an Authorization header; raise UNAUTHORIZED if it is neither Basic nor Bearer, or longer than any."""
    if len(header) > LONGEST_HEADER:
        raise MoorageError(ErrorCode.UNAUTHORIZED, f"an Authorization header has at most {LONGEST_HEADER} bytes")
    match = AUTHORIZATION.fullmatch(header)
    scheme, credentials = (match[1].lower(), match[2]) if match else (b"", b"")
    if scheme == b"bearer":
        return Bearer(credentials.decode("ascii"))
    if scheme == b"basic":
        return _basic(credentials)
    raise MoorageError(ErrorCode.UNAUTHORIZED, "the Authorization header must be Basic or Bearer")


def _basic(credentials: bytes) -> Basic:
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    name, colon, password = text.partition(":")
    if not colon:
        raise MoorageError(ErrorCode.UNAUTHORIZED, "Basic credentials are the base64 of name:password in UTF-8")
    return Basic(name, password)
