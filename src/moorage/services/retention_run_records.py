"""Runs of retention, as they are kept. Times are Unix seconds, sizes bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moorage.services.retention_records import NOTHING, Ran
from moorage.services.trash_records import DeletedEntry, Restored


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a registry's rules; `asked_by` is empty where the clock began it.

    `runner` is at it, and said so last at `seen_at`. `repositories` were looked at, rules let `decided` tags and images
    without one go in them, and `settled` of these have gone, or stayed since something had changed.
    """

    id: int
    registry_id: int
    address: str
    asked_by: str
    started_at: float
    ended_at: float | None
    runner: str
    seen_at: float
    repositories: int = 0
    decided: int = 0
    settled: int = 0
    by_rule: Mapping[int, Ran] = field(default_factory=dict)

    @property
    def total(self) -> Ran:
        """What went by all rules together."""
        return Ran(*(sum(each) for each in zip(*self.by_rule.values(), strict=True))) if self.by_rule else NOTHING


@dataclass(frozen=True, slots=True)
class RunInTrash:
    """What of a run can still be restored: how many deletions, with what, the last of them when."""

    run: int
    entries: int
    tags: int
    images: int
    frees: int
    at: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A deletion that could not be undone, and why."""

    entry: DeletedEntry
    reason: str


@dataclass(frozen=True, slots=True)
class RestoredRun:
    """What of a run came back, and what did not."""

    restored: tuple[Restored, ...]
    refused: tuple[Refused, ...]
