"""`moorage move`: what it says, to people and to programs, and what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moorage.app.services import Services
from moorage.cli import app
from moorage.domain.access import Caller
from tests.cli.conftest import Terminal
from tests.moving.places import push


async def filled(services: Services) -> None:
    """Push something."""
    await services.registries.create(Caller(0, "admin", is_admin=True), "DMC")
    await push(services, "dmc/app", b"a layer")


def test_the_report_says_what_there_is_and_what_is_to_be_done_next(moorage: Terminal, tmp_path: Path) -> None:
    moorage.do(filled)
    (tmp_path / "new.toml").write_text(f'data = "{tmp_path / "there"}"\nworkers = 2\n')
    assert moorage("move", "--to", str(tmp_path / "new.toml")) == 0
    said, blobs, verdict, after = moorage.out.splitlines()
    assert said.startswith("Copied 1 registry, 1 repository, 0 images, 0 tags, 1 blob of 7 B in ")
    assert blobs == "Of the blobs 1 came now, 7 B; 0 were there"
    assert verdict == "Every digest was verified"
    assert after == "No server was at work here: this is all of it. Start the server with its new settings"
    assert moorage.err.splitlines()[:2] == ["blobs: 0 B of 7 B", "blobs: 7 B of 7 B"]
    assert moorage("move", "--to", str(tmp_path / "new.toml"), "--read-back") == 0
    assert "Of the blobs 0 came now, 0 B; 1 were there" in moorage.out
    assert "Every digest was verified, with the bytes as they are there" in moorage.out


def test_programs_get_the_report_as_json(moorage: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moorage.do(filled)
    monkeypatch.setenv("MOORAGE_TO_DATA", str(tmp_path / "there"))
    report = moorage.json("move")
    assert report["contents"]["blobs"] == report["copied"] == 1
    assert report["verified"] is report["is_last"] is report["has_rows"] is True


def test_damage_is_named_and_exit_1(moorage: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moorage.do(filled)
    (blob,) = (moorage.data / "blobs" / "sha256").glob("*/*")
    blob.write_bytes(b"another")
    monkeypatch.setenv("MOORAGE_TO_DATA", str(tmp_path / "there"))
    assert moorage("move") == 1
    assert f"Damaged: sha256:{blob.name}: its bytes are others than its digest says\n" in moorage.out
    assert moorage("move", "--json") == 1
    assert json.loads(moorage.out)["verified"] is False


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({}, "the destination is where everything is already; name another one with --to FILE or MOORAGE_TO_…"),
        ({"MOORAGE_TO_DATABSE_URL": "x"}, "MOORAGE_TO_DATABSE_URL: there is no such setting; did you mean"),
        ({"MOORAGE_TO_STORAGE_URL": "s3://bucket"}, "a bucket needs s3_access_key_id and s3_secret_access_key"),
        ({"MOORAGE_TO_CONFIG": "/nowhere.toml"}, "MOORAGE_TO_CONFIG: /nowhere.toml is no readable TOML file"),
    ],
)
def test_what_is_no_destination_is_told_in_one_line(
    moorage: Terminal, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], line: str
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert moorage("move") == 1
    assert moorage.err.startswith(f"moorage: {line}")
    assert moorage.err.count("\n") == 1


def test_a_file_that_is_not_there_is_named_with_its_option(moorage: Terminal) -> None:
    assert moorage("move", "--to", "/nowhere.toml") == 1
    assert moorage.err.startswith("moorage: --to: /nowhere.toml is no readable TOML file")


def test_other_commands_pass_over_what_is_said_of_a_destination(
    moorage: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOORAGE_TO_DATA", "/srv/new")
    assert moorage("registry", "list") == 0


def test_a_destination_in_use_is_refused_with_what_to_do(moorage: Terminal, tmp_path: Path) -> None:
    there = Terminal(tmp_path / "there")
    there.do(filled)
    result = CliRunner(env={"MOORAGE_TO_DATA": str(there.data)}).invoke(app, ["move", "--data", str(moorage.data)])
    assert result.exit_code == 1
    assert "is in use: somebody other than `moorage move` has written to it. Name an empty one" in result.stderr
