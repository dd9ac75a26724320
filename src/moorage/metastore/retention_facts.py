"""A repository as rules of retention see it. It is read aside: of a large one everything is much."""

from collections.abc import Mapping

from sqlalchemy import and_, bindparam, func, or_, select

from moorage.domain.immutable import parse_immutable_tags
from moorage.domain.name import Repository
from moorage.domain.retention_facts import ImageFacts, PinFacts, RepositoryFacts, TagFacts
from moorage.metastore.contents import VISIBLE
from moorage.metastore.manifests import IMMUTABLE
from moorage.metastore.retention_line import STATE
from moorage.metastore.steps import Row, Rows, Steps, one
from moorage.metastore.tables import edges, image_pulls, manifests, pins, tag_moves, tags
from moorage.services.retention_records import KnownRepository

_pull = and_(image_pulls.c.repository_id == manifests.c.repository_id, image_pulls.c.digest == manifests.c.digest)
IMAGES = (
    select(
        manifests.c.digest,
        manifests.c.pushed_at,
        manifests.c.subject,
        manifests.c.platforms,
        manifests.c.expires_after,
        image_pulls.c.pulled_at,
    )
    .outerjoin(image_pulls, _pull)
    .where(manifests.c.repository_id == bindparam("repository_id"))
)
_of = {table: table.c.repository_id == bindparam("repository_id") for table in (tags, tag_moves, pins)}
TAGS = select(tags.c.name, tags.c.digest, tags.c.pushed_at).where(_of[tags])
MOVES = select(tag_moves.c.tag, func.max(tag_moves.c.at).label("at")).where(_of[tag_moves]).group_by(tag_moves.c.tag)
LEFT = (
    select(tag_moves.c.previous, func.max(tag_moves.c.at).label("at"))
    .where(_of[tag_moves], tag_moves.c.previous.is_not(None))
    .group_by(tag_moves.c.previous)
)
_child = manifests.alias("child")
CHILDREN = (
    select(edges.c.source, edges.c.target)
    .select_from(manifests)
    .join(edges, and_(edges.c.repository_id == manifests.c.repository_id, edges.c.source == manifests.c.digest))
    .join(_child, and_(_child.c.repository_id == edges.c.repository_id, _child.c.digest == edges.c.target))
    .where(manifests.c.repository_id == bindparam("repository_id"), manifests.c.is_index)
)
PINS = select(pins.c.digest, pins.c.pinned_by, pins.c.why, pins.c.until).where(
    _of[pins], or_(pins.c.until.is_(None), pins.c.until > bindparam("now"))
)


def known(repository: Repository, now: float) -> Steps[KnownRepository | None]:
    """Return all there is to know of a repository; None where there is none."""
    found = yield from one(VISIBLE, {"repository": str(repository)})
    if found is None:
        return None
    key = {"repository_id": found.id}
    # Pins and pulls come last: what is newer than the rest can only keep more.
    children: dict[str, list[str]] = {}
    for row in (yield CHILDREN, key):
        children.setdefault(row.source, []).append(row.target)
    moved = {row.tag: row.at for row in (yield MOVES, key)}
    left = {row.previous: row.at for row in (yield LEFT, key)}
    rows = yield TAGS, key
    facts = RepositoryFacts(
        path=repository.path,
        tags=tuple(TagFacts(row.name, row.digest, row.pushed_at, moved.get(row.name, 0.0)) for row in rows),
        images=_images((yield IMAGES, key), left, children),
        children=children,
        pins=_pins((yield PINS, {**key, "now": now})),
        immutable=parse_immutable_tags((yield IMMUTABLE, key)[0].immutable_tags.splitlines()),
        pulls_since=(yield STATE, {})[0].pulls_since,
    )
    return KnownRepository(found.id, repository, facts)


def _images(rows: Rows, left: Mapping[str, float], children: Mapping[str, list[str]]) -> dict[str, ImageFacts]:
    by_digest = {row.digest: row for row in rows}

    def platforms(index: str) -> list[Row]:
        return [by_digest[child] for child in children.get(index, ()) if child in by_digest]

    return {
        row.digest: ImageFacts(
            digest=row.digest,
            pushed_at=row.pushed_at,
            pulled_at=row.pulled_at,
            subject=row.subject,
            untagged_at=left.get(row.digest),
            expires_after=_expires_after(
                row, [by_digest[child] for child in children.get(row.digest, ()) if child in by_digest]
            ),
        )
        for row in rows
    }


def _expires_after(row: Row, platforms: list[Row]) -> int | None:
    """Return what its label says; of an index that has none itself, the longest of its platforms', if all have one."""
    if row.expires_after is not None or not platforms:
        return None if row.expires_after is None else int(row.expires_after)
    said = [platform.expires_after for platform in platforms if platform.platforms]
    return max(said) if said and None not in said else None


def _pins(rows: Rows) -> dict[str, list[PinFacts]]:
    found: dict[str, list[PinFacts]] = {}
    for row in rows:
        found.setdefault(row.digest, []).append(PinFacts(row.pinned_by, row.why, row.until))
    return found
