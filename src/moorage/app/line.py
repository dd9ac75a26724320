"""Whoever shows a password that is not known waits in line, before anything else is done for them."""

import asyncio
from collections.abc import Callable
from typing import Any

from moorage.app.later import Application

BASIC = b"basic "


class Line:
    """Lets one request with a password that is not known begin in each turn of the event loop.

    Requests that come at once all begin in one turn, and a pull that comes then waits until the last of them has got as
    far as its first wait. Two hundred guesses would be some milliseconds; in line they are some microseconds each. A
    bearer token is not waited with: it can't be guessed, and looking at it once costs less than the wait.
    """

    def __init__(self, application: Application, is_known: Callable[[bytes], bool]) -> None:
        self._application = application
        self._is_known = is_known
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        """Hand on a request, in its turn."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"authorization":
                    if value[: len(BASIC)].lower() == BASIC and not self._is_known(value):
                        async with self._turn:
                            await asyncio.sleep(0)
                    break
        await self._application(scope, receive, send)
