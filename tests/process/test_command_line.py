"""The commands against a real server elsewhere, over TLS."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from moorage.cli import app
from tests.process.server import PASSWORD, Running, free_port

Moorage = Callable[..., Result]


@pytest.fixture
def moorage(server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moorage:
    """Return what runs a command as admin on the server, whose authority is trusted."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str, **env: str | None) -> Result:
        around = {
            "MOORAGE_SERVER": f"https://localhost:{server.https}",
            "MOORAGE_CA_FILE": str(server.data / "tls" / "ca.crt"),
            "MOORAGE_USER": "admin",
            "MOORAGE_PASSWORD": PASSWORD,
        }
        return CliRunner(env=around | env).invoke(app, list(words))

    return run


def refusal(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert PASSWORD not in result.stderr
    return result.stderr


def test_every_command_does_there_what_it_does_on_the_folder(moorage: Moorage, server: Running) -> None:
    done = (
        ("registry", "create", "DMC", "--description", "Images of the DMC"),
        ("user", "add", "mara", "--generate"),
        ("registry", "grant", "DMC", "mara", "writer"),
        ("registry", "revoke", "DMC", "mara"),
        ("user", "password", "mara", "--generate"),
        ("user", "disable", "mara"),
        ("user", "enable", "mara"),
    )
    for command in done:
        assert moorage(*command).exit_code == 0, command
    for words in (("registry", "list"), ("repository", "list", "DMC"), ("user", "list"), ("gc",)):
        there, here = moorage(*words, "--json"), moorage(*words, "--json", "--data", str(server.data))
        assert there.stdout == here.stdout
        assert json.loads(there.stdout) is not None
        assert moorage(*words).stdout == moorage(*words, "--data", str(server.data)).stdout
    assert moorage("registry", "delete", "DMC").exit_code == 0
    assert json.loads(moorage("registry", "list", "--json").stdout) == []


def test_the_option_goes_before_the_environment(moorage: Moorage, server: Running) -> None:
    words = ("user", "list", "--server", f"localhost:{server.https}")
    assert moorage(*words, MOORAGE_SERVER="https://nowhere.invalid").exit_code == 0


def test_plain_http_is_for_this_machine(moorage: Moorage, server: Running) -> None:
    assert moorage("user", "list", "--server", f"http://127.0.0.1:{server.http}").exit_code == 0
    assert moorage("user", "list", "--server", "http://proget").exit_code == 2


def test_an_authority_nobody_knows_is_told_with_what_to_do(moorage: Moorage, server: Running) -> None:
    said = refusal(moorage("user", "list", MOORAGE_CA_FILE=None))
    assert "is not trusted" in said
    assert f"`moorage trust localhost:{server.https}`" in said


def test_an_authority_that_the_clients_trust_is_trusted(moorage: Moorage, server: Running, tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "docker" / "certs.d" / f"localhost:{server.https}"
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes(b"# Made by somebody\n" + (server.data / "tls" / "ca.crt").read_bytes())
    assert moorage("user", "list", MOORAGE_CA_FILE=None).exit_code == 0


def test_a_wrong_password_is_told_apart_from_none(moorage: Moorage) -> None:
    assert "refuses the password of MOORAGE_USER admin" in refusal(moorage("user", "list", MOORAGE_PASSWORD="wrong"))
    assert "refuses the token of MOORAGE_TOKEN" in refusal(moorage("user", "list", MOORAGE_TOKEN="wrong"))
    unknown = moorage("user", "list", MOORAGE_USER=None, MOORAGE_PASSWORD=None)
    assert "asks who you are: set MOORAGE_TOKEN" in refusal(unknown)


def test_a_server_that_is_not_there_is_told(moorage: Moorage) -> None:
    port = free_port()
    said = refusal(moorage("user", "list", MOORAGE_SERVER=f"https://localhost:{port}"))
    assert said == f"moorage: https://localhost:{port} can't be reached: Connection refused\n"


def test_https_asked_of_the_door_for_http_is_told(moorage: Moorage, server: Running) -> None:
    said = refusal(moorage("user", "list", MOORAGE_SERVER=f"https://localhost:{server.http}"))
    assert "can't be reached: " in said


def test_a_login_of_docker_is_enough(moorage: Moorage, server: Running, tmp_path: Path) -> None:
    entry = {"auth": base64.b64encode(f"admin:{PASSWORD}".encode()).decode()}
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"auths": {f"localhost:{server.https}": entry}}))
    result = moorage("user", "list", MOORAGE_USER=None, MOORAGE_PASSWORD=None)
    assert result.exit_code == 0, result.stderr
