"""A layer that the disk has damaged is brought again by every client's ordinary push, and pulled by everybody."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.images import dockerfile, layout
from tests.clients.programs import Program
from tests.clients.servers import MOORAGE, Server
from tests.clients.test_crane import crane
from tests.clients.test_docker import digest_in, docker, signed_in
from tests.clients.test_oras import oras
from tests.clients.test_podman import podman
from tests.clients.test_regctl import regctl
from tests.clients.test_skopeo import skopeo
from tests.faults.damage import flip

__all__ = ["crane", "docker", "oras", "podman", "regctl", "signed_in", "skopeo"]

pytestmark = pytest.mark.one_server


PUSHES: dict[str, Callable[[Program, Path, str], object]] = {
    "crane": lambda crane, folder, reference: crane("push", folder, reference),
    "oras": lambda oras, folder, reference: oras("cp", "--from-oci-layout", f"{folder}:latest", reference),
    "regctl": lambda regctl, folder, reference: regctl("image", "copy", f"ocidir://{folder}:latest", reference),
    "skopeo": lambda skopeo, folder, reference: skopeo(
        "copy", "--all", f"oci:{folder}:latest", f"docker://{reference}"
    ),
}
PULLS: dict[str, Callable[[Program, Path, str], object]] = {
    "crane": lambda crane, folder, reference: crane("pull", "--platform", "linux/amd64", reference, folder),
    "skopeo": lambda skopeo, folder, reference: skopeo(
        "copy", "--override-arch", "amd64", f"docker://{reference}", f"oci:{folder}:latest"
    ),
    "regctl": lambda regctl, folder, reference: regctl(
        "image", "copy", "--platform", "linux/amd64", reference, f"ocidir://{folder}:latest"
    ),
    "oras": lambda oras, folder, reference: oras(
        "cp", "--platform", "linux/amd64", "--to-oci-layout", reference, f"{folder}:latest"
    ),
    "podman": lambda podman, _, reference: podman("pull", "--arch", "amd64", reference),
    "signed_in": lambda docker, _, reference: docker("pull", "--platform", "linux/amd64", reference),
}


def damage_layers(crane: Program, server: Server, reference: str, platform: str = "all") -> list[str]:
    """Change a bit of each layer of an image; return the layers."""
    manifest = crane("manifest", "--platform", platform, reference)
    layers = [layer["digest"] for layer in json.loads(manifest)["layers"]]
    for digest in layers:
        encoded = digest.partition(":")[2]
        flip(server.data / "blobs" / "sha256" / encoded[:2] / encoded)
    return layers


def verify(server: Server) -> set[str]:
    """Run `moorage verify` beside the server; return the digests of what is damaged."""
    command = [MOORAGE, "verify", "--json", "--data", str(server.data)]
    done = subprocess.run(command, check=False, capture_output=True)
    damages = {damage["digest"] for damage in json.loads(done.stdout)["damages"]}
    assert done.returncode == (1 if damages else 0), done.stderr
    return damages


def test_docker_s_next_push_heals_what_verification_found(
    signed_in: Program, crane: Program, server: Server, tmp_path: Path
) -> None:
    docker, reference = signed_in, f"{server.https}/healing/docker:1"
    docker("build", "--tag", reference, dockerfile(tmp_path / "image", layers=2))
    pushed = digest_in(docker("push", reference))
    layers = damage_layers(crane, server, reference)
    assert verify(server) == set(layers)
    assert digest_in(docker("push", reference)) == pushed
    assert verify(server) == set()
    docker("image", "rm", "--force", reference)
    assert digest_in(docker("pull", reference)) == pushed
    crane("validate", "--remote", reference)


@pytest.mark.parametrize("client", PUSHES)
@pytest.mark.parametrize("architectures", [("amd64",), ("amd64", "arm64")])
def test_the_next_push_of_every_client_heals_an_image_and_an_index(  # who pushes, what, and who looks
    request: pytest.FixtureRequest,
    crane: Program,
    server: Server,
    tmp_path: Path,
    client: str,
    architectures: tuple[str, ...],
) -> None:
    reference, folder = f"{server.https}/healing/{client}:{len(architectures)}", tmp_path / "image"
    digest, program = layout(folder, architectures=architectures), request.getfixturevalue(client)
    PUSHES[client](program, folder, reference)
    damaged = damage_layers(crane, server, f"{reference}", f"linux/{architectures[-1]}")
    assert verify(server) == set(damaged)
    PUSHES[client](program, folder, reference)
    assert verify(server) == set()
    assert crane("digest", reference) == digest
    crane("validate", "--remote", reference)


def test_podman_s_next_push_heals(podman: Program, crane: Program, server: Server, tmp_path: Path) -> None:
    reference = f"{server.https}/healing/podman:1"
    podman("build", "--tag", reference, dockerfile(tmp_path / "image", layers=2))
    podman("push", reference)
    pushed, layers = crane("digest", reference), damage_layers(crane, server, reference)
    assert verify(server) == set(layers)
    podman("push", reference)
    assert verify(server) == set()
    assert crane("digest", reference) == pushed
    podman("image", "rm", "--force", reference)
    podman("pull", reference)
    crane("validate", "--remote", reference)


def test_oras_s_next_push_of_an_artifact_heals(oras: Program, crane: Program, server: Server) -> None:
    words = ("push", "--artifact-type", "application/x.artifact", f"{server.https}/healing/artifact:1", "artifact.txt")
    oras(*words, "--annotation", "org.opencontainers.image.created=2026-01-01T00:00:00Z")
    layers = damage_layers(crane, server, words[3])
    assert verify(server) == set(layers)
    oras(*words, "--annotation", "org.opencontainers.image.created=2026-01-01T00:00:00Z")
    assert verify(server) == set()
    oras("pull", "--output", "back", words[3])


@pytest.mark.parametrize("client", PULLS)
def test_an_index_is_pulled_for_one_platform_while_another_is_damaged(
    request: pytest.FixtureRequest, crane: Program, server: Server, tmp_path: Path, client: str
) -> None:
    reference, folder = f"{server.https}/halves/{client}:1", tmp_path / "image"
    layout(folder, architectures=("amd64", "arm64"))
    crane("push", folder, reference)
    damaged = damage_layers(crane, server, reference, "linux/arm64")
    assert verify(server) == set(damaged)
    try:
        PULLS[client](request.getfixturevalue(client), tmp_path / "back", reference)
    finally:
        crane("push", folder, reference)
    assert verify(server) == set()
