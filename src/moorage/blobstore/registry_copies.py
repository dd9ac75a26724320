"""Copies of content in another registry, by its `/v2/`: what was damaged here is asked for by digest there.

    named registry ──▶ 200
          ├──▶ 401, Bearer realm ─▶ a token ─▶ asked again
          └──▶ 307 ─▶ elsewhere, without credentials, public addresses only

Who repairs has named the registry, so that it may be anywhere, also in the network of this machine. Where it sends us
is its word alone: credentials go to the origin that was named and nowhere else, and other hosts are asked over HTTPS,
at addresses of the open internet only, which are checked when a socket is about to be made for them.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull
https://distribution.github.io/distribution/spec/auth/token/
"""

import errno
import json
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode, urljoin, urlsplit

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import DOCKER_LIST, DOCKER_MANIFEST, LARGEST, OCI_INDEX, OCI_MANIFEST
from moorage.domain.network import is_public

if TYPE_CHECKING:
    import aiohttp

SECONDS_TO_CONNECT = 15
SECONDS_OF_SILENCE = 60

MOST_REDIRECTS = 5
PORTS = {"https": 443, "http": 80}
LARGEST_TOKEN = 64 * 1024

ACCEPTED = f"{OCI_MANIFEST}, {OCI_INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}, */*"

REDIRECTS = frozenset({301, 302, 303, 307, 308})
REFUSED = "refuses the credentials that it was shown"

PARAMETER = re.compile(r'([a-z]+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Upstream:
    """A registry elsewhere: `origin` is `https://HOST:PORT`, `registry` the first part of names there, if not ours.

    `context` says whom to trust (None: plain HTTP), `authorization` is a header for the named host alone.
    """

    origin: str
    registry: str | None = None
    context: ssl.SSLContext | None = None
    authorization: str | None = field(default=None, repr=False)


class RegistryCopies:
    """The port `Copies` over another registry, while it is entered."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._origin = _origin(upstream.origin)
        self._host = urlsplit(upstream.origin).hostname
        self._tokens: dict[str, str] = {}
        self._opened = AsyncExitStack()
        self._named: aiohttp.ClientSession | None = None
        self._others: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Ask nobody yet."""
        self._named = await self._opened.enter_async_context(_session(self._upstream.context, _any_socket))
        self._others = await self._opened.enter_async_context(_session(None, _public_socket))
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    async def check(self) -> None:
        """Return when the registry answers as one; raise UNAVAILABLE, with a line for a person, where it doesn't."""
        async with self._get("/v2/", "") as answer:
            status = answer.status
        if status == HTTPStatus.UNAUTHORIZED:
            raise self._failed(REFUSED if self._upstream.authorization else "asks who you are")
        if status != HTTPStatus.OK:
            raise self._failed(f"answers {status} to GET /v2/: it is no registry")

    async def blob(self, digest: Digest, repositories: Sequence[str]) -> AsyncIterator[bytes]:
        """See `Copies`."""
        for repository in repositories:
            name = self._name(repository)
            async with self._get(f"/v2/{name}/blobs/{digest}", name) as answer:
                if answer.status != HTTPStatus.OK:
                    continue
                async for piece in answer.content.iter_any():
                    yield piece
                return
        raise MoorageError(ErrorCode.BLOB_UNKNOWN)

    async def manifest(self, digest: Digest, repository: str) -> bytes | None:
        """See `Copies`."""
        name = self._name(repository)
        async with self._get(f"/v2/{name}/manifests/{digest}", name) as answer:
            return await _read(answer, LARGEST) if answer.status == HTTPStatus.OK else None

    def _name(self, repository: str) -> str:
        """Return what a repository of ours is called there."""
        registry, _, rest = repository.partition("/")
        return f"{self._upstream.registry or registry}/{rest}"

    @asynccontextmanager
    async def _get(self, path: str, name: str) -> AsyncIterator["aiohttp.ClientResponse"]:
        """Ask the named registry, and whom it names; UNAVAILABLE where nobody answers."""
        import aiohttp  # noqa: PLC0415  a tenth of a second, and most commands ask nobody

        try:
            async with AsyncExitStack() as opened:
                answer = await self._ask(opened, self._upstream.origin + path, self._header(name))
                challenge = answer.headers.get("www-authenticate", "")
                if answer.status == HTTPStatus.UNAUTHORIZED and challenge.lower().startswith("bearer "):
                    self._tokens[name] = await self._token(dict(PARAMETER.findall(challenge)), name)
                    answer = await self._ask(opened, self._upstream.origin + path, self._header(name))
                yield answer
        except TimeoutError:
            raise self._failed(f"did not answer within {SECONDS_OF_SILENCE} seconds") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._failed(f"could not be asked: {error}") from None

    def _header(self, name: str) -> str | None:
        return self._tokens.get(name, self._upstream.authorization)

    async def _ask(self, opened: AsyncExitStack, url: str, authorization: str | None) -> "aiohttp.ClientResponse":
        """GET a URL and follow where it leads; `authorization` stays with the origin that was named."""
        from yarl import URL  # noqa: PLC0415  as above

        headers = {"accept": ACCEPTED, "accept-encoding": "identity"}
        for _ in range(MOST_REDIRECTS):
            is_named = _origin(url) == self._origin
            own = {"authorization": authorization} if is_named and authorization is not None else {}
            asked = self._session_for(url).get(URL(url, encoded=True), headers=headers | own, allow_redirects=False)
            answer = await opened.enter_async_context(asked)
            if answer.status not in REDIRECTS:
                return answer
            url = urljoin(url, answer.headers.get("location", ""))
        raise ValueError(f"{MOST_REDIRECTS} redirects one after the other")

    def _session_for(self, url: str) -> "aiohttp.ClientSession":
        assert self._named is not None  # noqa: S101  it is entered
        assert self._others is not None  # noqa: S101  likewise
        if urlsplit(url).scheme != "https" and _origin(url) != self._origin:
            raise ValueError(f"it leads to {_origin(url)}, which is not https://")
        return self._named if urlsplit(url).hostname == self._host else self._others

    async def _token(self, challenge: dict[str, str], name: str) -> str:
        """Ask where the challenge says for a token to pull."""
        realm = challenge.get("realm", "")
        wanted = {"scope": f"repository:{name}:pull"} if name else {}
        if "service" in challenge:
            wanted["service"] = challenge["service"]
        async with AsyncExitStack() as opened:
            url = f"{realm}{'&' if urlsplit(realm).query else '?'}{urlencode(wanted)}"
            answer = await self._ask(opened, url, self._upstream.authorization)
            if answer.status == HTTPStatus.UNAUTHORIZED:
                raise self._failed(REFUSED)
            if answer.status != HTTPStatus.OK:
                raise ValueError(f"{_origin(realm)} answers {answer.status} instead of a token")
            return _bearer(await _read(answer, LARGEST_TOKEN))

    def _failed(self, reason: str) -> MoorageError:
        return MoorageError(ErrorCode.UNAVAILABLE, f"{self._upstream.origin} {reason}")


def _session(context: ssl.SSLContext | None, make_socket: Callable[[Any], socket.socket]) -> "aiohttp.ClientSession":
    import aiohttp  # noqa: PLC0415  as above

    connector = aiohttp.TCPConnector(
        ssl=context or ssl.create_default_context(), socket_factory=make_socket, use_dns_cache=False
    )
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=SECONDS_TO_CONNECT, sock_read=SECONDS_OF_SILENCE)
    jar = aiohttp.DummyCookieJar()
    return aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar, auto_decompress=False)


def _any_socket(info: Any) -> socket.socket:  # noqa: ANN401  what aiohttp calls AddrInfoType, or a tuple
    family, kind, protocol, _, _ = info
    return socket.socket(family, kind, protocol)


def _public_socket(info: Any) -> socket.socket:  # noqa: ANN401  likewise
    address = str(info[4][0])
    if not is_public(address):
        raise PermissionError(errno.EACCES, f"it leads to {address}, a private address, at a host that was not named")
    return _any_socket(info)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or PORTS.get(parts.scheme, 0)}"


async def _read(answer: "aiohttp.ClientResponse", most: int) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > most:
            raise ValueError(f"more than {most} bytes")
    return bytes(body)


def _bearer(body: bytes) -> str:
    """Return the header that shows the token of a token service's answer; ValueError where it has none."""
    document = json.loads(body)
    token = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
    if isinstance(token, str):
        return f"Bearer {token}"
    raise ValueError("its token service gives no token")
