"""regctl: referrers, tag deletion, uploads in pieces."""

import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.images import layout
from tests.clients.programs import Program
from tests.clients.servers import Server


@pytest.fixture
def regctl(program: Callable[..., Program], server: Server) -> Program:
    """A person who is signed in."""
    regctl = program("regctl")
    regctl("registry", "login", server.https, "--user", server.user, "--pass-stdin", stdin=server.password)
    return regctl


def referrers(regctl: Program, reference: str) -> list[str]:
    listed = json.loads(regctl("artifact", "list", "--format", "{{ jsonPretty .Descriptors }}", reference))
    return [descriptor["digest"] for descriptor in listed or ()]


def test_an_image_is_copied_with_its_referrers(regctl: Program, server: Server, tmp_path: Path) -> None:
    source, target = f"{server.https}/regctl/source:1", f"{server.https}/harbour/regctl:1"
    digest = layout(tmp_path / "image")
    regctl("image", "copy", f"ocidir://{tmp_path}/image:latest", source)
    regctl("artifact", "put", "--subject", source, "--artifact-type", "application/x.note", stdin="a note")
    regctl("image", "copy", "--referrers", source, target)
    assert regctl("image", "digest", target) == digest
    assert referrers(regctl, target) == referrers(regctl, source)
    assert len(referrers(regctl, target)) == 1


def test_a_deleted_tag_leaves_the_digests_other_tags(regctl: Program, server: Server, tmp_path: Path) -> None:
    repository, digest = f"{server.https}/regctl/tags", layout(tmp_path / "image")
    for tag in ("one", "two"):
        regctl("image", "copy", f"ocidir://{tmp_path}/image:latest", f"{repository}:{tag}")
    regctl("tag", "delete", f"{repository}:one")
    assert regctl("tag", "ls", repository).split() == ["two"]
    assert regctl("image", "digest", f"{repository}:two") == digest


def test_a_blob_is_uploaded_in_pieces(regctl: Program, server: Server) -> None:
    repository, content = f"{server.https}/regctl/blob", secrets.token_hex(5_000_000)
    digest = f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
    regctl("registry", "set", server.https, "--blob-chunk", "1000000", "--blob-max", "1")
    assert regctl("blob", "put", "--digest", digest, repository, stdin=content) == digest
    assert regctl("blob", "get", repository, digest) == content
    regctl("blob", "delete", repository, digest)
    regctl.refused("blob", "head", repository, digest)
