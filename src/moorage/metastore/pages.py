"""Pages of a repository's tags and images: first which rows, along one index, then what is shown of them.

    index   ▕░░█░░░░█░░░░░░█▏░░░█░░░░░░░░░░░▏░░█░…     █ fits what is looked for
            ▕──── window ───▏                          the event loop goes on in between
            ▕──────── a look ────────▏                 goes no further, be the page full or not; the next one goes on

Each statement reads one table by one index, and is limited. In a join PostgreSQL goes by how many rows it expects
of a repository: where they are all alike to it, as in its generic plans, it reads and sorts all that the largest has.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, func, literal, or_, select

from moorage.domain.place import Place
from moorage.metastore.names import padded
from moorage.metastore.steps import Database, Row, Rows, Steps, one
from moorage.metastore.tables import edges, manifests, tags, total
from moorage.services.page_records import Part

FIRST = Place(1e15, "")
"""Comes before all rows, by time as by name."""

END = Place(-1.0, "\U0010ffff")
"""Comes after all rows."""

TAGS_SEEN = 5_000
IMAGES_SEEN = 1_000
"""Rows of a window: some milliseconds in which nothing else is answered."""

WINDOWS = 2
"""Windows of a look: what nothing fits takes a page no longer than what fits."""

AT_ONCE = 100
"""Images that one statement shows."""

_child = manifests.alias("child")
_child_edge = edges.alias("child_edge")
_children_size = (
    select(total(_child.c.own_size))
    .join(
        _child_edge,
        and_(_child_edge.c.repository_id == _child.c.repository_id, _child_edge.c.target == _child.c.digest),
    )
    .where(_child_edge.c.repository_id == manifests.c.repository_id, _child_edge.c.source == manifests.c.digest)
    .correlate(manifests)
    .scalar_subquery()
)
_size = (manifests.c.own_size + _children_size).label("size")
SHOWN = (
    manifests.c.digest,
    manifests.c.media_type,
    manifests.c.artifact_type,
    manifests.c.config_type,
    manifests.c.is_index,
    manifests.c.platforms,
    _size,
)
TAGGED = and_(tags.c.repository_id == manifests.c.repository_id, tags.c.digest == manifests.c.digest)
_tag_names = (
    select(func.aggregate_strings(tags.c.name, " ")).where(TAGGED).correlate(manifests).scalar_subquery().label("tags")
)
_is_part = and_(edges.c.repository_id == manifests.c.repository_id, edges.c.target == manifests.c.digest)
_parent_names = (
    select(func.aggregate_strings(edges.c.source, " "))
    .where(_is_part)
    .correlate(manifests)
    .scalar_subquery()
    .label("parents")
)
IMAGE_COLUMNS = (
    *SHOWN,
    manifests.c.annotations,
    manifests.c.pushed_at,
    manifests.c.pushed_by,
    manifests.c.subject,
    _tag_names,
    _parent_names,
)
TAG_COLUMNS = (tags.c.name, *SHOWN, tags.c.pushed_at, tags.c.pushed_by)

_of_ids = manifests.c.id.in_(bindparam("ids", expanding=True))
TARGETS = select(manifests.c.id, *SHOWN).where(_of_ids)
IMAGES = select(manifests.c.id, *IMAGE_COLUMNS).where(_of_ids)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: `page` are the rows that fit between two places, `last` is the place of the last row of a window.

    `window` is how many rows that has.
    """

    page: Select[Any]
    last: Select[Any]
    window: int


_image_id = select(manifests.c.id).where(TAGGED).correlate(tags).scalar_subquery().label("image_id")
_contains = or_(bindparam("matching") == "", func.replace(tags.c.name, bindparam("matching"), "") != tags.c.name)


def _between(at: ColumnElement[float], key: ColumnElement[str]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Rows past one place and not past another when the newest come first and equals go by key."""
    return (
        and_(at <= bindparam("at"), or_(at < bindparam("at"), key > bindparam("after"))),
        and_(at >= bindparam("end_at"), or_(at > bindparam("end_at"), key <= bindparam("end"))),
    )


def _tags(past: ColumnElement[bool], before: ColumnElement[bool], order: Sequence[ColumnElement[Any]]) -> Listing:
    page = select(tags.c.name, tags.c.pushed_at, tags.c.pushed_by, _image_id).where(before, _contains)
    # By name, the name alone: its index then has all that is asked for, and no other, in another order, has.
    at = tags.c.pushed_at if len(order) > 1 else literal(0.0)
    last = select(at.label("at"), tags.c.name.label("key")).offset(TAGS_SEEN - 1).limit(1)
    here = tags.c.repository_id == bindparam("repository_id")
    return Listing(
        page.where(here, past).order_by(*order).limit(bindparam("limit")),
        last.where(here, past).order_by(*order),
        TAGS_SEEN,
    )


def _is_there(found: Select[Any], seen: FromClause) -> ColumnElement[bool]:
    # Not EXISTS: PostgreSQL would rather look at all rows of the other table at once.
    return found.limit(1).correlate(seen).scalar_subquery().is_not(None)


def _images(*, untagged: bool) -> Listing:
    at, digest = manifests.c.pushed_at, manifests.c.digest
    past, before = _between(at, digest)
    here, order = manifests.c.repository_id == bindparam("repository_id"), (at.desc(), digest)
    # What is seen is chosen before it is looked whether it fits: of what seldom fits PostgreSQL would rather read all.
    seen = select(manifests).where(here, past, before).order_by(*order).limit(IMAGES_SEEN).subquery("seen")
    tag = select(tags.c.name).where(tags.c.repository_id == seen.c.repository_id, tags.c.digest == seen.c.digest)
    parent = select(edges.c.source).where(
        edges.c.repository_id == seen.c.repository_id, edges.c.target == seen.c.digest
    )
    is_tagged = _is_there(tag, seen)
    is_untagged = and_(seen.c.subject.is_(None), ~is_tagged, ~_is_there(parent, seen))
    page = select(seen.c.id.label("image_id")).where(is_untagged if untagged else or_(is_tagged, is_untagged))
    last = select(at.label("at"), digest.label("key")).where(here, past).order_by(*order)
    return Listing(
        page.order_by(seen.c.pushed_at.desc(), seen.c.digest).limit(bindparam("limit")),
        last.offset(IMAGES_SEEN - 1).limit(1),
        IMAGES_SEEN,
    )


TAG_LISTS = {
    "name": _tags(tags.c.name > bindparam("after"), tags.c.name <= bindparam("end"), (tags.c.name,)),
    "newest": _tags(*_between(tags.c.pushed_at, tags.c.name), (tags.c.pushed_at.desc(), tags.c.name)),
}
IMAGE_LISTS = {untagged: _images(untagged=untagged) for untagged in (False, True)}
"""By whether only untagged ones are wanted."""


async def rows_of(
    database: Database, listing: Listing, given: Mapping[str, Any], after: Place | None, limit: int, *, is_sparse: bool
) -> Part[Row]:
    """Return the rows of a list past a place; where few may fit, it looks for them, a window at a time."""
    found: list[Row] = []
    seen = 0
    place: Place | None = after or FIRST
    while place is not None and len(found) < limit:
        if seen == WINDOWS * listing.window:
            return Part(tuple(found), place, seen)
        past = {**given, "at": place.at, "after": place.key}
        place = await database.read(_last(listing, past)) if is_sparse else None
        end = place or END
        found += await database.read(_page(listing, {**past, "end_at": end.at, "end": end.key}, limit - len(found)))
        if is_sparse:
            seen += listing.window
            await asyncio.sleep(0)
    return Part(tuple(found))


async def images_of(database: Database, statement: Select[Any], rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return each row of a list with what `TARGETS` or `IMAGES` tells of its image, if that is still there."""
    found: dict[int, Row] = {}
    for some in padded(tuple({row.image_id: None for row in rows}), AT_ONCE, 0):
        found |= {row.id: row for row in await database.read(_told(statement, some))}
    return [(row, found[row.image_id]) for row in rows if row.image_id in found]


def _last(listing: Listing, past: Mapping[str, Any]) -> Steps[Place | None]:
    row = yield from one(listing.last, dict(past))
    return Place(row.at, row.key) if row else None


def _page(listing: Listing, between: Mapping[str, Any], limit: int) -> Steps[Rows]:
    return (yield listing.page, {**between, "limit": limit})


def _told(statement: Select[Any], ids: Sequence[int]) -> Steps[Rows]:
    return (yield statement, {"ids": ids})
