"""The product's main job: docker against a registry over TLS."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.images import dockerfile
from tests.clients.programs import Program
from tests.clients.servers import Server

DIGEST = re.compile(r"[Dd]igest: (sha256:[0-9a-f]{64})")


@pytest.fixture
def docker(program: Callable[..., Program], docker_host: str) -> Program:
    """A person at a daemon, not signed in."""
    return program("docker", DOCKER_HOST=docker_host, DOCKER_BUILDKIT="0")


@pytest.fixture
def signed_in(docker: Program, server: Server) -> Program:
    """The same person after `docker login`."""
    docker("login", server.https, "--username", server.user, "--password-stdin", stdin=server.password)
    return docker


def digest_in(output: str) -> str:
    found = DIGEST.search(output)
    assert found, output
    return found[1]


def test_login_tag_push_remove_and_pull_bring_the_same_image_back(
    signed_in: Program, server: Server, tmp_path: Path
) -> None:
    docker, reference = signed_in, f"{server.https}/dmc/ubuntu:trusty"
    docker("build", "--tag", "ubuntu:trusty", dockerfile(tmp_path / "ubuntu", layers=2))
    docker("tag", "ubuntu:trusty", reference)
    image = docker("image", "inspect", "--format", "{{.Id}}", reference)
    pushed = digest_in(docker("push", reference))
    docker("image", "rm", "--force", "ubuntu:trusty", reference)
    docker.refused("image", "inspect", reference)
    assert digest_in(docker("pull", reference)) == pushed
    assert docker("image", "inspect", "--format", "{{.Id}}", reference) == image
    docker("image", "rm", "--force", reference)
    assert digest_in(docker("pull", f"{server.https}/dmc/ubuntu@{pushed}")) == pushed


def test_a_wrong_password_is_refused_in_words(docker: Program, server: Server) -> None:
    said = docker.refused("login", server.https, "--username", server.user, "--password-stdin", stdin="guess")
    assert "unauthorized" in said.lower()


def test_a_second_tag_uploads_nothing(signed_in: Program, server: Server, tmp_path: Path) -> None:
    docker, reference = signed_in, f"{server.https}/dmc/tags"
    docker("build", "--tag", f"{reference}:one", dockerfile(tmp_path / "tags", layers=2))
    first = digest_in(docker("push", f"{reference}:one"))
    docker("tag", f"{reference}:one", f"{reference}:two")
    output = docker("push", f"{reference}:two")
    assert digest_in(output) == first
    assert output.count("Layer already exists") == 2
    assert "Pushed" not in output


def test_a_push_to_another_repository_mounts_its_layers(signed_in: Program, server: Server, tmp_path: Path) -> None:
    docker, source, target = signed_in, f"{server.https}/dmc/source:1", f"{server.https}/dmc/team/target:1"
    docker("build", "--tag", source, dockerfile(tmp_path / "mount", layers=4))
    first = digest_in(docker("push", source))
    docker("tag", source, target)
    output = docker("push", target)
    assert digest_in(output) == first
    assert output.count("Mounted from dmc/source") == 4


def test_an_image_of_another_registry_is_not_mixed_up(signed_in: Program, server: Server, tmp_path: Path) -> None:
    docker, ours, theirs = signed_in, f"{server.https}/dmc/same:1", f"{server.https}/ops/same:1"
    for reference in (ours, theirs):
        docker("build", "--tag", reference, dockerfile(tmp_path / reference.split("/")[1], layers=1))
    assert digest_in(docker("push", ours)) != digest_in(docker("push", theirs))


def test_a_large_layer_comes_back_whole(signed_in: Program, server: Server, tmp_path: Path) -> None:
    docker, reference = signed_in, f"{server.https}/dmc/large:1"
    docker("build", "--tag", reference, dockerfile(tmp_path / "large", layers=1, size=200_000_000))
    image = docker("image", "inspect", "--format", "{{.Id}}", reference)
    docker("push", reference)
    docker("image", "rm", "--force", reference)
    docker("pull", reference)
    assert docker("image", "inspect", "--format", "{{.Id}}", reference) == image


def test_without_a_login_nothing_is_pushed_or_pulled(docker: Program, server: Server, tmp_path: Path) -> None:
    reference = f"{server.https}/dmc/stranger:1"
    docker("build", "--tag", reference, dockerfile(tmp_path / "stranger", layers=1))
    for verb in ("push", "pull"):
        assert re.search(
            "no basic auth credentials|unauthorized|denied|authentication", docker.refused(verb, reference)
        )


def test_a_name_without_a_registry_is_explained(signed_in: Program, server: Server, tmp_path: Path) -> None:
    docker, reference = signed_in, f"{server.https}/ubuntu:trusty"
    docker("build", "--tag", reference, dockerfile(tmp_path / "short", layers=1))
    docker.refused("push", reference)
    assert "registry/repository" in docker.refused("pull", reference)


@pytest.mark.one_server
def test_a_real_host_name_over_plain_http_is_refused_by_docker(docker: Program, plain_server: Server) -> None:
    said = docker.refused(
        "login", plain_server.http, "--username", plain_server.user, "--password-stdin", stdin=plain_server.password
    )
    assert "HTTP response to HTTPS client" in said
