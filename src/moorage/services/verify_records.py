"""What verification goes through, and what it finds. Times are Unix seconds, sizes are bytes."""

from dataclasses import dataclass

from moorage.domain.damage import Fault
from moorage.domain.digest import Digest


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that should be in the store; `place` is the store's word for where."""

    digest: Digest
    size: int
    place: str
    is_quarantined: bool = False


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image as the database has it; `linked` is what it names, is bound to it, and its repository has."""

    id: int
    repository_id: int
    repository: str
    digest: Digest
    media_type: str
    body: bytes
    linked: frozenset[Digest]
    damage: Fault | None = None

    @property
    def name(self) -> str:
        """Its full name."""
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Stock:
    """How much there is to go through."""

    images: int
    blobs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Round:
    """One way through everything: first the images, by id, then the blobs, by digest.

    `asked_by` is empty where the clock began it. `runner` is at it, and said so last at `seen_at`. `unread` counts
    blobs of which the store said nothing, neither that they are right nor that they are damaged.
    """

    id: int
    started_at: float
    ended_at: float | None
    asked_by: str
    runner: str
    seen_at: float
    image_id: int
    blob: str
    done: Stock
    whole: Stock
    unread: int = 0

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.ended_at is not None:
            return 1.0
        if not self.whole.bytes:
            return 0.0
        return min(self.done.bytes / self.whole.bytes, 1.0)


@dataclass(frozen=True, slots=True)
class Damage:
    """Content that is damaged. A blob has no `repository`; of an image's row it is the one it is in.

    `images` are some of those that it breaks, by their tags where they have some, `repositories` all that have it.
    """

    digest: Digest
    size: int
    fault: Fault
    found_at: float | None
    images: tuple[str, ...]
    repositories: tuple[str, ...]
    repository: str | None = None
    found: Digest | None = None

    @property
    def key(self) -> str:
        """What one list has once."""
        return f"{self.digest}{'@' if self.repository else ''}{self.repository or ''}"

    @property
    def remedy(self) -> str:
        """What heals it, in words."""
        again = f"push {self.images[0]} again" if self.images else "push it again"
        if self.fault is Fault.WRONG_SIZE:
            return "run `moorage verify --repair`, which corrects the size"
        if not self.images and not self.repositories:
            return "nothing has it any more; it goes with the next collection after its lease"
        return f"{again}; or run `moorage verify --repair`, which looks for its bytes elsewhere"

    @property
    def is_image(self) -> bool:
        """Tell whether it is an image's own row."""
        return self.repository is not None


@dataclass(frozen=True, slots=True)
class Damaged:
    """How much is damaged now."""

    blobs: int
    images: int


@dataclass(frozen=True, slots=True)
class Verification:
    """How verification stands: the round under way, the last that ended, and what is damaged."""

    open: Round | None
    last: Round | None
    damaged: Damaged
