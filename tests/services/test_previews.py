"""A preview of a large repository is worked out once, however many pages show it."""

from collections.abc import Sequence

from moorage.domain.access import Action, Caller, Visibility
from moorage.domain.name import Repository
from moorage.domain.redirect import Redirects
from moorage.domain.retention import Rule
from moorage.domain.retention_facts import ImageFacts, RepositoryFacts, TagFacts
from moorage.services.records import Registry
from moorage.services.retention import RetentionService, key_of
from moorage.services.retention_records import KnownRepository, PreviewRow, RuleRecord

APP = Repository("dmc", "app")
ANN = Caller(1, "ann")
OLD = RuleRecord(1, 1, 1, "Old", Rule(newest=1), is_paused=False, is_previewed=True, created_at=0.0, created_by="ann")
MANY = 9


class OneRepository:
    """A registry with one repository; `looked` counts how often all of it was read."""

    def __init__(self) -> None:
        self.looked = 0
        self.rules = (OLD,)

    async def check_registry(self, _: Caller, __: Action, address: str) -> Registry:
        """Let everybody."""
        return Registry(1, "DMC", address, "", Visibility.PRIVATE, (), Redirects.SERVER, 0.0, "ann", None, 80)

    async def every(self, _: int) -> tuple[RuleRecord, ...]:
        """Return the rules."""
        return self.rules

    async def repositories(self, _: int, after: str, __: int) -> tuple[Repository, ...]:
        """Return the one, after which there is none."""
        return () if after else (APP,)

    async def known(self, name: Repository, now: float) -> KnownRepository:
        """Return what is in it."""
        self.looked += 1
        digests = [f"sha256:{number:064}" for number in range(MANY)]
        images = {digest: ImageFacts(digest, now - 100) for digest in digests}
        tags = [TagFacts(f"t{digest[-1]}", digest, now - 100) for digest in digests]
        return KnownRepository(1, name, RepositoryFacts("app", images, tags))

    async def frees(self, _: KnownRepository, groups: Sequence[Sequence[str]]) -> tuple[int, ...]:
        """Return as many bytes as groups."""
        return (1,) * len(groups)


async def page(service: RetentionService, after: str, count: int) -> list[PreviewRow]:
    rows: list[PreviewRow] = []
    async for row in await service.preview(ANN, "dmc", None, after):
        rows.append(row)
        if len(rows) == count:
            break
    return rows


async def test_further_pages_are_of_the_moment_of_the_first_and_cost_no_more() -> None:
    known = OneRepository()
    service = RetentionService(known, known, known)  # type: ignore[arg-type]  # what a preview uses
    rows: list[PreviewRow] = []
    while more := await page(service, str(key_of(rows[-1])) if rows else "", 2):
        rows += more
    assert [row.decision.tag for row in rows] == [f"t{number}" for number in range(MANY)]
    assert known.looked == 1
    await page(service, "", 2)
    assert known.looked == 2


async def test_other_rules_are_worked_out_anew() -> None:
    known = OneRepository()
    service = RetentionService(known, known, known)  # type: ignore[arg-type]  # likewise
    (first,) = await page(service, "", 1)
    known.rules = (RuleRecord(2, 1, 1, "New", Rule(newest=2), False, True, 0.0, "ann"),)  # noqa: FBT003  likewise
    await page(service, str(key_of(first)), 1)
    assert known.looked == 2
