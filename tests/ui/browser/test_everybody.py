"""Every page for everybody: no finding of axe in light and dark, nothing lost on a small screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has none
from playwright.sync_api import Page

from tests.ui.browser.conftest import Opener

GONE = 2
"""The deletion that took a registry, in the order of `fill`."""

PAGES = [
    "/",
    "/?q=nothing",
    "/-/new",
    "/-/account",
    "/empty",
    "/empty/-/settings",
    "/empty/-/delete",
    "/filled",
    "/filled?sort=size",
    "/filled/-/push",
    "/filled/-/settings",
    "/filled/shop/api",
    "/filled/shop/api?open=latest",
    "/filled/shop/api?q=nothing",
    "/filled/shop/api/-/images",
    "/filled/shop/api/-/images?show=untagged",
    "/filled/shop/api/-/settings",
    "/filled/shop/api/-/delete?tag=pr-482&tag=latest",
    "/filled/shop/api/-/delete?all=1",
    "/filled/-/delete",
    "/filled/-/policies",
    "/filled/-/deleted",
    "/-/deleted",
    f"/-/deleted/{GONE}",
    f"/-/deleted/{GONE}/free",
    f"/-/deleted/{GONE}/of/app",
    f"/-/deleted/{GONE}/of/team/api",
    "/-/admin/storage",
]
SILENT = "/-/sign-in"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def findings(page: Page) -> list[str]:
    # Rules are looked up by the driver, past the page's policy, as an extension's are.
    result = Axe().run(page, options={"runOnly": LEVELS})
    return [
        f"{page.url}: {finding['id']}: {node['html'][:160]}"
        for finding in result.response["violations"]
        for node in finding["nodes"]
    ]


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(opener: Opener, scheme: str, width: int) -> None:
    page = opener("/", scheme=scheme, width=width)
    found = []
    for path in PAGES:
        page.goto(path)
        found += findings(page)
    page.locator(".user > summary").click()
    found += findings(page)
    page.goto("/filled/shop/api")
    page.get_by_label("Select pr-482").check()
    page.locator(".bulk").get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").wait_for()
    found += findings(page)
    page.goto("/-/sign-in")
    found += findings(page)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("width", [320, 360, 736, 960])
@pytest.mark.parametrize("script", [True, False])
def test_nothing_runs_out_of_a_narrow_page(opener: Opener, width: int, script: bool) -> None:  # noqa: FBT001  a parameter of the test
    page = opener("/", width=width, script=script)
    too_wide = []
    for path in [*PAGES, SILENT]:
        page.goto(path)
        if page.locator("html").evaluate("e => e.scrollWidth") > width:
            too_wide.append(path)
    assert too_wide == []


def test_every_control_is_large_enough_to_hit(opener: Opener) -> None:
    page = opener("/")
    small = []
    for path in PAGES:
        page.goto(path)
        small += page.evaluate(
            """() => [...document.querySelectorAll('button, .btn, summary, select, [type=search], .tabs a, .seg a')]
                .filter(e => e.offsetParent && (e.offsetWidth < 24 || e.offsetHeight < 24))
                .map(e => e.outerHTML.slice(0, 120))"""
        )
    assert small == []


def test_the_keyboard_reaches_the_content_first(opener: Opener) -> None:
    page = opener("/filled")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
