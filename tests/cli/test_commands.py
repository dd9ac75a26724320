"""What holds for every command: help, exit codes, and where it works."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from moorage.app.services import Services
from moorage.cli import app
from tests.cli.conftest import Terminal
from tests.management.world import World

OURS = (
    "registry",
    "repository",
    "user",
    "group",
    "access",
    "robot",
    "token",
    "trash",
    "gc",
    "move",
    "backup",
    "restore",
)


def commands() -> Iterator[tuple[str, ...]]:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    for name in OURS:
        found = root.commands[name]
        if isinstance(found, TyperGroup):
            yield from ((name, inner) for inner in found.commands)
        else:
            yield (name,)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_help_explains_and_gives_an_example(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    plain = " ".join(result.stdout.split())
    assert "--data" in plain
    assert "--json" in plain
    # Once in the usage line, and in an example.
    assert plain.count(" ".join(("moorage", *words))) > 1


def test_without_a_data_folder_one_line_says_so(tmp_path: Path) -> None:
    moorage = Terminal(tmp_path / "nowhere")
    assert moorage("registry", "list") == 1
    assert moorage.err == f"moorage: there is no data folder {tmp_path / 'nowhere'}; name the server's with --data\n"
    assert not moorage.data.exists()


def test_a_folder_no_server_has_used_is_left_alone(tmp_path: Path) -> None:
    moorage = Terminal(tmp_path)
    assert moorage("gc") == 1
    assert moorage.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_is_wrong_is_told_in_one_line(moorage: Terminal, tmp_path: Path) -> None:
    (tmp_path / "moorage.toml").write_text("colour = 'blue'")
    assert moorage("registry", "list", "--config", str(tmp_path / "moorage.toml")) == 1
    assert moorage.err.startswith("moorage: colour in ")
    assert moorage.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("registry", "create"),
        ("registry", "create", "DMC", "--visibility", "secret"),
        ("registry", "grant", "DMC", "mara", "king"),
        ("registry", "list", "--unknown"),
        ("group", "add", "dev", "--directory", "corp"),
        ("user", "add", "mara", "--generate", "--password-stdin"),
        ("user", "add", "mara"),
        ("repository", "delete", "dmc/app"),
    ],
)
def test_wrong_usage_is_exit_2(moorage: Terminal, words: tuple[str, ...]) -> None:
    assert moorage(*words) == 2
    assert moorage.out == ""
    assert moorage.err != ""


def test_what_cannot_be_done_is_exit_1_and_one_line(moorage: Terminal) -> None:
    for words in (
        ("registry", "create", "a b"),
        ("registry", "delete", "ghost"),
        ("registry", "grant", "ghost", "mara", "reader"),
        ("registry", "grants", "ghost"),
        ("group", "add", "a b"),
        ("group", "list", "ghosts"),
        ("group", "join", "ghosts", "mara"),
        ("group", "delete", "ghosts"),
        ("user", "password", "ghost", "--generate"),
        ("user", "disable", "ghost"),
        ("token", "create", "ghost", "laptop"),
        ("token", "list", "ghost"),
        ("robot", "create", "Robot!"),
        ("robot", "list", "--registry", "ghost"),
        ("robot", "delete", "ghost"),
        ("repository", "list", "ghost"),
        ("repository", "delete", "dmc", "--yes"),
    ):
        assert moorage(*words) == 1, words
        assert moorage.out == ""
        assert moorage.err.startswith("moorage: ")
        assert moorage.err.count("\n") == 1


def test_storage_says_where_blobs_are_and_what_takes_how_much(moorage: Terminal) -> None:
    moorage("registry", "create", "DMC")

    async def push(services: Services) -> None:
        await World(services).image("dmc/app", "1", layer=b"x" * 50_000)

    moorage.do(push)
    assert moorage("storage") == 0, moorage.err
    assert "are free" in moorage.out
    assert "Clean-up has not run yet." in moorage.out
    assert moorage("gc") == 0
    assert moorage("storage") == 0
    assert "Last clean-up" in moorage.out
    assert "REGISTRY" in moorage.out
    found = moorage.json("storage")
    assert found["usage"]["stored"] >= 50_000
    assert [one["only_here"] >= 50_000 for one in found["registries"]] == [True]
