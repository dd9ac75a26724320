"""Letting go of what rules of retention decided, if everything is still as they saw it; and what that frees."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from sqlalchemy import and_, bindparam, or_, select

from moorage.domain.digest import Digest
from moorage.domain.history import How
from moorage.domain.immutable import Rule as ImmutableRule
from moorage.domain.immutable import held_by, parse_immutable_tags
from moorage.domain.name import Repository
from moorage.domain.retention_decision import Decision, mark_of
from moorage.domain.retention_facts import RepositoryFacts
from moorage.metastore.contents import TAGS_OF, in_pieces
from moorage.metastore.deletions import KEEPERS, PARENTS, deletion, family_of
from moorage.metastore.history import Hand
from moorage.metastore.manifests import IMMUTABLE, drop_image, drop_tag
from moorage.metastore.retention import rule_of
from moorage.metastore.retention_facts import known as known_of
from moorage.metastore.retention_line import RUNNING
from moorage.metastore.retention_runs import count
from moorage.metastore.steps import Database, Steps, one
from moorage.metastore.tables import edges, image_pulls, links, manifests, pins, repositories, retention_rules, tags
from moorage.metastore.trash import Leave, keep, leave_of
from moorage.services.records import Deletion
from moorage.services.retention_records import KnownRepository, LetGo, Parted
from moorage.services.trash_records import HIDDEN

REGISTRY = select(repositories.c.registry_id).where(
    repositories.c.id == bindparam("repository_id"), repositories.c.name < HIDDEN
)
RULES = RUNNING.where(retention_rules.c.registry_id == bindparam("registry_id")).order_by(retention_rules.c.position)
NAMES = (
    select(repositories.c.name)
    .where(
        repositories.c.registry_id == bindparam("registry_id"),
        repositories.c.name > bindparam("after"),
        repositories.c.name < HIDDEN,
        repositories.c.pushed_at.is_not(None),
    )
    .order_by(repositories.c.name)
    .limit(bindparam("limit"))
)
_here = manifests.c.repository_id == bindparam("repository_id")
_some = manifests.c.digest.in_(bindparam("some", expanding=True))
# By their names: SQLite would else look through all tags of the repository, whose key holds all that is asked for.
POINTING = select(tags.c.name, tags.c.pushed_at).where(
    tags.c.repository_id == bindparam("repository_id"), tags.c.name.in_(TAGS_OF)
)
SUBJECT = select(manifests.c.digest).where(
    _here,
    manifests.c.digest
    == select(manifests.c.subject).where(_here, manifests.c.digest == bindparam("digest")).scalar_subquery(),
)
STATES = (
    select(manifests.c.digest, manifests.c.pushed_at, image_pulls.c.pulled_at)
    .outerjoin(
        image_pulls,
        and_(image_pulls.c.repository_id == manifests.c.repository_id, image_pulls.c.digest == manifests.c.digest),
    )
    .where(_here, _some)
)
PINNED = select(pins.c.digest).where(
    pins.c.repository_id == bindparam("repository_id"),
    pins.c.digest.in_(bindparam("some", expanding=True)),
    or_(pins.c.until.is_(None), pins.c.until > bindparam("now")),
)
BODIES = select(manifests.c.digest, manifests.c.body_size).where(_here, _some)
TARGETS = (
    select(edges.c.source, links.c.digest, links.c.size)
    .join(links, and_(links.c.repository_id == edges.c.repository_id, links.c.digest == edges.c.target))
    .where(edges.c.repository_id == bindparam("repository_id"), edges.c.source.in_(bindparam("some", expanding=True)))
)


class RetentionTable:
    """The port `Retention` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def repositories(self, registry_id: int, after: str, limit: int) -> tuple[Repository, ...]:
        """See `Retention`."""
        return await self._database.read(_repositories(registry_id, after, limit))

    async def known(self, repository: Repository, now: float) -> KnownRepository | None:
        """See `Retention`."""
        return (await self._database.read_aside(known_of(repository, now)))[0]

    async def frees(self, known: KnownRepository, groups: Sequence[Sequence[str]]) -> tuple[int, ...]:
        """See `Retention`."""
        return (await self._database.read_aside(_frees(known.id, groups)))[0]

    async def let_go(
        self, known: KnownRepository, going: Sequence[Decision], by: str, mark: str, run: int | None = None
    ) -> LetGo:
        """See `Retention`."""
        leave = leave_of(by, time.time(), how=How.RETENTION, run=run)
        return await self._database.write(partial(_let_go, known, going, leave, mark))


def _repositories(registry_id: int, after: str, limit: int) -> Steps[tuple[Repository, ...]]:
    rows = yield NAMES, {"registry_id": registry_id, "after": after, "limit": limit}
    return tuple(Repository(*row.name.split("/", 1)) for row in rows)


def _frees(repository_id: int, groups: Sequence[Sequence[str]]) -> Steps[tuple[int, ...]]:
    group_of = {image: number for number, images in reversed(list(enumerate(groups))) for image in images}
    going = list(group_of)
    freed = [0] * len(groups)
    for row in (yield from in_pieces(BODIES, repository_id, going)):
        freed[group_of[row.digest]] += row.body_size
    first: dict[str, tuple[int, int]] = {}
    for row in (yield from in_pieces(TARGETS, repository_id, going)):
        number = group_of[row.source]
        first[row.digest] = min(first.get(row.digest, (number, row.size)), (number, row.size))
    kept = {
        row.target
        for row in (yield from in_pieces(KEEPERS, repository_id, list(first)))
        if row.repository_id != repository_id or row.source not in group_of
    }
    for digest, (number, size) in first.items():
        freed[number] += 0 if digest in kept else size
    return tuple(freed)


class _Moment(NamedTuple):
    """What a transaction goes by: who deletes, when, and which tags never go by now."""

    known: KnownRepository
    leave: Leave
    immutable: Sequence[ImmutableRule]

    @property
    def facts(self) -> RepositoryFacts:
        return self.known.facts

    @property
    def hand(self) -> Hand:
        return self.leave.hand


def _let_go(known: KnownRepository, going: Sequence[Decision], leave: Leave, mark: str) -> Steps[LetGo]:
    here = yield from one(REGISTRY, {"repository_id": known.id})
    if here is None:
        return LetGo((), len(going))
    rules = yield RULES, {"registry_id": here.registry_id}
    held = yield IMMUTABLE, {"repository_id": known.id}
    immutable = parse_immutable_tags(held[0].immutable_tags.splitlines())
    if mark_of([rule_of(row).known for row in rules], immutable) != mark:
        return LetGo((), len(going))
    moment = _Moment(known, leave, immutable)
    by_image: dict[str, list[Decision]] = {}
    for decision in going:
        by_image.setdefault(decision.digest, []).append(decision)
    parted: list[Parted] = []
    left = 0
    for digest, decisions in by_image.items():
        gone = yield from _part(moment, Digest(digest), decisions)
        parted += gone
        left += len(decisions) - len(gone)
    if leave.run is not None:
        yield from count(leave.run, parted)
    return LetGo(tuple(parted), left)


def _part(moment: _Moment, digest: Digest, decisions: Sequence[Decision]) -> Steps[list[Parted]]:
    """Carry out what was decided about one image and tags of it."""
    rows = yield POINTING, {"repository_id": moment.known.id, "digest": digest}
    pointing = {row.name: row.pushed_at for row in rows}
    was = {tag.name: tag.pushed_at for tag in moment.facts.tagged.get(digest, ())}
    same = [
        decision
        for decision in decisions
        if decision.tag is None
        or (
            pointing.get(decision.tag, -1.0) == was.get(decision.tag)
            and held_by(decision.tag, moment.facts.path, moment.immutable) is None
        )
    ]
    names = [decision.tag for decision in same if decision.tag is not None]
    is_whole = all(decision.is_whole for decision in same) and set(pointing) == set(names)
    is_whole = is_whole and (yield from _stands_alone(moment.known.id, digest))
    family = (yield from family_of(moment.known.id, [digest])) if is_whole else [digest]
    if not same or not family or not (yield from _is_as_known(moment, digest, family)):
        return []
    if not is_whole and not names:
        return []
    plan = yield from deletion(moment.known.name, [digest] if is_whole else [], names)
    yield from _take(moment, plan, same[0])
    first, *others = same
    return [
        Parted(first, () if first.tag is None else (first.tag,), plan.images, plan.frees),
        *(Parted(other, (other.tag,), (), 0) for other in others if other.tag is not None),
    ]


def _take(moment: _Moment, plan: Deletion, decision: Decision) -> Steps[None]:
    """Move it into the trash, with the name of the rule, or delete it where nothing is kept."""
    leave = replace(moment.leave, why=decision.rule.name if decision.rule else "")
    if (yield from keep(moment.known.id, moment.known.name, plan, leave)) is not None:
        return
    for tag in plan.tags:
        yield from drop_tag(moment.known.id, tag, moment.hand)
    for image in plan.images:
        yield from drop_image(moment.known.id, image, moment.hand)


def _stands_alone(repository_id: int, digest: Digest) -> Steps[bool]:
    """Tell whether an image is below none that is here."""
    key = {"repository_id": repository_id, "digest": digest}
    parents = yield PARENTS, key
    subject = yield SUBJECT, key
    return not parents and not subject


def _is_as_known(moment: _Moment, digest: str, family: Iterable[str]) -> Steps[bool]:
    """Tell whether no image of a family, nor the platforms of an index, was pulled, pushed or pinned since."""
    images = moment.facts.images
    some = list(dict.fromkeys([*family, *moment.facts.children.get(digest, ())]))
    rows = yield from in_pieces(STATES, moment.known.id, some)
    for row in rows:
        image = images.get(row.digest)
        if image is None or (image.pushed_at, image.pulled_at) != (row.pushed_at, row.pulled_at):
            return False
    pinned = yield PINNED, {"repository_id": moment.known.id, "some": some, "now": moment.hand.at}
    return not pinned
