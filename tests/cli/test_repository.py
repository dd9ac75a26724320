"""`moorage repository`."""

from collections.abc import Callable
from types import SimpleNamespace

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

    monkeypatch.setattr("moorage.cli.repository.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr("moorage.cli.repository.typer.confirm", confirm)
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
    assert asked == [f"Delete {NAME} with 1 tag, {asked[0].partition(', ')[2]}"]
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


def test_pulls_meanwhile_change_nothing(moorage: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    moorage("registry", "create", "DMC")
    push(moorage, "1")()

    async def pull(services: Services) -> None:
        (name,) = [one.name for one in await services.catalog.repositories(SYSTEM, "dmc")]
        services.tally.pulled(name)
        await services.activity.flush()

    answer(monkeypatch, lambda: moorage.do(pull))
    assert moorage("repository", "delete", NAME) == 0, moorage.err
