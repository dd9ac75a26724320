"""The ports of retention: what it needs of a database. Times are Unix seconds."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from moorage.domain.digest import Digest
from moorage.domain.name import Repository
from moorage.domain.retention import Rule
from moorage.domain.retention_decision import Decision
from moorage.services.ports import Check
from moorage.services.retention_records import (
    DueRepository,
    KnownRepository,
    LastPull,
    LetGo,
    Pin,
    Pulled,
    Ran,
    RuleChanges,
    RuledRegistry,
    RuleRecord,
)


class RetentionRules(Protocol):
    """Rules of registries, in their order; a registry takes its rules with it."""

    async def every(self, registry_id: int) -> tuple[RuleRecord, ...]:
        """List a registry's rules in their order."""

    async def find(self, registry_id: int, rule_id: int) -> RuleRecord | None:
        """Return a rule."""

    async def create(self, registry_id: int, name: str, rule: Rule, by: str) -> RuleRecord:
        """Add a rule behind the others, paused; raise CONFLICT where there are too many."""

    async def change(
        self, registry_id: int, rule_id: int, changes: RuleChanges, check: Check[RuleRecord] | None = None
    ) -> RuleRecord | None:
        """Change a rule; None when there is none.

        What it does or its place changed, it is paused, and must be previewed anew. Raise IN_USE where one is to be
        started that was not previewed as it is. A place beyond the last is the last.
        """

    async def delete(self, registry_id: int, rule_id: int, check: Check[RuleRecord] | None = None) -> bool:
        """Delete a rule; False when there is none."""

    async def note_preview(self, rules: Sequence[RuleRecord]) -> None:
        """Remember that these were previewed, those that are still as they are here."""

    async def note_run(self, ran: Mapping[int, Ran], at: float) -> None:
        """Remember what rules did."""


class Pins(Protocol):
    """Images that retention leaves alone; an image takes its pins with it."""

    async def page(
        self, repository: Repository, after: str, limit: int, digest: Digest | None = None
    ) -> tuple[Pin, ...] | None:
        """List a repository's pins by key, past one, or those on one image; those that have ended are left out."""

    async def find(self, repository: Repository, digest: Digest, by: str) -> Pin | None:
        """Return somebody's pin on an image, if it has not ended."""

    async def put(self, repository: Repository, pin: Pin) -> bool:
        """Pin an image, in place of the pin that the same person had on it; False when there is no such image."""

    async def remove(self, repository: Repository, digest: Digest, by: str) -> bool:
        """Take a pin away; its repository is looked at again. False when there is none."""


class ImagePulls(Protocol):
    """When images were last pulled, and by whom."""

    async def append(self, pulled: Sequence[Pulled], at: float) -> None:
        """Remember that images were pulled; those that are not there any more are passed over."""

    async def last(self, repository: Repository, digests: Sequence[Digest]) -> Mapping[Digest, LastPull]:
        """Return the last pull of each of these images that was pulled."""

    async def last_of_all(self, repository: Repository) -> LastPull | None:
        """Return the last pull of an image of a repository that is still there."""


class RetentionLine(Protocol):
    """Which repositories rules must look at: those that changed, and those in which something comes of age."""

    async def registries(self) -> tuple[RuledRegistry, ...]:
        """List the registries that have rules which are not paused."""

    async def line_up(self, registry: RuledRegistry, after: str, limit: int) -> str | None:
        """Put a registry's next repositories in line, past a full name; return the last one's, None when all are."""

    async def set_mark(self, registry: RuledRegistry, mark: str) -> None:
        """Remember for which rules a registry's repositories have been put in line."""

    async def line_up_changed(self, now: float, limit: int) -> None:
        """Put repositories in line that were pushed to, or whose tags moved; so many in one transaction at most."""

    async def due(self, now: float, after: DueRepository | None, limit: int) -> tuple[DueRepository, ...]:
        """Return repositories that must be looked at by now, the first ones first, past one of them."""

    async def settle(self, repository: DueRepository, due_at: float | None) -> None:
        """Say when to look at a repository again (None: when it changes), unless something has come in between."""

    async def ran_at(self) -> float:
        """Return when rules last began to run."""

    async def begin_run(self, now: float) -> None:
        """Remember that rules begin to run."""


class Retention(Protocol):
    """Repositories as rules see them, and letting go of what they decide."""

    async def repositories(self, registry_id: int, after: str, limit: int) -> tuple[Repository, ...]:
        """List a registry's repositories by name, past a full name."""

    async def known(self, repository: Repository, now: float) -> KnownRepository | None:
        """Return all there is to know of a repository."""

    async def frees(self, known: KnownRepository, groups: Sequence[Sequence[str]]) -> tuple[int, ...]:
        """Return the bytes that nothing needs any more when all these groups of images go, each byte once.

        What several need counts with the first of them.
        """

    async def let_go(
        self, known: KnownRepository, going: Sequence[Decision], by: str, mark: str, run: int | None = None
    ) -> LetGo:
        """Delete what was decided about these tags and images, and count it in a run, in one transaction.

        An image goes when all tags that point to it are among these. What is no longer as it was known stays: a tag
        that moved or was pushed again, an image that was pulled, pushed, pinned or tagged since, or what has an
        immutable tag by now. All stays when the registry's rules have another mark.
        """
