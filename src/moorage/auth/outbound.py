"""Requests to the outside: short, small, without detours, and never to an address of this machine or its network.

A name can mean one address when it is looked at and another when it is connected to. So what is checked is the address
that a socket is about to be made for, after DNS, and nothing comes between the check and the connection.
"""

import base64
import errno
import json
import socket
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from moorage.auth.oidc_options import IssuerOptions, origin_of
from moorage.domain.network import is_public

if TYPE_CHECKING:
    import aiohttp

SECONDS = 5
"""For the whole request: somebody waits."""

LARGEST = 256 * 1024
"""Bytes of an answer; the keys of the largest issuers have about 10 KiB."""

OK = 200


class OutboundError(Exception):
    """Why nothing could be fetched, in words for an administrator; no secret is in them."""


class Outbound:
    """Fetches JSON documents; every request has a connection of its own, since there are few of them."""

    def __init__(self, options: IssuerOptions) -> None:
        self._options = options

    def check(self, url: str) -> str:
        """Return a URL that may be asked, or raise OutboundError."""
        if origin_of(url) not in self._options.asked:
            raise OutboundError(f"{url[:200]} is not at {' or '.join(sorted(self._options.asked))}")
        return url

    async def get(self, url: str, bearer: str | None = None) -> dict[str, Any]:
        """Return the JSON object at a URL, or raise OutboundError."""
        return await self._fetch("GET", url, {} if bearer is None else {"authorization": f"Bearer {bearer}"})

    async def post(self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None = None) -> dict[str, Any]:
        """Return the JSON object that answers a form, or raise OutboundError; `basic` is name and password."""
        headers = {} if basic is None else {"authorization": _basic(*basic)}
        return await self._fetch("POST", url, headers, form)

    async def _fetch(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        import aiohttp  # noqa: PLC0415  a tenth of a second, and most servers ask nobody

        self.check(url)
        headers = {"accept": "application/json", "accept-encoding": "identity", **headers}
        try:
            async with (
                aiohttp.ClientSession(
                    connector=self._connector(),
                    timeout=aiohttp.ClientTimeout(total=SECONDS),
                    auto_decompress=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                ) as session,
                session.request(method, url, headers=headers, data=form, allow_redirects=False) as answer,
            ):
                return _document(url, answer.status, await _body(url, answer))
        except TimeoutError:
            raise OutboundError(f"{url} did not answer within {SECONDS} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise OutboundError(f"{url} could not be asked: {error}") from None

    def _connector(self) -> "aiohttp.TCPConnector":
        import aiohttp  # noqa: PLC0415  as above

        context = ssl.create_default_context(cafile=self._options.ca_file)
        is_allowed = self._options.allow_private

        def socket_for(info: Any) -> socket.socket:  # noqa: ANN401  what aiohttp calls AddrInfoType, or a tuple
            family, kind, protocol, _, address = info
            if not is_allowed and not is_public(str(address[0])):
                why = f"{address[0]} is a private address; allow_private = true would allow it"
                raise PermissionError(errno.EACCES, why)
            return socket.socket(family, kind, protocol)

        return aiohttp.TCPConnector(ssl=context, socket_factory=socket_for, use_dns_cache=False, force_close=True)


def _basic(name: str, password: str) -> str:
    # https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1: each is encoded as in a form first.
    pair = f"{quote_plus(name)}:{quote_plus(password)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


async def _body(url: str, answer: "aiohttp.ClientResponse") -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > LARGEST:
            raise OutboundError(f"{url} answered with more than {LARGEST} bytes")
    return bytes(body)


def _document(url: str, status: int, body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if status != OK:
        said = document.get("error_description") or document.get("error") if isinstance(document, dict) else None
        raise OutboundError(f"{url} answered {status}" + (f": {str(said)[:200]}" if said else ""))
    if not isinstance(document, dict):
        raise OutboundError(f"{url} answered with no JSON object")
    return document
