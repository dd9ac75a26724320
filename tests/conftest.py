"""What all tests share."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from tests.postgres import Cluster, cluster

# How long an example takes says more about the machine than about the code.
settings.register_profile("moorage", deadline=None, max_examples=200)
settings.load_profile("moorage")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Return a PostgreSQL for the whole run; what uses it is marked `servers`."""
    with cluster() as made:
        yield made
