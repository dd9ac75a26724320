"""The outermost ASGI application: it uses three things of `scope["state"]`.

It puts `request_id` there; what answers below it may put `user` (who asked), `token` (the name of the access token they
asked with), `target` (the registry or repository asked for), `hidden` (true where a 404 hides something from them) and
`route` (a label with few values).
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from itertools import count
from secrets import token_hex

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage.domain.activity import Origin
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.recording import ORIGIN
from moorage.telemetry.logs import RequestLog
from moorage.telemetry.metrics import Metrics

# nginx's number for "the client went away before it had the whole answer".
ABORTED = 499

IDLE_SECONDS = 90
"""How long any body may stand still; what knows better gives its own up earlier."""

REFUSALS = frozenset(
    {ErrorCode.UNAUTHORIZED.status, ErrorCode.DENIED.status, ErrorCode.TOO_MANY.status, ErrorCode.NOT_FOUND.status}
)
"""What may be a refusal; the last one only where it hides something."""

Refused = Callable[[str, str, str, str, int], None]
"""Is told of refusals of somebody known: the name, the access token, what was asked for, the method, the status."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class RequestIds:
    """Makes short ids, unique to the request and the process: `5d0c94f1-2a`."""

    def __init__(self) -> None:
        self._prefix = f"{token_hex(4)}-"
        self._count = count(1)

    def __call__(self) -> str:
        """Return the next id."""
        return f"{self._prefix}{next(self._count):x}"


class Front:
    """The outermost ASGI application: gives each request an id, counts and logs it, and answers for what went wrong.

    An exception from below becomes a 500 that names the id, and a logged traceback. Once the answer has begun it is
    raised again instead, so that the server breaks off and the client doesn't take what it has for the whole.
    """

    def __init__(  # what it tells of a request, and whom
        self,
        app: ASGIApp,
        request_log: RequestLog,
        request_ids: RequestIds,
        metrics: Metrics,
        refused: Refused,
    ) -> None:
        self._app = app
        self._refused = refused
        self._request_log = request_log
        self._request_ids = request_ids
        self._metrics = metrics
        self._log = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other kinds of scope go through as they are."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = self._request_ids()
        # A dictionary of its own: the server may hand out the same one with every request.
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        origin = Origin(_client(scope), request_id)
        ORIGIN.set(origin)
        exchange = _Exchange(receive, send, request_id, reads=scope["method"] in _WITH_BODY)
        status = ABORTED
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except ClientGoneError:
            pass
        except StalledError:
            status = ErrorCode.STALLED.status
            if not exchange.status:
                await _refuse(exchange, ErrorCode.STALLED, f"nothing came for {IDLE_SECONDS} seconds")
        except Exception as error:
            status = ErrorCode.UNKNOWN.status
            self._tell(error, request_id, scope)
            if exchange.status:
                raise
            message = f"{ErrorCode.UNKNOWN.message}; its log has the details: reference {request_id}"
            await _refuse(exchange, ErrorCode.UNKNOWN, message)
        finally:
            exchange.stop_watching()
            self._finish(scope, exchange, exchange.status if exchange.complete else status, began, origin)

    def _tell(self, error: Exception, request_id: str, scope: Scope) -> None:
        """Log what went wrong; what is known to go wrong, as bytes that are damaged, needs no traceback."""
        told = {"request_id": request_id, "method": scope["method"], "path": scope["path"]}
        if isinstance(error, MoorageError):
            self._log.error("a request failed", reason=error.message, **told)
        else:
            self._log.exception("a request failed", **told)

    def _finish(self, scope: Scope, exchange: "_Exchange", status: int, began: float, origin: Origin) -> None:
        state, seconds = scope["state"], time.perf_counter() - began
        self._metrics.count(
            method=scope["method"],
            route=state.get("route", "other"),
            status=status,
            seconds=seconds,
            sent=exchange.sent,
            received=exchange.received,
        )
        if status in REFUSALS and state.get("user") and (status != ErrorCode.NOT_FOUND.status or state.get("hidden")):
            target = state.get("target") or _place(scope["path"])
            self._refused(state["user"], state.get("token", ""), target, scope["method"], status)
        self._request_log(
            method=scope["method"],
            path=scope["path"],
            status=status,
            seconds=seconds,
            bytes_sent=exchange.sent,
            client=origin.address,
            user_agent=_header(scope["headers"], b"user-agent"),
            request_id=origin.request_id,
            user=state.get("user"),
        )


class ClientGoneError(OSError):
    """Raised by `send` in the middle of a streamed answer: the server would take the rest and drop it silently.

    https://asgi.readthedocs.io/en/latest/specs/www.html#disconnected-client-send-exception
    """


class StalledError(TimeoutError):
    """Raised by `receive` when nothing of a body comes any more."""


class _Exchange:
    """What goes to and fro for one request, counted as it passes.

    `reads` says that the request has a body; without one, a streamed answer is watched for a client that goes away.
    """

    __slots__ = (
        "_header",
        "_headers",
        "_is_read",
        "_reads",
        "_receive",
        "_send",
        "_watch",
        "complete",
        "received",
        "sent",
        "status",
    )

    def __init__(self, receive: Receive, send: Send, request_id: str, *, reads: bool) -> None:
        self._reads = reads
        self._is_read = False
        self._watch: asyncio.Task[bool] | None = None
        self._receive = receive
        self._send = send
        self._header = (b"x-request-id", request_id.encode())
        self._headers: Iterable[tuple[bytes, bytes]] = ()
        self.status = 0
        self.complete = False
        self.sent = 0
        self.received = 0

    async def receive(self) -> Message:
        if self._is_read:
            return await self._receive()
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                message = await self._receive()
        except TimeoutError:
            raise StalledError from None
        self.received += len(message.get("body", b""))
        self._is_read = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            self._headers = headers = message.get("headers", ())
            # The list below may be shared between answers.
            message = {**message, "headers": [*headers, self._header]}
        elif self._watch is not None:
            # Sending into a closed connection never waits, so that the watch would not get its turn.
            await asyncio.sleep(0)
            if self._watch.done() and self._watch.result():
                raise ClientGoneError
        await self._send(message)
        if kind == "http.response.body":
            self.sent += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
            if not (self.complete or self._reads or self._watch):
                self._watch = asyncio.create_task(self._went_away())
        elif kind == "http.response.pathsend":
            self.sent += int(_header(self._headers, b"content-length") or 0)
            self.complete = True

    def stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()

    async def _went_away(self) -> bool:
        """Wait for the client to go; the empty body of the request comes before that, unless it has been read."""
        message = await self._receive()
        if message["type"] == "http.request":
            message = await self._receive()
        return bool(message["type"] == "http.disconnect")


async def _refuse(exchange: _Exchange, error: ErrorCode, message: str) -> None:
    body = json.dumps({"errors": [{"code": error.code, "message": message}]}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await exchange.send({"type": "http.response.start", "status": error.status, "headers": headers})
    await exchange.send({"type": "http.response.body", "body": body})


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _place(path: str) -> str:
    """Return the beginning of a path that names no registry; what comes behind may be somebody's secret."""
    return "/".join(path.split("/")[: 4 if path.startswith("/api/") else 3])


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str:
    for name, value in headers:
        if name == wanted:
            return value.decode("latin-1")
    return ""
