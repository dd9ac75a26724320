"""One server for all the stories, then three behind nginx; and for each story a person with an empty home."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.programs import PATH, Program, environment
from tests.clients.servers import ADDRESS, ALIAS, MOORAGE, Server, free_port, named, serving
from tests.fleet import fleet, settings_of
from tests.postgres import Cluster
from tests.s3_servers import s3_server

DAEMON_SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.clients)
    # Together, so that no module's own servers start twice.
    items.sort(key=is_of_three)


def is_of_three(item: pytest.Item) -> bool:
    return (
        isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and item.callspec.params.get("server") == "three"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        kinds = ["one"] if metafunc.definition.get_closest_marker("one_server") else ["one", "three"]
        metafunc.parametrize("server", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def name() -> Iterator[str]:
    """A real host name of this machine."""
    with named() as name:
        yield name


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Moorage over TLS under a real host name, and over plain HTTP on localhost: one server, or three behind nginx."""
    folder = tmp_path_factory.mktemp(request.param)
    with (
        one(name, folder)
        if request.param == "one"
        else three(name, folder, request.getfixturevalue("postgres")) as made
    ):
        yield made


@contextlib.contextmanager
def one(name: str, folder: Path) -> Iterator[Server]:
    """A server as it is when nothing is set: SQLite and files."""
    tls, plain = free_port(ADDRESS), free_port("127.0.0.1")
    doors = ["--https", f"{ADDRESS}:{tls}", "--http", f"127.0.0.1:{plain}"]
    with serving(folder / "data", *doors, ready=f"http://127.0.0.1:{plain}/readyz"):
        yield Server(f"{name}:{tls}", f"localhost:{plain}", folder / "data")


@contextlib.contextmanager
def three(name: str, folder: Path, postgres: Cluster) -> Iterator[Server]:
    """Three on a PostgreSQL and a bucket; nginx speaks TLS, and gives each request to any of them."""
    database, address = postgres.empty(), f"{ADDRESS}:{free_port(ADDRESS)}"
    with (
        s3_server("versitygw", folder / "store") as store,
        fleet(folder, folder, settings_of(database, store, "clients"), address, (name, ALIAS)) as servers,
    ):
        _, _, port = address.partition(":")
        plain = f"localhost:{servers.servers[0].http}"
        yield Server(f"{name}:{port}", plain, folder, database=database)


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
    moorage = Program(MOORAGE, dict(os.environ))
    moorage("trust", server.https, "--docker", "--data", server.data)
    try:
        with dockerd(tmp_path_factory.mktemp("dockerd")) as address:
            yield address
    finally:
        moorage("trust", server.https, "--docker", "--undo")


@contextlib.contextmanager
def dockerd(folder: Path, **environment: str) -> Iterator[str]:
    """Run a Docker daemon, and tell its address."""
    address = f"unix://{folder}/docker.sock"
    options = f"--data-root {folder}/data --exec-root {folder}/exec --pidfile {folder}/pid -H {address}"
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["dockerd", *options.split(), "--bridge=none", "--iptables=false", "--ip6tables=false"],
            env={"PATH": PATH, **environment},
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


def _await_daemon(address: str, daemon: subprocess.Popen[bytes], log: Path) -> None:
    docker = Program("docker", {"PATH": PATH, "DOCKER_HOST": address})
    deadline = time.monotonic() + DAEMON_SECONDS
    while docker.run("version").returncode != 0:
        assert daemon.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
