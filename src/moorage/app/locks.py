"""Locks on files, which end with the process that holds them."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER_LOCK = "server.lock"
"""In a data folder, held while a server runs on it."""


@contextmanager
def sole(file: Path) -> Iterator[bool]:
    """Hold the lock on a file, made if missing, and tell whether it could be had: False where another holds it."""
    with file.open("a") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
