"""Letting go by rules leaves everybody else half of the time: little in a transaction, and then a rest."""

import time
from collections.abc import Sequence

from moorage.domain.access import Caller
from moorage.domain.digest import Digest
from moorage.domain.name import Repository
from moorage.domain.retention import Rule
from moorage.domain.retention_decision import Decision
from moorage.domain.retention_facts import ImageFacts, RepositoryFacts, TagFacts
from moorage.services.letting_go import IMAGES, LettingGoService
from moorage.services.retention_records import DueRepository, KnownRepository, LetGo, Parted, RuledRegistry, RuleRecord
from moorage.services.retention_run_records import Run

APP = Repository("dmc", "app")
SYSTEM = Caller(0, "moorage", is_admin=True)
RULE = RuleRecord(1, 1, 1, "Old", Rule(newest=1), is_paused=False, is_previewed=True, created_at=0.0, created_by="ann")
MANY = 7


class OneRepository:
    """A registry with one repository of old images; `took` has how many seconds each transaction was."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Decision]] = []
        self.took: list[float] = []
        self.noted: list[Run] = []

    async def begin_run(self, at: float) -> None:
        """Begin."""

    async def line_up_changed(self, now: float, most: int) -> None:
        """Put in line what changed: nothing did."""

    async def registries(self) -> tuple[RuledRegistry, ...]:
        """Return the one."""
        return (RuledRegistry(1, "dmc", (RULE,), (), ""),)

    async def line_up(self, registry: RuledRegistry, after: str, most: int) -> str | None:
        """Put all of it in line, which takes one step."""

    async def set_mark(self, registry: RuledRegistry, mark: str) -> None:
        """Take note of it."""

    async def due(self, now: float, *_: object) -> tuple[DueRepository, ...]:
        """Return the one."""
        return (DueRepository(1, 1, APP, now),)

    async def known(self, name: Repository, now: float) -> KnownRepository:
        """Return what is in it: image upon image, each with two tags."""
        digests = [f"sha256:{number:064}" for number in range(MANY)]
        images = {digest: ImageFacts(digest, now - 100) for digest in digests}
        tags = [TagFacts(f"{word}{digest[-1]}", digest, now - 100) for digest in digests for word in ("a", "b")]
        return KnownRepository(1, name, RepositoryFacts("app", images, tags))

    async def let_go(self, _: KnownRepository, going: Sequence[Decision], *__: object) -> LetGo:
        """Let go, which takes a moment."""
        began = time.monotonic()
        time.sleep(0.002)  # noqa: ASYNC251  the moment
        self.batches.append(going)
        self.took.append(time.monotonic() - began)
        return LetGo(
            tuple(Parted(each, (each.tag,) if each.tag else (), tuple(map(Digest, each.takes)), 0) for each in going)
        )

    async def begin(self, registry_id: int, asked_by: str, runner: str, at: float) -> Run:
        """Begin a run."""
        return Run(1, registry_id, "dmc", asked_by, at, None, runner, at)

    async def note(self, run: Run) -> bool:
        """Remember how far it is."""
        self.noted.append(run)
        return True

    async def settle(self, repository: DueRepository, again: float | None) -> None:
        """Take it out of the line."""

    async def note_run(self, by_rule: object, at: float) -> None:
        """Take note of what rules did."""


async def test_a_transaction_lets_go_of_few_images_and_then_rests_for_longer_than_it_took() -> None:
    known = OneRepository()
    rests: list[float] = []

    async def pause(seconds: float) -> None:
        rests.append(seconds)

    service = LettingGoService(known, known, known, known, SYSTEM, pause)  # type: ignore[arg-type]  # what a run uses
    done = await service.run()
    assert done.total.tags == 2 * MANY - 1
    assert sum(len(batch) for batch in known.batches) == done.total.tags
    assert max(len({decision.digest for decision in batch}) for batch in known.batches) == IMAGES
    assert len(rests) == len(known.batches)
    assert all(rest >= took for rest, took in zip(rests, known.took, strict=True))
    (ended,) = known.noted
    assert (ended.repositories, ended.decided, ended.settled) == (1, done.total.tags, done.total.tags)
    assert ended.ended_at is not None
