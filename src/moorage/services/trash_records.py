"""What the trash keeps and hands out: plain, frozen rows. Times are Unix seconds, sizes are bytes."""

from dataclasses import dataclass
from enum import StrEnum

from moorage.domain.name import Repository
from moorage.services.records import Deletion, RepositoryRecord
from moorage.services.retention_records import LastPull

HIDDEN = "~"
"""Begins the names of what was deleted. No name that anybody can write holds it, and it comes after all of them."""


class DeletionKind(StrEnum):
    """What somebody deleted: tags alone, images with what goes with them, a whole repository, a whole registry."""

    TAGS = "tags"
    IMAGES = "images"
    REPOSITORY = "repository"
    REGISTRY = "registry"


@dataclass(frozen=True, slots=True)
class DeletedEntry:
    """One deletion that can be undone until `expires_at`, or later where the server was stopped meanwhile.

    `name` is what it was called: a repository's full name, a registry's address. `some` are the first of the tags or
    digests that went, `frees` the bytes that nothing else needed then. `why` is empty where somebody did it by hand.
    `repositories` are counted where a whole registry went.
    """

    id: int
    kind: DeletionKind
    name: str
    some: tuple[str, ...]
    tags: int
    images: int
    frees: int
    deleted_at: float
    deleted_by: str
    why: str
    request_id: str
    expires_at: float
    repositories: int = 0
    run: int | None = None
    """The run of retention that let it go."""

    @property
    def repository(self) -> Repository:
        """The repository it was deleted from; of a whole registry, one that none can be."""
        address, _, path = self.name.partition("/")
        return Repository(address, path)

    @property
    def hidden(self) -> Repository:
        """The name under which the ports have what it took."""
        return Repository(hidden_address(self.id), self.repository.path)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a deletion would take, from which repository, and for how many days it could be restored.

    `pulled` is the last pull of what it would take, as far as it is known.
    """

    repository: RepositoryRecord
    deletion: Deletion
    trash_days: int
    pulled: LastPull | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: `tags`; not those of `left`, which point elsewhere by now, nor of `missing`, without an image."""

    entry: DeletedEntry
    tags: tuple[str, ...]
    left: tuple[str, ...]
    missing: tuple[str, ...]


def hidden_address(entry: int) -> str:
    """Return what stands in the place of a registry's address in the names of what a deletion took."""
    return f"{HIDDEN}{entry}"
