"""An application that is put together by its first request, so that a start does not wait for what may not be asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]


class Later:
    """The ASGI application that `build` returns, once somebody asks for it.

    FastAPI alone takes as long to import as the rest of a quiet start.
    """

    def __init__(self, build: Callable[[], Application]) -> None:
        self._build = build
        self._built: asyncio.Future[Application] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        """Hand the request on; the first one has it built in a thread, while pulls and pushes go on."""
        if self._built is None:
            self._built = asyncio.ensure_future(asyncio.to_thread(self._build))
        # Shielded: whoever asked first may go away before it is there, and others wait for it too.
        application = await asyncio.shield(self._built)
        await application(scope, receive, send)
