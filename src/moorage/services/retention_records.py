"""Rules of retention and pins as they are kept, and what a run did. Times are Unix seconds, sizes bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from moorage.domain.digest import Digest
from moorage.domain.immutable import Rule as ImmutableRule
from moorage.domain.name import Repository
from moorage.domain.retention import Rule
from moorage.domain.retention_decision import Decision, KnownRule
from moorage.domain.retention_facts import RepositoryFacts


class Ran(NamedTuple):
    """What a rule let go in a run."""

    tags: int = 0
    images: int = 0
    frees: int = 0


NOTHING = Ran()


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """A rule of a registry; `position` counts from 1, `ran` is what it did at `ran_at`.

    One that was never previewed as it is now can't be started.
    """

    id: int
    registry_id: int
    position: int
    name: str
    rule: Rule
    is_paused: bool
    is_previewed: bool
    created_at: float
    created_by: str
    ran_at: float | None = None
    ran: Ran = NOTHING

    @property
    def known(self) -> KnownRule:
        """The rule as decisions know it."""
        return KnownRule(self.id, self.name, self.rule)


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """What to change of a rule; None stays as it is."""

    name: str | None = None
    rule: Rule | None = None
    position: int | None = None
    is_paused: bool | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """An image that somebody keeps from retention, each for themselves; `until` None is until they let it go."""

    digest: Digest
    by: str
    why: str
    pinned_at: float
    until: float | None

    @property
    def key(self) -> str:
        """What one repository has once; pins are listed by it."""
        return f"{self.digest} {self.by}"


@dataclass(frozen=True, slots=True)
class KnownRepository:
    """All there is to know of a repository, as it was read."""

    id: int
    name: Repository
    facts: RepositoryFacts


@dataclass(frozen=True, slots=True)
class DueRepository:
    """A repository that rules must look at since `due_at`."""

    id: int
    registry_id: int
    name: Repository
    due_at: float


@dataclass(frozen=True, slots=True)
class RuledRegistry:
    """A registry with rules that run, in their order; `mark` says for which of them all was put in line."""

    id: int
    address: str
    rules: tuple[RuleRecord, ...]
    immutable: tuple[ImmutableRule, ...]
    mark: str


class Parted(NamedTuple):
    """A decision that was carried out, on one tag or on images, and the bytes that nothing needs any more."""

    decision: Decision
    tags: tuple[str, ...]
    images: tuple[Digest, ...]
    frees: int


@dataclass(frozen=True, slots=True)
class LetGo:
    """What a transaction let go, and how many decisions it left since something had changed."""

    parted: tuple[Parted, ...] = ()
    left: int = 0


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """What would become of a tag, or an image without one, and the bytes that nothing would need any more."""

    repository: Repository
    decision: Decision
    frees: int


@dataclass(frozen=True, slots=True)
class RetentionRun:
    """What a run did: repositories looked at, and what went by each rule."""

    repositories: int
    by_rule: Mapping[int, Ran]

    @property
    def total(self) -> Ran:
        """What went by all rules together."""
        return Ran(*(sum(each) for each in zip(*self.by_rule.values(), strict=True))) if self.by_rule else NOTHING


class Pulled(NamedTuple):
    """A pull of an image; `by` is the account's name, empty for who was not signed in."""

    repository: Repository
    digest: Digest
    by: str


class LastPull(NamedTuple):
    """When an image was last pulled, in Unix seconds, and by whom, as `Pulled` has it."""

    at: float
    by: str
