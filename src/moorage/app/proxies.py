"""Who really asks, behind a proxy: the proxies that the settings name say so, and nobody else is believed.

    X-Forwarded-For: CLIENT, PROXY, …      each proxy adds on the right whom it was asked by

Whatever stands left of the first address that is no trusted proxy's, anybody may have written.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from moorage.app.later import Application
from moorage.domain.network import Network, address_in, is_within

HEADER = b"x-forwarded-for"
MOST_PROXIES = 10
"""Proxies between a client and this server at most."""


class BehindProxies:
    """The ASGI application inside, told the client's address where a trusted proxy stands between."""

    def __init__(self, application: Application, proxies: Sequence[Network]) -> None:
        self._application = application
        self._proxies = proxies

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        """Pass the request on."""
        client = scope.get("client")
        if scope["type"] == "http" and client:
            found = self._client(str(client[0]), scope["headers"])
            if found != client[0]:
                scope = {**scope, "client": (found, 0)}
        await self._application(scope, receive, send)

    def _client(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the last address on the way here that is no trusted proxy's; the peer's if that is none."""
        told = b",".join(value for name, value in headers if name == HEADER).decode("latin-1")
        found = peer
        for piece in told.split(",")[: -MOST_PROXIES - 1 : -1]:
            text = piece.strip()
            # Behind a percent sign, which names an interface of this machine, anything may stand.
            if not is_within(found, self._proxies) or "%" in text or address_in(text) is None:
                break
            found = text
        return found
