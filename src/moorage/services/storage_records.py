"""What is known of all that is stored, and of its clean-up. Times are Unix seconds, sizes are bytes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did: blobs dropped, their bytes, and how many rows it looked at; abandoned uploads ended."""

    blobs: int
    freed: int
    looked_at: int = 0
    uploads: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes: `stored` on disk, `linked` needed by images (`trash` by deleted ones alone), `waiting` the rest."""

    stored: int
    linked: int
    waiting: int
    uploads: int
    trash: int = 0
