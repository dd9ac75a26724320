"""Files and folders by path, with what the operating system leaves to say: durability, and absence as a value."""

import os
from contextlib import suppress
from pathlib import Path


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, for this account alone, and make their names durable."""
    for folder in reversed([folder for folder in (path, *path.parents) if not folder.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(str(folder.parent))


def sync_folder(path: str) -> None:
    """Make a folder's entries durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, content: bytes) -> None:
    """Write a file for this account alone, durably; its name is not synced."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def stat_of(path: str) -> os.stat_result | None:
    """Return what the system knows of a file; None when there is none."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def size_of(path: str) -> int | None:
    """Return a file's size in bytes; None when there is none."""
    found = stat_of(path)
    return None if found is None else found.st_size


def is_at(handle: int, path: str) -> bool:
    """Tell whether an open file is the one that path leads to."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def remove(path: str) -> None:
    """Delete a file, if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def remove_all(folder: str) -> None:
    """Delete the files in a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            remove(entry.path)
