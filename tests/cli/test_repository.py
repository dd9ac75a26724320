"""`moorage repository`."""

from collections.abc import Callable

import pytest

from moorage.app.services import SYSTEM, Services
from tests.cli.conftest import Terminal
from tests.management.world import World

NAME = "dmc/team/app"


def answer(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> list[str]:
    """Say yes on a terminal, after what somebody else does; return what was asked."""
    asked: list[str] = []

    def confirm(text: str, *, abort: bool) -> None:
        assert abort
        asked.append(text)
        meanwhile()

    monkeypatch.setattr("moorage.cli.consent.is_terminal", lambda: True)
    monkeypatch.setattr("moorage.cli.consent.typer.confirm", confirm)
    return asked


def push(moorage: Terminal, tag: str) -> Callable[[], None]:
    async def told(services: Services) -> None:
        await World(services).image(NAME, tag, layer=tag.encode())

    return lambda: moorage.do(told)


def test_what_was_shown_is_deleted(moorage: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    moorage("registry", "create", "DMC")
    push(moorage, "1")()
    asked = answer(monkeypatch, lambda: None)
    assert moorage("repository", "delete", NAME) == 0, moorage.err
    (question,) = asked
    assert question.startswith(f"Delete {NAME} with 1 tag and 1 image, ")
    assert "after 14 days, till then it can be restored. Last pull from this repository: never." in question
    assert moorage.json("repository", "list", "DMC") == []


def test_what_was_pushed_meanwhile_is_not_deleted(moorage: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    moorage("registry", "create", "DMC")
    push(moorage, "1")()
    answer(monkeypatch, push(moorage, "2"))
    assert moorage("repository", "delete", NAME) == 1
    assert moorage.err == (
        "moorage: it has changed since it was shown to you; nothing was done, so have another look\n"
    )
    assert moorage.json("repository", "list", "DMC")[0]["tags"] == 2


@pytest.mark.parametrize("noun", ["tag", "image"])
def test_a_tag_that_was_moved_meanwhile_stays(moorage: Terminal, monkeypatch: pytest.MonkeyPatch, noun: str) -> None:
    moorage("registry", "create", "DMC")
    push(moorage, "2")()
    push(moorage, "1")()
    (tag,) = moorage.json("tag", "list", NAME, "--matching", "1")

    def move() -> None:
        assert moorage("tag", "set", f"{NAME}:1", "2") == 0, moorage.err

    asked = answer(monkeypatch, move)
    assert moorage(noun, "delete", f"{NAME}:1" if noun == "tag" else f"{NAME}@{tag['digest']}") == 1
    assert "has changed since it was shown" in moorage.err
    assert len(asked) == 1
    assert len(moorage.json("tag", "list", NAME)) == len(moorage.json("image", "list", NAME)) == 2


def test_pulls_meanwhile_change_nothing(moorage: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    moorage("registry", "create", "DMC")
    push(moorage, "1")()

    async def pull(services: Services) -> None:
        (name,) = [one.name for one in await services.catalog.repositories(SYSTEM, "dmc")]
        services.tally.pulled(name)
        await services.activity.flush()

    answer(monkeypatch, lambda: moorage.do(pull))
    assert moorage("repository", "delete", NAME) == 0, moorage.err


def test_a_repository_is_shown_with_the_space_it_takes(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")
    push(moorage, "1")()
    assert moorage("repository", "show", NAME) == 0, moorage.err
    head, row = moorage.out.splitlines()
    assert " ".join(head.split()[:7]) == "NAME TAGS IN USE DELETED ON DISK"
    assert row.split()[:2] == [NAME, "1"]
    found = moorage.json("repository", "show", NAME)
    assert found["space"] == {"size": found["size"], "deleted": 0, "stored": found["size"]}
    assert moorage("repository", "show", "dmc/none") == 1
