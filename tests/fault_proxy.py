"""A proxy before a store that lets some of its requests go wrong, in the ways networks and stores have."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from io import BytesIO
from itertools import count

import aiohttp
from aiohttp import web

SKIPPED = frozenset({"transfer-encoding", "connection", "content-length", "date", "server"})


class Fault(StrEnum):
    """What may go wrong with a request."""

    ERROR = "500"
    BUSY = "503"
    RESET = "the connection ends before anything happens"
    SILENT = "nothing happens"
    TRUNCATED = "the answer ends early"
    LOST = "it is done, and the answer gets lost"
    MUTE = "it is done, and nobody is told"


Choose = Callable[[int, str, str], Fault | None]
"""Is told a request's number, method and path with query, and says what goes wrong."""


def no_delay(_method: str, _path: str) -> float:
    return 0.0


class FaultProxy:
    """Requests pass, and go wrong as `choose` says; `seen` are their methods and paths.

    `delay_of` says how many seconds the store takes longer for a method and path.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._numbers = count()
        self.choose: Choose = lambda _number, _method, _path: None
        self.seen: list[tuple[str, str]] = []
        self.endpoint = ""
        self.delay_of: Callable[[str, str], float] = no_delay

    def once(self, fault: Fault, at: int) -> None:
        """Let the request with that number from now on go wrong."""
        self._numbers = count()
        self.choose = lambda number, _method, _path: fault if number == at else None

    def always(self, fault: Fault | None) -> None:
        """Let every request go wrong, or none."""
        self.choose = lambda _number, _method, _path: fault

    async def handle(self, request: web.Request) -> web.StreamResponse:
        fault = self.choose(next(self._numbers), request.method, request.raw_path)
        self.seen.append((request.method, request.raw_path))
        body = await request.read()
        if fault in {Fault.ERROR, Fault.BUSY}:
            return web.Response(status=int(fault), text="<Error><Code>InternalError</Code></Error>")
        if fault is Fault.SILENT:
            await asyncio.Event().wait()
        if fault is Fault.RESET:
            return self._cut(request)
        await asyncio.sleep(self.delay_of(request.method, request.raw_path))
        status, headers, answer = await self._pass_on(request, body)
        if fault is Fault.MUTE:
            await asyncio.Event().wait()
        if fault is Fault.LOST:
            return self._cut(request)
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = int(headers.pop("content-length", len(answer)))
        if request.method != "HEAD":
            response.content_length = len(answer)
        await response.prepare(request)
        if fault is Fault.TRUNCATED and answer:
            await response.write(answer[: len(answer) // 2])
            return self._cut(request, response)
        await response.write(answer)
        return response

    async def _pass_on(self, request: web.Request, body: bytes) -> tuple[int, dict[str, str], bytes]:
        from yarl import URL  # noqa: PLC0415  aiohttp's

        url = URL(self._target + request.raw_path, encoded=True)
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, url, headers=request.headers, data=BytesIO(body) if body else None
            ) as answer,
        ):
            kept = {name.lower(): text for name, text in answer.headers.items()}
            headers = {name: text for name, text in kept.items() if name not in SKIPPED}
            if request.method == "HEAD":
                headers["content-length"] = kept.get("content-length", "0")
            return answer.status, headers, await answer.read()

    def _cut(self, request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return response or web.Response()


@asynccontextmanager
async def fault_proxy(target: str) -> AsyncIterator[FaultProxy]:
    """Run a proxy before `http://HOST:PORT`."""
    proxy = FaultProxy(target)
    application = web.Application(client_max_size=1 << 30)
    application.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    proxy.endpoint = f"http://{host}:{port}"
    try:
        yield proxy
    finally:
        await runner.cleanup()
