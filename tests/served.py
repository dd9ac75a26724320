"""An application behind the outermost one, `Front`, and what its requests leave behind."""

import asyncio
import io
import json

from starlette.types import ASGIApp, Message, Receive, Scope

from moorage.services.tally import Tally
from moorage.telemetry import Front, Metrics, RequestIds, configure
from moorage.telemetry.logs import Format, Level


class Served:
    """One application behind `Front`, with the lines and numbers its requests leave."""

    def __init__(self, app: ASGIApp, level: Level = "info", form: Format = "json") -> None:
        self.stream = io.StringIO()
        self.metrics, self.tally = Metrics(), Tally()
        self._log = configure(level, form, self.stream)
        self._front = Front(app, self._log, RequestIds(), self.metrics, self.tally.refused)

    def request(self, scope: Scope | None = None, *pieces: bytes, receive: Receive | None = None) -> list[Message]:
        """Send one request and return what was answered; the log is written out even if the request is broken off."""
        sent: list[Message] = []
        received = iter([{"type": "http.request", "body": piece, "more_body": True} for piece in pieces])

        async def piece() -> Message:
            return next(received, {"type": "http.request", "body": b"", "more_body": False})

        async def send(message: Message) -> None:
            sent.append(message)

        async def run() -> None:
            try:
                await self._front(a_scope(**(scope or {})), receive or piece, send)
            finally:
                self._log.close()

        asyncio.run(run())
        return sent

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def number(self, name: str, **labels: str) -> float | None:
        self.metrics.settle()
        return self.metrics.registry.get_sample_value(name, labels)


def a_scope(**changes: object) -> Scope:
    headers = [(b"user-agent", b"docker/24"), (b"authorization", b"Basic c2VjcmV0")]
    return {
        "type": "http",
        "method": "GET",
        "path": "/v2/",
        "query_string": b"",
        "headers": headers,
        "client": ("10.0.0.7", 4711),
        **changes,
    }
