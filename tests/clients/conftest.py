"""One server for all the stories, and for each story a person with an empty home."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.programs import PATH, Program, environment
from tests.clients.servers import ADDRESS, MOORAGE, Server, free_port, named, serving

DAEMON_SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.clients)


@pytest.fixture(scope="session")
def name() -> Iterator[str]:
    """A real host name of this machine."""
    with named() as name:
        yield name


@pytest.fixture(scope="session")
def server(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Moorage over TLS under a real host name, and over plain HTTP on localhost."""
    data = tmp_path_factory.mktemp("moorage") / "data"
    tls, plain = free_port(ADDRESS), free_port("127.0.0.1")
    doors = ["--https", f"{ADDRESS}:{tls}", "--http", f"127.0.0.1:{plain}"]
    with serving(data, *doors, ready=f"http://127.0.0.1:{plain}/readyz"):
        yield Server(f"{name}:{tls}", f"localhost:{plain}", data)


@pytest.fixture(scope="session")
def plain_server(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Moorage over plain HTTP alone, under a real host name: what Docker must not talk to."""
    data = tmp_path_factory.mktemp("plain") / "data"
    port = free_port(ADDRESS)
    doors = ["--https", "off", "--http", f"{ADDRESS}:{port}", "--insecure-http"]
    with serving(data, *doors, ready=f"http://{ADDRESS}:{port}/readyz"):
        yield Server("", f"{name}:{port}", data)


@pytest.fixture
def program(server: Server, tmp_path: Path) -> Callable[..., Program]:
    """Make programs that share one person's empty home: `program("crane")`."""
    home = tmp_path / "home"
    home.mkdir()
    shared = environment(home, server.authority)

    def make(name: str, *always: str, **more: str) -> Program:
        return Program(name, shared | more, always)

    return make


@pytest.fixture(scope="session")
def docker_host(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Docker daemon of its own, which trusts the server."""
    folder = tmp_path_factory.mktemp("dockerd")
    moorage = Program(MOORAGE, dict(os.environ))
    moorage("trust", server.https, "--docker", "--data", server.data)
    address = f"unix://{folder}/docker.sock"
    options = f"--data-root {folder}/data --exec-root {folder}/exec --pidfile {folder}/pid -H {address}"
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["dockerd", *options.split(), "--bridge=none", "--iptables=false", "--ip6tables=false"],
            env={"PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_daemon(address, daemon, folder / "log")
        yield address
    finally:
        daemon.terminate()
        daemon.wait(DAEMON_SECONDS)
        moorage("trust", server.https, "--docker", "--undo")


def _await_daemon(address: str, daemon: subprocess.Popen[bytes], log: Path) -> None:
    docker = Program("docker", {"PATH": PATH, "DOCKER_HOST": address})
    deadline = time.monotonic() + DAEMON_SECONDS
    while docker.run("version").returncode != 0:
        assert daemon.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
