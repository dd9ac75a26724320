"""The main story in a browser, with and without script."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.ui.browser.conftest import Opener, Site


def lines_of(page: Page) -> list[str]:
    return [text.removeprefix("$ ") for text in page.locator(".steps .cmd code").all_inner_texts()]


@pytest.mark.parametrize("script", [True, False])
def test_a_registry_is_created_and_shows_the_lines_for_this_server(opener: Opener, site: Site, script: bool) -> None:  # noqa: FBT001  a parameter of the test
    name = "DMC" if script else "Plain"
    page = opener("/filled", script=script)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Registries").click()
    page.get_by_role("link", name="Create registry").click()
    page.get_by_role("radio", name="Docker").check()
    page.get_by_label("Name", exact=True).fill(name)
    if script:
        expect(page.get_by_text(f"{name.lower()} is free")).to_be_visible()
        expect(page.get_by_label("Preview")).to_contain_text(f"docker push {site.host}/dmc/ubuntu:trusty")
    page.get_by_role("button", name="Create registry").click()
    page.wait_for_url(f"{site.url}/{name.lower()}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    expect(page.get_by_role("status").first).to_contain_text(f"{name} was created")
    image = f"{site.host}/{name.lower()}/ubuntu:trusty"
    assert lines_of(page) == [
        f"docker login {site.host} -u admin",
        f"docker tag ubuntu:trusty {image}",
        f"docker push {image}",
        f"docker pull {image}",
    ]
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_label(f"Type {name} to delete it").fill(name)
    page.get_by_role("button", name=f"Delete {name}").click()
    page.wait_for_url(f"{site.url}/")
    expect(page.get_by_text(f"{name} was deleted")).to_be_visible()


def test_a_taken_name_is_told_while_typing(opener: Opener) -> None:
    page = opener("/-/new")
    page.get_by_label("Name", exact=True).fill("FILLED")
    expect(page.get_by_text("There is a registry named Filled already")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("a..b")
    expect(page.get_by_text("Use letters and digits, with single dots")).to_be_visible()


def test_chosen_tags_are_deleted_after_a_question_that_names_them(opener: Opener, site: Site) -> None:
    page = opener("/filled/many?sort=name")
    bar = page.locator(".bulk")
    expect(bar).to_be_hidden()
    page.get_by_label("Select t0").check()
    page.get_by_label("Select t101").click(modifiers=["Shift"])
    expect(bar).to_contain_text("5 selected")
    bar.get_by_role("button", name="Delete…").click()
    question = page.get_by_role("dialog", name="Delete 5 tags from many?")
    expect(question.get_by_label("What goes")).to_contain_text("t100")
    expect(question).to_contain_text("You can undo this until")
    expect(question.get_by_role("radio", name="Delete the tags, and")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    bar.get_by_role("button", name="Delete…").click()
    question.get_by_role("button", name="Delete 5 tags").click()
    page.wait_for_url(f"{site.url}/filled/many")
    expect(page.get_by_text("5 tags deleted from many")).to_be_visible()
    expect(page.get_by_text("50 of 115 tags")).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("5 tags deleted from many")).to_be_hidden()


def test_typing_filters_tags_of_all_pages_and_keeps_the_address(opener: Opener) -> None:
    page = opener("/filled/many")
    page.keyboard.press("/")
    page.keyboard.type("t11")
    expect(page.get_by_text(re.compile(r"^11 tags$"))).to_be_visible()
    expect(page.locator("[data-row]")).to_have_count(11)
    assert "q=t11" in page.url
    page.keyboard.press("Escape")
    expect(page.locator("[data-row]")).to_have_count(50)


def test_typing_filters_repositories_and_hides_empty_groups(opener: Opener) -> None:
    page = opener("/filled")
    page.get_by_label("Filter repositories").fill("shop web")
    expect(page.locator("[data-row]:visible")).to_have_count(1)
    expect(page.locator("tr.group code").filter(has_text="base/")).to_be_hidden()
    expect(page.get_by_text(re.compile(r"^1 repository$"))).to_be_visible()
    page.get_by_label("Filter repositories").fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()


def test_a_pull_command_is_copied_whole(opener: Opener, site: Site) -> None:
    page = opener("/filled/shop/api")
    page.get_by_role("button", name="Copy pull command for pr-482").click()
    assert page.evaluate("navigator.clipboard.readText()") == f"docker pull {site.host}/filled/shop/api:pr-482"
    expect(page.locator("body > .vh[role=status]")).to_have_text("Copied")


def test_how_to_push_opens_over_the_page(opener: Opener, site: Site) -> None:
    page = opener("/filled")
    page.get_by_role("link", name="How to push").click()
    dialog = page.get_by_role("dialog", name="Push an image to Filled")
    expect(dialog).to_contain_text(f"docker push {site.host}/filled/ubuntu:trusty")
    dialog.get_by_role("link", name="Close").click()
    expect(dialog).to_be_hidden()
    assert page.url == f"{site.url}/filled"


def test_platforms_unfold_in_place(opener: Opener) -> None:
    page = opener("/filled/shop/api?sort=name")
    page.get_by_role("button", name="Platforms of latest").click()
    expect(page.get_by_text("linux/arm64")).to_be_visible()
    page.get_by_role("button", name="Platforms of latest").click()
    expect(page.get_by_text("linux/arm64")).to_be_hidden()


def test_keys_are_listed_and_lead_around(opener: Opener, site: Site) -> None:
    page = opener("/filled")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url(f"{site.url}/")


def test_the_theme_follows_the_choice_and_stays(opener: Opener) -> None:
    page = opener("/filled")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.locator(".user > summary").click()
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark


def test_icons_of_the_shared_file_are_drawn_under_the_policy(opener: Opener) -> None:
    page = opener("/")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("[...document.querySelectorAll('main svg use, .brand use')].every(u => u.getBBox().width > 0)")


def test_signing_out_leads_to_the_door(opener: Opener, site: Site) -> None:
    page = opener("/filled")
    page.locator(".user > summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site.url}/-/sign-in")
    expect(page.get_by_role("link", name="Browse public images")).to_be_visible()
