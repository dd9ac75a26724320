"""podman, with its storage in a folder of its own."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.images import dockerfile
from tests.clients.programs import Program
from tests.clients.servers import Server


@pytest.fixture
def podman(program: Callable[..., Program], server: Server, tmp_path: Path) -> Iterator[Program]:
    """A person who is signed in. podman takes no run folder whose path is longer than 50 characters."""
    with tempfile.TemporaryDirectory(prefix="podman") as run:
        folders = ["--root", f"{tmp_path}/storage", "--runroot", run, "--storage-driver", "vfs"]
        podman = program("podman", *folders)
        podman("login", server.https, "--username", server.user, "--password-stdin", stdin=server.password)
        yield podman


def test_push_remove_and_pull_bring_the_same_image_back(podman: Program, server: Server, tmp_path: Path) -> None:
    reference, digest = f"{server.https}/podman/image:1", tmp_path / "digest"
    podman("build", "--tag", reference, dockerfile(tmp_path / "image", layers=2))
    podman("push", "--digestfile", digest, reference)
    podman("image", "rm", "--force", reference)
    podman("pull", reference)
    assert podman("image", "inspect", "--format", "{{.Digest}}", reference) == digest.read_text()
    podman("image", "rm", "--force", reference)
    podman("pull", f"{server.https}/podman/image@{digest.read_text()}")


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_layer_is_compressed_as_asked(podman: Program, server: Server, tmp_path: Path, compression: str) -> None:
    reference = f"{server.https}/podman/{compression}:1"
    podman("build", "--tag", reference, dockerfile(tmp_path / "image", layers=1))
    podman("push", "--format", "oci", "--compression-format", compression, reference)
    podman("image", "rm", "--force", reference)
    podman("pull", reference)


def test_a_wrong_password_is_refused_in_words(podman: Program, server: Server) -> None:
    podman("logout", server.https)
    said = podman.refused("login", server.https, "--username", server.user, "--password", "guess")
    assert "invalid username/password" in said
