"""A real server with something in it, and a real browser that reports everything it is unhappy about."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from moorage.domain.access import Visibility
from moorage.domain.name import parse_repository
from tests.clients.servers import free_port, serving
from tests.ui.world import ADMIN, PASSWORD, open_world

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

Opener = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the server is: `https://localhost:port`, and the same without the scheme."""

    url: str

    @property
    def host(self) -> str:
        return self.url.partition("//")[2]


async def fill(data: Path) -> None:
    async with open_world(data) as world:
        await world.person("mara")
        await world.registry("Filled", "Images of the data and media crew", Visibility.PUBLIC)
        await world.registry("Empty")
        for path, description in (("nginx", "Hardened nginx"), ("shop/web", "Storefront"), ("base/node", "")):
            await world.image(f"filled/{path}", "1.0", layers=[42_000_000], by="mara")
            await world.services.catalog.describe(ADMIN, parse_repository(f"filled/{path}"), description)
        await world.index("filled/shop/api", "2.14.1", "latest", layers=[62_000_000])
        await world.image("filled/shop/api", "pr-482", layers=[66_000_000])
        await world.image("filled/shop/api", layers=[66_000_000])
        cache = "application/vnd.buildkit.cacheconfig.v0"
        await world.image("filled/shop/api", "buildcache", config_type=cache, platform=None)
        await world.image("filled/many", *(f"t{place}" for place in range(120)))
        await world.image("filled/old", "1.0", layers=[12_000_000])
        await world.services.catalog.delete_repository(ADMIN, parse_repository("filled/old"))
        await world.registry("Gone", "What a project left behind")
        await world.image("gone/app", "1.0", "latest", layers=[24_000_000], by="mara")
        await world.index("gone/team/api", "2.0", layers=[31_000_000])
        await world.services.registry_trash.delete(ADMIN, "gone")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("pages") / "data"
    data.mkdir()
    asyncio.run(fill(data))
    tls, plain = free_port("127.0.0.1"), free_port("127.0.0.1")
    doors = ["--https", f"127.0.0.1:{tls}", "--http", f"127.0.0.1:{plain}"]
    with serving(data, *doors, ready=f"http://127.0.0.1:{plain}/readyz"):
        yield Site(f"https://localhost:{tls}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opener(site: Site, chromium: Browser) -> Iterator[Opener]:
    """Open pages as the administrator; at the end nothing may have been complained about in the console."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(path: str = "/", *, width: int = 1280, scheme: str = "light", script: bool = True) -> Page:
        context = chromium.new_context(
            base_url=site.url,
            ignore_https_errors=True,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=script,
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda made: None if made.url.startswith(site.url) else complaints.append(made.url))
        page.goto(f"/-/sign-in?next={path}")
        page.get_by_label("User name").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{site.url}{path}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
