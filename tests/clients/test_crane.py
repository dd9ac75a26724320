"""crane: the plain verbs of the distribution API."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.images import layout
from tests.clients.programs import Program
from tests.clients.servers import Server


@pytest.fixture
def crane(program: Callable[..., Program], server: Server) -> Program:
    """A person signed in at both doors of the server."""
    crane = program("crane")
    for door in (server.https, server.http):
        crane("auth", "login", door, "--username", server.user, "--password-stdin", stdin=server.password)
    return crane


def test_push_and_pull_keep_the_digest(crane: Program, server: Server, tmp_path: Path) -> None:
    reference, digest = f"{server.https}/crane/image:1", layout(tmp_path / "image")
    assert crane("push", tmp_path / "image", reference).endswith(digest)
    assert crane("digest", reference) == digest
    crane("pull", "--format", "oci", reference, tmp_path / "back")
    assert json.loads((tmp_path / "back" / "index.json").read_text())["manifests"][0]["digest"] == digest
    crane("validate", "--remote", reference)


def test_an_index_is_pushed_with_all_its_images(crane: Program, server: Server, tmp_path: Path) -> None:
    reference, digest = f"{server.https}/crane/index:1", layout(tmp_path / "index", architectures=("amd64", "arm64"))
    crane("push", tmp_path / "index", reference)
    assert crane("digest", reference) == digest
    assert crane("digest", "--platform", "linux/arm64", reference) != digest
    crane("validate", "--remote", reference)


def test_a_copy_between_registries_keeps_the_digest(crane: Program, server: Server, tmp_path: Path) -> None:
    source, target = f"{server.https}/crane/source:1", f"{server.https}/harbour/target:1"
    digest = layout(tmp_path / "image")
    crane("push", tmp_path / "image", source)
    crane("copy", source, target)
    assert crane("digest", target) == digest


def test_repositories_and_tags_are_listed_in_order(crane: Program, server: Server, tmp_path: Path) -> None:
    layout(tmp_path / "image")
    for name in ("list/b:2", "list/a:1", "list/a/x:1", "list/b:10", "list/b:1"):
        crane("push", tmp_path / "image", f"{server.https}/{name}")
    listed = [name for name in crane("catalog", server.https).split() if name.startswith("list/")]
    assert listed == ["list/a", "list/a/x", "list/b"]
    assert crane("ls", f"{server.https}/list/b").split() == ["1", "10", "2"]


def test_a_deleted_image_is_gone_and_can_be_pushed_again(crane: Program, server: Server, tmp_path: Path) -> None:
    repository, digest = f"{server.https}/crane/again", layout(tmp_path / "image")
    crane("push", tmp_path / "image", f"{repository}:1")
    crane("delete", f"{repository}@{digest}")
    assert "MANIFEST_UNKNOWN" in crane.refused("manifest", f"{repository}:1")
    crane("push", tmp_path / "image", f"{repository}:1")
    crane("validate", "--remote", f"{repository}:1")


def test_the_plain_door_on_localhost_serves_the_same_images(crane: Program, server: Server, tmp_path: Path) -> None:
    digest = layout(tmp_path / "image")
    crane("push", tmp_path / "image", f"{server.http}/crane/doors:1")
    assert crane("digest", f"{server.https}/crane/doors:1") == digest


def test_a_blob_is_read_through_its_own_repository_alone(crane: Program, server: Server, tmp_path: Path) -> None:
    layout(tmp_path / "image")
    crane("push", tmp_path / "image", f"{server.https}/crane/owner:1")
    crane("copy", f"{server.https}/crane/owner:1", f"{server.https}/crane/other:1")
    layout(tmp_path / "secret")
    crane("push", tmp_path / "secret", f"{server.https}/crane/owner:2")
    blob = json.loads(crane("manifest", f"{server.https}/crane/owner:2"))["layers"][0]["digest"]
    assert "BLOB_UNKNOWN" in crane.refused("blob", f"{server.https}/crane/other@{blob}")


def test_the_same_image_is_pushed_again_to_an_immutable_tag_and_no_other(
    crane: Program, server: Server, tmp_path: Path
) -> None:
    repository, digest = f"{server.https}/held/app", layout(tmp_path / "image")
    crane("push", tmp_path / "image", f"{repository}:v1")
    server.change("UPDATE registries SET immutable_tags = 'v* !*-dev @app' WHERE address = 'held'")
    crane("push", tmp_path / "image", f"{repository}:v1")
    crane("push", tmp_path / "image", f"{repository}:v1-dev")
    assert layout(tmp_path / "other") != digest
    assert "v1 is immutable here" in crane.refused("push", tmp_path / "other", f"{repository}:v1")
    assert "v1 is immutable here" in crane.refused("delete", f"{repository}:v1")
    crane("push", tmp_path / "other", f"{repository}:v1-dev")
    assert crane("digest", f"{repository}:v1") == digest


def test_a_push_that_has_no_room_is_refused_in_words(crane: Program, server: Server, tmp_path: Path) -> None:
    repository = f"{server.https}/small/app"
    layout(tmp_path / "image")
    crane("push", tmp_path / "image", f"{repository}:1")
    server.change("UPDATE registries SET quota = 1000 WHERE address = 'small'")
    layout(tmp_path / "other")
    said = crane.refused("push", tmp_path / "other", f"{repository}:2")
    assert "of its quota of 1.0 KB are in use" in said
    assert "ask an administrator of the server for a larger quota" in said
    crane("push", tmp_path / "image", f"{repository}:again")
    server.change("UPDATE registries SET quota = NULL WHERE address = 'small'")
    crane("push", tmp_path / "other", f"{repository}:2")
