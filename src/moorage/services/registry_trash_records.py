"""Whole registries in the trash: plain, frozen rows. Times are Unix seconds, sizes are bytes."""

from dataclasses import dataclass

from moorage.services.records import Registry
from moorage.services.trash_records import DeletedEntry


@dataclass(frozen=True, slots=True)
class RegistryContents:
    """What goes with a registry: what it holds, its grants and robots, and `deletions`, what lies in its trash.

    `frees` is what nothing elsewhere needs, `pulled_at` when somebody last pulled from it, and `pulled_by` whose the
    last known pull is: None where none is, empty for somebody who was not signed in.
    """

    repositories: int
    tags: int
    images: int
    deletions: int
    grants: int
    robots: int
    frees: int
    pulled_at: float | None
    pulled_by: str | None


@dataclass(frozen=True, slots=True)
class RegistryOutlook:
    """What the deletion of a registry would take."""

    registry: Registry
    contents: RegistryContents


@dataclass(frozen=True, slots=True)
class DeletedRegistry:
    """A registry that was deleted, as it was. Its entry can be undone, unless it was gone at once."""

    entry: DeletedEntry
    registry: Registry
