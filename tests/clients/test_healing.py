"""A layer that the disk has damaged is brought again by docker's ordinary push, and pulled by everybody."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.clients.images import dockerfile
from tests.clients.programs import Program
from tests.clients.servers import MOORAGE, Server
from tests.clients.test_crane import crane
from tests.clients.test_docker import digest_in, docker, signed_in
from tests.faults.damage import flip

__all__ = ["crane", "docker", "signed_in"]

pytestmark = pytest.mark.one_server


def damage_layers(crane: Program, server: Server, reference: str) -> list[str]:
    """Change a bit of each layer of an image; return the layers."""
    layers = [layer["digest"] for layer in json.loads(crane("manifest", reference))["layers"]]
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
