"""`moorage trust`: what it promises, asked of the clients themselves."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.programs import Program
from tests.clients.servers import ALIAS, MOORAGE, NAME, Server

pytestmark = pytest.mark.one_server

MACHINES_OWN = "/etc/ssl/certs/ca-certificates.crt"
UNKNOWN = "signed by unknown authority"


@pytest.fixture
def moorage(program: Callable[..., Program]) -> Program:
    """The command, run by a person with an empty home."""
    return program(MOORAGE, PATH=os.environ["PATH"])


def test_docker_trusts_the_server_without_a_restart_until_undo(
    moorage: Program, program: Callable[..., Program], server: Server, docker_host: str
) -> None:
    docker = program("docker", DOCKER_HOST=docker_host)
    login = ("login", server.https, "--username", server.user, "--password", server.password)
    moorage("trust", server.https, "--docker", "--undo")
    assert UNKNOWN in docker.refused(*login)
    moorage("trust", server.https, "--docker", "--data", server.data, "--dry-run")
    assert UNKNOWN in docker.refused(*login)
    moorage("trust", server.https, "--docker", "--data", server.data)
    docker(*login)


@pytest.mark.parametrize("client", ["podman", "skopeo", "buildah"])
def test_one_account_alone_can_trust_the_server(
    moorage: Program, program: Callable[..., Program], server: Server, client: str, tmp_path: Path
) -> None:
    person = program(client, SSL_CERT_FILE=MACHINES_OWN)
    # They also read what Docker trusts, so the server goes by its other name here.
    address = server.https.replace(NAME, ALIAS)
    login = ("login", "--username", server.user, "--password", server.password, address)
    assert UNKNOWN in person.refused(*login)
    moorage("trust", address, "--podman", "--user", "--data", server.data)
    person(*login)
    moorage("trust", address, "--podman", "--user", "--undo")
    assert UNKNOWN in person.refused(*login)
    assert not list(tmp_path.rglob("ca.crt"))


def test_an_authority_with_another_fingerprint_is_not_trusted(moorage: Program, server: Server, tmp_path: Path) -> None:
    said = moorage.refused("trust", server.https, "--podman", "--user", "--fingerprint", "00" * 32)
    assert "fingerprint" in said.lower()
    assert not list(tmp_path.rglob("ca.crt"))
