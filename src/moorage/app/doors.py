"""The doors: granian listening on HTTPS and HTTP, side by side in one event loop.

Only HTTP/1.1: uploads over HTTP/2 come in pieces of 16 KB, which costs more than it brings. ASGI, not RSGI: RSGI
holds a slow reader's whole answer in memory and hides that an upload was broken off.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.embed import Server

from moorage.app.later import Application
from moorage.app.listening import PortTaken, resolved
from moorage.settings import Address
from moorage.tls import TlsError, check_pair, version_of

BACKLOG = 1024
AT_ONCE = 100_000
"""Requests under way in one process; beyond it granian would leave connections waiting unseen."""

BUFFER = 768 * 1024
"""Bytes of a body that come in one piece at most: fewer, larger pieces make uploads side by side a tenth faster."""

SMALL_BUFFER = 128 * 1024
"""The same where bodies wait for each other, on their way to a bucket: every connection has such a buffer."""

HEADER_SECONDS = 30
LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain and its key, in PEM files."""

    chain: Path
    key: Path


class Door:
    """One listening address. With a certificate it speaks TLS, and takes a new one when the files change."""

    def __init__(
        self, application: Application, address: Address, certificate: Certificate | None, buffer: int = BUFFER
    ) -> None:
        self._application = application
        self._buffer = buffer
        self._address = address
        self._certificate = certificate
        self._serving: dict[Server, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Serve until it is cancelled; then take no new connections and return when the last request is done.

        Raises PortTaken when it can't open.
        """
        try:
            await self._keep_open()
        finally:
            for server in self._serving:
                _stop(server)
            await asyncio.wait(self._serving.values())

    async def _keep_open(self) -> None:
        """Open anew beside the old when the certificate's files change; the old one ends with its connections."""
        current = self._open()
        known = self._version()
        while True:
            await asyncio.wait([self._serving[current]], timeout=LOOK_SECONDS)
            if self._serving[current].done():
                raise PortTaken(f"cannot listen on {self._address}: {_reason(self._serving[current])}")
            # An old one is stopped a look after the new one was opened: by then the new one takes connections.
            for server in self._serving:
                if server is not current:
                    _stop(server)
            self._serving = {server: task for server, task in self._serving.items() if not task.done()}
            found = self._version()
            if found != known and self._certificate is not None and _is_pair(self._certificate):
                known = found
                current = self._open()

    def _open(self) -> Server:
        host, _ = resolved(self._address)
        certificate = self._certificate
        server = Server(
            self._application,
            address=host,
            port=self._address.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=self._buffer),
            websockets=False,
            backlog=BACKLOG,
            backpressure=AT_ONCE,
            log_enabled=False,
            ssl_cert=certificate.chain if certificate else None,
            ssl_key=certificate.key if certificate else None,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        self._serving[server] = asyncio.create_task(server.serve())
        return server

    def _version(self) -> object:
        return version_of(self._certificate.chain, self._certificate.key) if self._certificate else None


def _stop(server: Server) -> None:
    server.stop()  # type: ignore[no-untyped-call]  # granian leaves its types out


def _reason(task: asyncio.Task[None]) -> str:
    """Say why a server ended; granian's message goes on with a backtrace."""
    error = None if task.cancelled() else task.exception()
    return str(error).partition("\n")[0] if error else "the server ended by itself"


def _is_pair(certificate: Certificate) -> bool:
    """Tell whether key and certificate belong together: a half-written renewal is left for the next look."""
    try:
        check_pair(certificate.chain, certificate.key)
    except TlsError:
        return False
    return True
