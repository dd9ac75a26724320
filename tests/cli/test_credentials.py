"""What docker and podman keep of a login is found as they would find it."""

import base64
import json
from pathlib import Path

import pytest

from moorage.cli.credentials import Login, find
from moorage.cli.transport import ApiError

PASSWORD = "a: b\u00e9"
HOST = ("proget:5443",)


def auth(user: str, password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def store(folder: Path, content: object) -> Path:
    path = folder / "config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def helper(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a credential helper on the path; `$1` is what it is asked, its input the server."""
    program = folder / f"docker-credential-{name}"
    program.write_text(f'#!/bin/sh\nread -r server\n[ "$1" = get ] || exit 9\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_login_is_read_from_the_file(tmp_path: Path) -> None:
    path = store(tmp_path, {"auths": {"elsewhere:5443": auth("kim"), "proget:5443": auth("mara")}})
    assert find([tmp_path / "none", path], HOST) == Login("mara", PASSWORD, str(path))
    assert find([path], ["other:5443"]) is None


@pytest.mark.parametrize(
    "key", ["proget", "proget:443", "https://proget", "https://proget:443/v2/", "http://proget/v1/"]
)
def test_a_server_is_known_by_any_of_its_names(tmp_path: Path, key: str) -> None:
    path = store(tmp_path, {"auths": {key: auth("mara")}})
    found = find([path], ("proget:443", "proget"))
    assert found is not None
    assert found.user == "mara"


@pytest.mark.parametrize("key", ["proget:5444", "notproget:5443", "proget", "proget:5443.example.org"])
def test_another_servers_login_is_never_taken(tmp_path: Path, key: str) -> None:
    assert find([store(tmp_path, {"auths": {key: auth("mara")}})], HOST) is None


def test_a_helper_is_asked_for_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = '[ "$server" = proget:5443 ] && echo \'{"ServerURL": "x", "Username": "mara", "Secret": "s3"}\''
    helper(tmp_path, "ours", answer, monkeypatch)
    login = Login("mara", "s3", "docker-credential-ours")
    assert find([store(tmp_path, {"credHelpers": {"proget:5443": "ours"}})], HOST) == login
    assert find([store(tmp_path, {"auths": {"proget:5443": {}}, "credsStore": "ours"})], HOST) == login


def test_a_helper_that_knows_nothing_leaves_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, "ours", "echo credentials not found in native keychain; exit 1", monkeypatch)
    path = store(tmp_path, {"credsStore": "ours", "auths": {"proget:5443": auth("mara")}})
    assert find([path], HOST) == Login("mara", PASSWORD, str(path))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo locked; exit 1", "locked"),
        ("exit 3", "exit code 3"),
        ("echo hello", "no login"),
        ('echo \'{"Username": "<token>", "Secret": "s"}\'', "images only"),
    ],
)
def test_a_helper_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str) -> None:
    helper(tmp_path, "ours", script, monkeypatch)
    with pytest.raises(ApiError, match=said):
        find([store(tmp_path, {"credsStore": "ours"})], HOST)


@pytest.mark.parametrize("name", ["missing", "../evil", "a b", "-x/../y"])
def test_a_helper_that_is_none_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ApiError):
        find([store(tmp_path, {"credsStore": name})], HOST)


def test_a_token_for_images_is_no_login(tmp_path: Path) -> None:
    entry = {**auth("", ""), "identitytoken": "secret"}
    with pytest.raises(ApiError, match="MOORAGE_TOKEN") as caught:
        find([store(tmp_path, {"auths": {"proget:5443": entry}})], HOST)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", ["[]", "{}", '{"auths": []}', '{"auths": {"proget:5443": null}}'])
def test_a_file_without_logins_is_no_trouble(tmp_path: Path, content: str) -> None:
    assert find([store(tmp_path, content)], HOST) is None


@pytest.mark.parametrize("content", ["{", '{"auths": {"proget:5443": {"auth": "%%%"}}}'])
def test_a_damaged_file_is_told(tmp_path: Path, content: str) -> None:
    with pytest.raises(ApiError):
        find([store(tmp_path, content)], HOST)


def test_a_password_shows_in_no_representation() -> None:
    assert PASSWORD not in repr(Login("mara", PASSWORD, "file"))
