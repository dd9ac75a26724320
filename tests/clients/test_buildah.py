"""buildah: an image built without a Dockerfile."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.programs import Program
from tests.clients.servers import Server


@pytest.fixture
def buildah(program: Callable[..., Program], server: Server, tmp_path: Path) -> Program:
    """A person who is signed in."""
    folders = ["--root", f"{tmp_path}/storage", "--runroot", f"{tmp_path}/run", "--storage-driver", "vfs"]
    buildah = program("buildah", *folders)
    buildah("login", "--username", server.user, "--password-stdin", server.https, stdin=server.password)
    return buildah


def test_a_built_image_is_pushed_and_pulled(buildah: Program, server: Server, tmp_path: Path) -> None:
    reference, digest = f"{server.https}/buildah/image:1", tmp_path / "digest"
    (tmp_path / "file").write_text("built by hand")
    container = buildah("from", "scratch")
    buildah("copy", container, tmp_path / "file", "/file")
    image = buildah("commit", "--quiet", container, reference)
    buildah("push", "--digestfile", digest, reference, f"docker://{reference}")
    buildah("rm", container)
    buildah("rmi", "--force", reference)
    assert buildah("pull", "--quiet", f"{server.https}/buildah/image@{digest.read_text()}") == image


def test_a_manifest_list_is_pushed_with_all_its_images(
    buildah: Program, program: Callable[..., Program], server: Server, tmp_path: Path
) -> None:
    name, reference = "localhost/both:1", f"{server.https}/buildah/both:1"
    (tmp_path / "file").write_text("built by hand")
    buildah("manifest", "create", name)
    for architecture in ("amd64", "arm64"):
        container = buildah("from", "--arch", architecture, "scratch")
        buildah("copy", container, tmp_path / "file", "/file")
        buildah("commit", "--quiet", "--manifest", name, container)
    buildah("manifest", "push", "--all", name, f"docker://{reference}")
    index = json.loads(program("skopeo")("inspect", "--raw", f"docker://{reference}"))
    assert [image["platform"]["architecture"] for image in index["manifests"]] == ["amd64", "arm64"]
