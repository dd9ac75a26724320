"""What holds for every request to the API, before anybody looks at it."""

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.management.conditions import names
from moorage.management.errors import problem
from moorage.management.routes import SAFE

LARGEST_BODY = 64 * 1024
IDLE_SECONDS = 30
"""How long a body may stand still."""

ALWAYS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


class Front:
    """Answers HEAD without a body and 304 to who knows the answer, bounds bodies, keeps browsers from guessing."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        is_bare = scope["method"] == "HEAD"

        async def answer(message: Message) -> None:
            nonlocal is_bare
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
                if message["status"] == HTTPStatus.OK and _is_known(headers, scope):
                    message, is_bare = {**message, "status": HTTPStatus.NOT_MODIFIED.value}, True
                    del headers["content-length"], headers["content-type"]
            elif is_bare:
                message = {**message, "body": b""}
            await send(message)

        inner = self._inner
        if _is_packed(scope):
            inner = problem(Request(scope), MoorageError(ErrorCode.UNSUPPORTED_ENCODING))
        await inner({**scope, "method": "GET"} if is_head else scope, _Body(receive), answer)


class _Body:
    """A body in bounds: in size, and in the time that its pieces take."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._length = 0

    async def __call__(self) -> Message:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                message = await self._receive()
        except TimeoutError:
            said = f"the body stood still for {IDLE_SECONDS} seconds"
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, said) from None
        self._length += len(message.get("body", b""))
        if self._length > LARGEST_BODY:
            said = f"a body here has at most {LARGEST_BODY} bytes"
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said)
        return message


def _is_known(answered: Headers, scope: Scope) -> bool:
    """Tell whether the client has this very answer already: `If-None-Match`."""
    known = ",".join(Headers(scope=scope).getlist("if-none-match"))
    return scope["method"] in SAFE and "etag" in answered and names(known, answered["etag"], weak=True)


def _is_packed(scope: Scope) -> bool:
    return scope["method"] not in SAFE and any(name == b"content-encoding" for name, _ in scope["headers"])
