"""The whole server as one ASGI application: which part answers which address."""

from pathlib import Path
from typing import Any

from moorage.app.later import Application
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.ports import Health
from moorage.telemetry import Metrics

TEXT = "text/plain; charset=utf-8"
CERTIFICATE = "application/x-x509-ca-cert"

DISTRIBUTION = ("/v2/", "/v1/")
METHODS = ("GET", "HEAD")
"""What this application's own addresses know."""


class Web:
    """Hands a request to the distribution API, the management API, the pages, or answers it itself.

    `authority` is the certificate at `/ca.crt`, None where the server has a certificate from elsewhere.
    """

    def __init__(  # the parts
        self,
        distribution: Application,
        management: Application,
        ui: Application,
        health: Health,
        metrics: Metrics,
        authority: Path | None,
    ) -> None:
        self._distribution = distribution
        self._management = management
        self._ui = ui
        self._health = health
        self._metrics = metrics
        self._authority = authority

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        """Route by the first part of the path; registries can't be called like any of these."""
        path: str = scope["path"]
        if path.startswith(DISTRIBUTION) or path in {"/v2", "/token"}:
            await self._distribution(scope, receive, send)
        elif path.startswith("/api/"):
            await self._management(scope, receive, send)
        elif path in {"/livez", "/readyz", "/metrics"} or (path == "/ca.crt" and self._authority is not None):
            await self._own(scope["method"], path, send)
        else:
            await self._ui(scope, receive, send)

    async def _own(self, method: str, path: str, send: Any) -> None:  # noqa: ANN401  ASGI
        unknown = ErrorCode.METHOD_UNKNOWN
        if method in METHODS:
            status, body, content_type = await self._state(path)
        else:
            status, body, content_type = unknown.status, f"{unknown.message}\n".encode(), TEXT
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if status == unknown.status:
            headers.append((b"allow", ", ".join(METHODS).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})

    async def _state(self, path: str) -> tuple[int, bytes, str]:
        if path == "/ca.crt" and self._authority is not None:
            return 200, self._authority.read_bytes(), CERTIFICATE
        if path == "/livez":
            return 200, b"alive\n", TEXT
        if path == "/metrics":
            return 200, *self._metrics.render()
        try:
            await self._health.check()
        except MoorageError as error:
            return 503, f"{error.message}\n".encode(), TEXT
        return 200, b"ready\n", TEXT
