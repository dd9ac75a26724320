"""Room that is kept on the disk, so that a full one can still be cleared: deleting needs a little of it, too."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

RESERVE = 16 * 1024 * 1024
"""Bytes: the database's log takes some 4 MiB before it is written back."""


class Reserve:
    """A file of the data folder that is nothing but room.

    While there is none, and not enough is free to keep one, nothing is pushed: what is left is for deletions.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "reserve"

    def is_kept(self) -> bool:
        """Tell whether it is there, or can be made with as much again to spare."""
        return self._path.exists() or self._keep()

    def give(self) -> bool:
        """Give it away; False where there is none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def _keep(self) -> bool:
        # Under another name first: what is there counts as whole. Two processes may do so at once; one file remains.
        new = self._folder / f"reserve.{os.getpid()}"
        try:
            if shutil.disk_usage(self._folder).free < 2 * RESERVE:
                return False
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(handle, 0, RESERVE)
            finally:
                os.close(handle)
            new.rename(self._path)
        except OSError:
            with suppress(OSError):
                new.unlink()
            return False
        return True
