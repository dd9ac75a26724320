"""What tests of the pages start from: an empty server, and people with browsers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.ui.visitor import Visitor
from tests.ui.world import World, open_world

Visitors = Callable[..., Visitor]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


@pytest.fixture
async def visitors(world: World) -> AsyncIterator[Visitors]:
    async with AsyncExitStack() as stack:

        def visitor(
            url: str = "https://server:5443", external_url: str | None = None, host: str = "10.0.0.7"
        ) -> Visitor:
            made = Visitor(world.pages(external_url), url, host)
            stack.push_async_callback(made.close)
            return made

        yield visitor


@pytest.fixture
async def nobody(visitors: Visitors) -> Visitor:
    return visitors()


@pytest.fixture
async def admin(visitors: Visitors) -> Visitor:
    visitor = visitors()
    await visitor.sign_in("admin")
    return visitor
