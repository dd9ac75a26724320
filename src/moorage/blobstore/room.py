"""How much room the disk has that a folder is on."""

import os
from pathlib import Path

from moorage.domain.room import Room


def room_at(folder: Path) -> Room:
    """Return it, or raise OSError; where the folder is on a mount that hangs, so does this."""
    found = os.statvfs(folder)
    return Room(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)
