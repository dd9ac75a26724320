"""What all tests share."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

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
