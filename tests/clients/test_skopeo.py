"""skopeo: copies that change nothing, in both directions."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.images import layout
from tests.clients.programs import Program
from tests.clients.servers import Server


@pytest.fixture
def skopeo(program: Callable[..., Program], server: Server) -> Program:
    """A person who is signed in."""
    skopeo = program("skopeo")
    skopeo("login", server.https, "--username", server.user, "--password-stdin", stdin=server.password)
    return skopeo


def top(folder: Path) -> str:
    digest: str = json.loads((folder / "index.json").read_text())["manifests"][0]["digest"]
    return digest


def test_an_image_comes_back_byte_for_byte(skopeo: Program, server: Server, tmp_path: Path) -> None:
    reference, digest = f"docker://{server.https}/skopeo/image:1", layout(tmp_path / "there")
    skopeo("copy", f"oci:{tmp_path}/there:latest", reference)
    skopeo("copy", reference, f"oci:{tmp_path}/back:latest")
    assert top(tmp_path / "back") == digest
    assert json.loads(skopeo("inspect", reference))["Digest"] == digest


def test_an_index_is_copied_with_all_its_platforms(skopeo: Program, server: Server, tmp_path: Path) -> None:
    reference = f"docker://{server.https}/skopeo/index:1"
    digest = layout(tmp_path / "there", architectures=("amd64", "arm64", "s390x"))
    skopeo("copy", "--all", f"oci:{tmp_path}/there:latest", reference)
    skopeo("copy", "--all", reference, f"oci:{tmp_path}/back:latest")
    assert top(tmp_path / "back") == digest
    assert len(json.loads(skopeo("inspect", "--raw", reference))["manifests"]) == 3


def test_a_copy_inside_the_server_keeps_the_digest(skopeo: Program, server: Server, tmp_path: Path) -> None:
    source, target = f"docker://{server.https}/skopeo/here:1", f"docker://{server.https}/ops/there:1"
    digest = layout(tmp_path / "there")
    skopeo("copy", f"oci:{tmp_path}/there:latest", source)
    skopeo("copy", source, target)
    assert json.loads(skopeo("inspect", target))["Digest"] == digest


def test_tags_are_listed_and_a_deleted_image_is_gone(skopeo: Program, server: Server, tmp_path: Path) -> None:
    repository = f"docker://{server.https}/skopeo/tags"
    for tag in ("one", "two"):
        layout(tmp_path / tag)
        skopeo("copy", f"oci:{tmp_path}/{tag}:latest", f"{repository}:{tag}")
    assert json.loads(skopeo("list-tags", repository))["Tags"] == ["one", "two"]
    skopeo("delete", f"{repository}:one")
    assert json.loads(skopeo("list-tags", repository))["Tags"] == ["two"]
    assert "manifest unknown" in skopeo.refused("inspect", f"{repository}:one")


def test_a_wrong_password_is_refused_in_words(program: Callable[..., Program], server: Server) -> None:
    said = program("skopeo").refused("login", server.https, "--username", server.user, "--password", "guess")
    assert "invalid username/password" in said
