"""How long the server takes for each request, told inside it: from the request's first to the answer's last word."""

import asyncio
import base64
import os
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.lists.asked import Asked, Who
from moorage.app.services import SYSTEM, Services, open_services
from moorage.app.worker import build
from moorage.domain.limits import TokenAction
from moorage.services.access_tokens import Wish
from moorage.settings import load
from moorage.telemetry import Front, Metrics, RequestIds, configure

SAMPLES = 20
HOST = b"localhost:5080"
OK = 200


@dataclass(frozen=True, slots=True)
class Result:
    """Seconds for each sample of a request: when nothing was written before, and right after a write."""

    asked: Asked
    warm: tuple[float, ...]
    after_write: tuple[float, ...]
    length: int

    @property
    def figures(self) -> tuple[float, float, float, float]:
        """Median and worst of both, in milliseconds."""
        return tuple(1000 * of(times) for times in (self.warm, self.after_write) for of in (statistics.median, max))  # type: ignore[return-value]


class Server:
    """A server in this process: all of it but its doors."""

    def __init__(self, services: Services, app: Any) -> None:  # noqa: ANN401  ASGI
        self.services = services
        self._app = app
        self._headers: dict[Who, list[tuple[bytes, bytes]]] = {}

    async def know(self) -> None:
        """Get credentials for everybody."""
        for who in Who:
            if who.value is None:
                token = await self.get("/token?service=localhost&scope=registry:catalog:*", [])
                self._headers[who] = [(b"authorization", b"Bearer " + token.split(b'"')[3])]
                continue
            wish = Wish(f"bench-{os.getpid()}", list(TokenAction), ["*"], time.time() + 86400)
            _, secret = await self.services.access_tokens.create(SYSTEM, who.value, wish)
            account = await self.services.accounts.get(SYSTEM, who.value)
            cookie, _ = await self.services.accounts.open(account, time.time())
            basic = base64.b64encode(f"{who.value}:{secret}".encode())
            self._headers[who] = [(b"authorization", b"Basic " + basic), (b"cookie", b"moorage=" + cookie.encode())]

    async def ask(self, asked: Asked) -> tuple[float, int]:
        """Send a request; return the seconds it took and the bytes that came, or raise unless it is 200."""
        headers = self._headers[asked.who]
        if not asked.address.startswith(("/v2/", "/v1/", "/api/")):
            headers = [header for header in headers if header[0] == b"cookie"]
        elif asked.who is Who.ANYBODY and not asked.address.startswith("/v"):
            headers = []
        before = time.perf_counter()
        body = await self.get(asked.address, headers)
        return time.perf_counter() - before, len(body)

    async def get(self, address: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """Send a GET; return the body."""
        path, _, query = address.partition("?")
        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": query.encode(),
            "headers": [(b"host", HOST), *headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 5080),
        }
        status, pieces = 0, []

        async def receive() -> Mapping[str, object]:
            await asyncio.sleep(0)
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            pieces.append(message.get("body", b""))

        # A task of its own, as a request has, for what it knows of itself.
        await asyncio.create_task(self._app(scope, receive, send))
        if status != OK:
            raise RuntimeError(f"{status} to {address}: {b''.join(pieces)[:300]!r}")
        return b"".join(pieces)

    async def write(self) -> None:
        """Commit something, which empties what is remembered until the next commit."""
        await self.services.collect.tick(0.001)


@asynccontextmanager
async def serving(folder: Path, database_url: str | None) -> AsyncIterator[Server]:
    """Run a server over a folder, and the database in it or elsewhere."""
    settings = load({"data": str(folder), "database_url": database_url}, {})
    with (folder / "log").open("w") as log:
        request_log = configure("info", "json", log)
        async with open_services(settings) as services:
            metrics = Metrics(None)
            front = Front(build(settings, services, metrics, None), request_log, RequestIds(), metrics, _nothing)
            server = Server(services, front)
            await server.know()
            yield server
        request_log.close()


def _nothing(*_: object) -> None:
    """Count no refusals."""


async def measure(server: Server, requests: Iterable[Asked], tell: Callable[[Result], None]) -> list[Result]:
    """Ask everything, each some times."""
    results = []
    for asked in requests:
        if not asked.address:
            continue
        _, length = await server.ask(asked)
        warm = [(await server.ask(asked))[0] for _ in range(SAMPLES)]
        after = []
        for _ in range(SAMPLES):
            await server.write()
            after.append((await server.ask(asked))[0])
        results.append(Result(asked, tuple(warm), tuple(after), length))
        tell(results[-1])
    return results
