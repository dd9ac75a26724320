"""oras: artifacts of any type, and what refers to them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.programs import Program
from tests.clients.servers import Server

SBOM = "application/spdx+json"


@pytest.fixture
def oras(program: Callable[..., Program], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A person who is signed in, in a folder with an artifact and its bill of materials."""
    oras = program("oras")
    oras("login", server.https, "--username", server.user, "--password-stdin", stdin=server.password)
    (tmp_path / "artifact.txt").write_text("an artifact")
    (tmp_path / "sbom.json").write_text('{"spdxVersion": "SPDX-2.3"}')
    monkeypatch.chdir(tmp_path)
    return oras


def test_an_artifact_comes_back(oras: Program, server: Server, tmp_path: Path) -> None:
    reference = f"{server.https}/oras/artifact:1"
    oras("push", "--artifact-type", "application/x.artifact", reference, "artifact.txt:text/plain")
    oras("pull", "--output", "back", reference)
    assert (tmp_path / "back" / "artifact.txt").read_text() == "an artifact"


def test_what_is_attached_is_discovered(oras: Program, server: Server) -> None:
    reference = f"{server.https}/oras/subject:1"
    oras("push", "--artifact-type", "application/x.artifact", reference, "artifact.txt:text/plain")
    oras("attach", "--artifact-type", SBOM, reference, "sbom.json")
    oras("attach", "--artifact-type", "application/x.note", reference, "artifact.txt")
    found = json.loads(oras("discover", "--format", "json", reference))["referrers"]
    assert {referrer["artifactType"] for referrer in found} == {SBOM, "application/x.note"}
    filtered = json.loads(oras("discover", "--format", "json", "--artifact-type", SBOM, reference))["referrers"]
    assert [referrer["artifactType"] for referrer in filtered] == [SBOM]


def test_a_copy_takes_the_referrers_along(oras: Program, server: Server) -> None:
    source, target = f"{server.https}/oras/from:1", f"{server.https}/harbour/oras:1"
    oras("push", "--artifact-type", "application/x.artifact", source, "artifact.txt:text/plain")
    oras("attach", "--artifact-type", SBOM, source, "sbom.json")
    oras("copy", "--recursive", source, target)
    assert oras("resolve", target) == oras("resolve", source)
    assert len(json.loads(oras("discover", "--format", "json", target))["referrers"]) == 1


def test_one_push_sets_several_tags(oras: Program, server: Server) -> None:
    repository = f"{server.https}/oras/tags"
    oras("push", f"{repository}:1,1.2,1.2.3", "artifact.txt:text/plain")
    assert oras("repo", "tags", repository).split() == ["1", "1.2", "1.2.3"]
    oras("manifest", "delete", "--force", f"{repository}:1")
    assert oras("repo", "tags", repository) == ""
