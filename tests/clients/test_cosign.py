"""cosign: signatures and attestations beside the image, with a key and without any outside service."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.images import layout
from tests.clients.programs import Program
from tests.clients.servers import Server

OFFLINE = "--tlog-upload=false"
UNLOGGED = "--insecure-ignore-tlog=true"


@pytest.fixture
def cosign(program: Callable[..., Program], server: Server, tmp_path: Path) -> Program:
    """A person who is signed in and has a key pair in the home."""
    cosign = program("cosign", COSIGN_PASSWORD="")
    cosign("login", server.https, "--username", server.user, "--password", server.password)
    cosign("generate-key-pair", "--output-key-prefix", tmp_path / "cosign")
    return cosign


@pytest.fixture
def image(program: Callable[..., Program], server: Server, tmp_path: Path) -> str:
    """An image on the server, by digest."""
    crane, digest = program("crane"), layout(tmp_path / "image")
    repository = f"{server.https}/cosign/{tmp_path.name.lower().replace('_', '-')}"
    crane("auth", "login", server.https, "--username", server.user, "--password-stdin", stdin=server.password)
    crane("push", tmp_path / "image", f"{repository}:1")
    return f"{repository}@{digest}"


def test_a_signature_is_found_and_verified(cosign: Program, image: str, tmp_path: Path) -> None:
    cosign("sign", "--yes", OFFLINE, "--key", tmp_path / "cosign.key", image)
    verified = json.loads(cosign("verify", UNLOGGED, "--key", tmp_path / "cosign.pub", image))
    assert verified[0]["critical"]["image"]["docker-manifest-digest"] == image.partition("@")[2]


def test_an_unsigned_image_is_not_verified(cosign: Program, image: str, tmp_path: Path) -> None:
    assert "no signatures found" in cosign.refused("verify", UNLOGGED, "--key", tmp_path / "cosign.pub", image)


def test_an_attestation_is_found_and_verified(cosign: Program, image: str, tmp_path: Path) -> None:
    (tmp_path / "predicate.json").write_text('{"built": "by hand"}')
    attest = ["--yes", OFFLINE, "--key", str(tmp_path / "cosign.key"), "--type", "custom"]
    cosign("attest", *attest, "--predicate", tmp_path / "predicate.json", image)
    cosign("verify-attestation", UNLOGGED, "--key", tmp_path / "cosign.pub", "--type", "custom", image)
