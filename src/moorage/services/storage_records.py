"""What is known of all that is stored, and of its clean-up. Times are Unix seconds, sizes are bytes."""

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Cleanup:
    """A collection that ended, or (`ended_at` None) one that somebody has asked for.

    `asked_by` is empty where the clock did. `skipped` are blobs that nothing needs and a lease still holds.
    """

    asked_by: str
    started_at: float
    ended_at: float | None = None
    blobs: int = 0
    freed: int = 0
    uploads: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Uploads that have not ended: how many, their bytes, and when the oldest began, if there are any."""

    uploads: int
    bytes: int
    oldest: float | None


@dataclass(frozen=True, slots=True)
class OnlyHere:
    """Bytes of what no other registry has in use, by a registry's id, as of a time."""

    at: float
    bytes: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Cleaning:
    """How clean-up stands: what somebody asked for, the last run, when the next one is due, and what is unfinished.

    `every` is the seconds between runs, 0 for none by itself.
    """

    asked: Cleanup | None
    last: Cleanup | None
    every: float
    next_at: float | None
    unfinished: Unfinished
