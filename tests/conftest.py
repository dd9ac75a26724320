"""What all tests share."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests.postgres import Cluster, cluster
from tests.s3_servers import S3Server, s3_server

CLIENTS = Path(__file__).with_name("clients")

# How long an example takes says more about the machine than about the code.
settings.register_profile("moorage", deadline=None, max_examples=200)
settings.load_profile("moorage")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how long the faults go on: what is enough for every change, or by hand for a release."""
    faults = parser.getgroup("faults")
    faults.addoption("--kills", type=int, default=50, metavar="N", help="kills under load in a row (50)")
    faults.addoption("--soak", type=float, default=600, metavar="SECONDS", help="collection beside everything (600)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first, so that of the processes that share `make clients` none waits for it in the end.

    Real clients come next: what they share of the machine must still be there for the last of them.
    """
    items.sort(key=lambda item: (item.path.name != "test_soak.py", CLIENTS not in item.path.parents))


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _totals_of_this_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    # A slow machine would remember them for a while, and a test wants to see what it wrote.
    monkeypatch.setattr("moorage.metastore.totals.QUICK", math.inf)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Return a PostgreSQL for the whole run; what uses it is marked `servers`."""
    with cluster() as made:
        yield made


@pytest.fixture(scope="session")
def s3_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], S3Server]]:
    """Start stores, each when it is first asked for."""
    with ExitStack() as running:
        servers: dict[str, S3Server] = {}

        def start(name: str) -> S3Server:
            if name not in servers:
                servers[name] = running.enter_context(s3_server(name, tmp_path_factory.mktemp(name) / "store"))
            return servers[name]

        yield start
