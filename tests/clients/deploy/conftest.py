"""The image of Moorage, built once, and what compose.yaml makes of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from moorage import __version__
from tests.clients.conftest import dockerd
from tests.clients.deploy.stand_ins import COMPOSE, STAND_INS, named_images, override
from tests.clients.programs import PATH, Program, environment
from tests.clients.servers import ADDRESS, MOORAGE, free_port

HOUSE = COMPOSE.parent.parent
BASE = HOUSE / ".clients" / "python.tar"
IMAGE = f"moorage:{__version__}"


@dataclass(frozen=True, slots=True)
class Composed:
    """The servers that compose.yaml starts: its command, and where they answer as `name:port`."""

    compose: Program
    host: str


@contextmanager
def trusted(host: str, authority: str, folder: Path) -> Iterator[None]:
    """Let Docker trust a server whose authority has this certificate in PEM."""
    (folder / "ca.crt").write_text(authority + "\n")
    trust = Program(MOORAGE, dict(os.environ), ("trust", host, "--docker"))
    trust("--ca", folder / "ca.crt")
    try:
        yield
    finally:
        trust("--undo")


@pytest.fixture(scope="package")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Docker daemon of its own."""
    with dockerd(tmp_path_factory.mktemp("dockerd")) as address:
        yield address


@pytest.fixture(scope="package")
def docker(daemon: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """An administrator of the daemon, who has `docker compose` too."""
    home = tmp_path_factory.mktemp("administrator")
    plugins = home / ".docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(Path(PATH.partition(":")[0]) / "docker-compose")
    return Program("docker", environment(home, home / "nobody.crt") | {"DOCKER_HOST": daemon, "DOCKER_BUILDKIT": "0"})


@pytest.fixture(scope="package")
def image(docker: Program) -> str:
    """The image of Moorage as its Dockerfile makes it, on Debian's Python."""
    (base,) = [line.split("=")[1] for line in (HOUSE / "Dockerfile").read_text().splitlines() if "ARG PYTHON" in line]
    docker("import", "--change", "ENV PATH=/usr/bin:/bin", BASE, base)
    docker("build", "--network", "host", "--tag", IMAGE, HOUSE)
    return IMAGE


@pytest.fixture(scope="package")
def composed(docker: Program, image: str, name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """What `docker compose up` starts, with stand-ins for the images that are others'; Docker trusts it."""
    assert image in COMPOSE.read_text()
    folder = tmp_path_factory.mktemp("compose")
    for service, reference in named_images().items():
        archive = folder / f"{service}.tar"
        archive.write_bytes(STAND_INS[service].archive())
        changes = [word for change in STAND_INS[service].changes() for word in ("--change", change)]
        docker("import", *changes, archive, reference)
    port = free_port(ADDRESS)
    settings = {"MOORAGE_URL": f"https://{name}:{port}", "MOORAGE_PORT": f"{ADDRESS}:{port}"}
    files = ("compose", "--file", str(COMPOSE), "--file", str(override(folder)))
    compose = Program("docker", docker.environment | settings, files)
    try:
        compose("up", "--detach", "--wait", "--quiet-pull")
        with trusted(f"{name}:{port}", compose("exec", "-T", "balancer", "cat", "/tls/ca.crt"), folder):
            yield Composed(compose, f"{name}:{port}")
    finally:
        compose("down", "--volumes", "--timeout", "5")
