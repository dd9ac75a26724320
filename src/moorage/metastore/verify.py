"""What verification reads of the database, and what it marks there. How far its rounds have come: rounds.py."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Float, Select, and_, bindparam, cast, exists, func, literal, null, select, union_all, update

from moorage.domain.damage import Fault
from moorage.domain.digest import Digest
from moorage.metastore.steps import NOTHING, Database, Row, Rows, Steps, one
from moorage.metastore.tables import WORDS, blobs, edges, links, manifests, quarantined, repositories, tags, total
from moorage.metastore.uploads import LIFT
from moorage.metastore.upsert import insert_or_update
from moorage.services.verify_records import Damage, Damaged, Stock, StoredBlob, StoredImage

if TYPE_CHECKING:
    from moorage.services.verify_ports import IsSame

SHOWN = 20
"""Images that are named for a damaged blob at most."""

COUNT_IMAGES = select(func.count().label("images")).select_from(manifests)
COUNT_BLOBS = select(func.count().label("blobs"), total(blobs.c.size).label("bytes")).select_from(blobs)

SIZES = (
    select(manifests.c.id, func.length(manifests.c.body).label("size"))
    .where(manifests.c.id > bindparam("after"))
    .order_by(manifests.c.id)
    .limit(bindparam("limit"))
)
_image = select(
    manifests.c.id,
    manifests.c.repository_id,
    repositories.c.name,
    manifests.c.digest,
    manifests.c.media_type,
    manifests.c.body,
    manifests.c.damage,
).join(repositories, repositories.c.id == manifests.c.repository_id)
IMAGES = _image.where(manifests.c.id > bindparam("after"), manifests.c.id <= bindparam("last")).order_by(manifests.c.id)
IMAGE = _image.where(repositories.c.name == bindparam("repository"), manifests.c.digest == bindparam("digest"))
BOUND = (
    select(manifests.c.id, links.c.digest)
    .select_from(manifests)
    .join(edges, and_(edges.c.repository_id == manifests.c.repository_id, edges.c.source == manifests.c.digest))
    .join(links, and_(links.c.repository_id == edges.c.repository_id, links.c.digest == edges.c.target))
)
LINKED = BOUND.where(manifests.c.id > bindparam("after"), manifests.c.id <= bindparam("last"))

_is_quarantined = exists().where(quarantined.c.digest == blobs.c.digest)
_blob = select(blobs.c.digest, blobs.c.size, blobs.c.place, _is_quarantined.label("is_quarantined"))
BLOBS = _blob.where(blobs.c.digest > bindparam("after")).order_by(blobs.c.digest).limit(bindparam("limit"))
BLOB = _blob.where(blobs.c.digest == bindparam("digest"))
OTHERS = (
    _blob.where(blobs.c.digest != bindparam("digest"), ~_is_quarantined)
    .order_by(blobs.c.digest.desc())
    .limit(bindparam("limit"))
)

QUARANTINE = insert_or_update(quarantined, ["digest"], ["fault", "found"])
MARK = (
    update(manifests)
    .where(manifests.c.id == bindparam("of_image"), manifests.c.body == bindparam("old_body"))
    .values(damage=bindparam("new_damage"))
    .returning(manifests.c.id)
)
COUNT_QUARANTINED = select(func.count().label("blobs")).select_from(quarantined)
COUNT_DAMAGED = select(func.count().label("images")).select_from(manifests).where(manifests.c.damage.is_not(None))

_key = manifests.c.digest + literal("@") + repositories.c.name
_damaged_blobs = select(
    quarantined.c.digest.label("key"),
    quarantined.c.digest,
    blobs.c.size,
    quarantined.c.fault,
    quarantined.c.found,
    quarantined.c.found_at,
    cast(null(), WORDS).label("repository"),
).join(blobs, blobs.c.digest == quarantined.c.digest)
_damaged_images = (
    select(
        _key.label("key"),
        manifests.c.digest,
        manifests.c.body_size.label("size"),
        manifests.c.damage.label("fault"),
        cast(null(), WORDS).label("found"),
        cast(null(), Float).label("found_at"),
        repositories.c.name.label("repository"),
    )
    .join(repositories, repositories.c.id == manifests.c.repository_id)
    .where(manifests.c.damage.is_not(None))
)
_damages = union_all(_damaged_blobs, _damaged_images).subquery("damages")
DAMAGES = select(_damages).where(_damages.c.key > bindparam("after")).order_by(_damages.c.key).limit(bindparam("limit"))
_tagged = and_(tags.c.repository_id == manifests.c.repository_id, tags.c.digest == manifests.c.digest)
NEEDED_BY = (
    select(repositories.c.name, manifests.c.digest, tags.c.name.label("tag"))
    .select_from(edges)
    .join(
        manifests,
        and_(manifests.c.repository_id == edges.c.repository_id, manifests.c.digest == edges.c.source),
    )
    .join(repositories, repositories.c.id == edges.c.repository_id)
    .outerjoin(tags, _tagged)
    .where(edges.c.target == bindparam("digest"))
    .order_by(repositories.c.name, tags.c.name, manifests.c.digest)
    .limit(SHOWN)
)
TAGGED = (
    select(repositories.c.name, manifests.c.digest, tags.c.name.label("tag"))
    .select_from(manifests)
    .join(repositories, repositories.c.id == manifests.c.repository_id)
    .outerjoin(tags, _tagged)
    .where(repositories.c.name == bindparam("repository"), manifests.c.digest == bindparam("digest"))
    .order_by(tags.c.name)
    .limit(SHOWN)
)
HOLDERS = (
    select(repositories.c.name)
    .join(links, links.c.repository_id == repositories.c.id)
    .where(links.c.digest == bindparam("digest"))
    .order_by(repositories.c.name)
    .limit(SHOWN)
)


class ContentsTable:
    """The port `Contents` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stock(self) -> Stock:
        """See `Contents`."""
        return (await self._database.read_aside(stock_of()))[0]

    async def images(self, after: int, limit: int, room: int) -> tuple[StoredImage, ...]:
        """See `Contents`."""
        return await self._database.read(_images(after, limit, room))

    async def blobs(self, after: str, limit: int) -> tuple[StoredBlob, ...]:
        """See `Contents`."""
        return await self._database.read(_stored(BLOBS, {"after": after, "limit": limit}))

    async def blob(self, digest: Digest) -> StoredBlob | None:
        """See `Contents`."""
        return next(iter(await self._database.read(_stored(BLOB, {"digest": digest}))), None)

    async def others(self, digest: Digest, limit: int) -> tuple[StoredBlob, ...]:
        """See `Contents`."""
        return await self._database.read(_stored(OTHERS, {"digest": digest, "limit": limit}))


class DamageTable:
    """The port `Damages` over a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def quarantine(
        self, blob: StoredBlob, fault: Fault, found: Digest | None, at: float, is_same: "IsSame"
    ) -> bool:
        """See `Damages`."""
        row = {"digest": blob.digest, "fault": fault.value, "found": found, "found_at": at}
        return await self._database.write(partial(_quarantine, blob, row, is_same), alone=True)

    async def lift(self, blob: StoredBlob, is_same: "IsSame") -> bool:
        """See `Damages`."""
        return await self._database.write(partial(_lift, blob, is_same), alone=True)

    async def mark(self, image: StoredImage, fault: Fault | None) -> bool:
        """See `Damages`."""
        return await self._database.write(partial(_mark, image, fault))

    async def count(self) -> Damaged:
        """See `Damages`."""
        return await self._database.read(_count())

    async def every(self, after: str, limit: int) -> tuple[Damage, ...]:
        """See `Damages`."""
        return await self._database.read(_every(after, limit))


def stored_of(row: Row) -> StoredBlob:
    """Return the blob of a row."""
    return StoredBlob(Digest(row.digest), row.size, row.place or row.digest, bool(row.is_quarantined))


def image_of(row: Row, linked: Rows) -> StoredImage:
    """Return the image of a row, of those bound to images by `linked`."""
    mine = frozenset(Digest(each.digest) for each in linked if each.id == row.id)
    damage = Fault(row.damage) if row.damage else None
    return StoredImage(
        row.id, row.repository_id, row.name, Digest(row.digest), row.media_type, bytes(row.body), mine, damage
    )


def stock_of() -> Steps[Stock]:
    """Count what there is to verify."""
    ((images,),) = yield COUNT_IMAGES, NOTHING
    ((count, size),) = yield COUNT_BLOBS, NOTHING
    return Stock(images, count, size)


def _images(after: int, limit: int, room: int) -> Steps[tuple[StoredImage, ...]]:
    sizes = yield SIZES, {"after": after, "limit": limit}
    if not sizes:
        return ()
    last = sizes[0].id
    for row in sizes:
        room -= row.size
        if room < 0:
            break
        last = row.id
    rows = yield IMAGES, {"after": after, "last": last}
    linked = yield LINKED, {"after": after, "last": last}
    bound: dict[int, list[Row]] = {}
    for link in linked:
        bound.setdefault(link.id, []).append(link)
    return tuple(image_of(row, bound.get(row.id, ())) for row in rows)


def _stored(statement: Select[Any], key: dict[str, Any]) -> Steps[tuple[StoredBlob, ...]]:
    rows = yield statement, key
    return tuple(map(stored_of, rows))


def is_there(blob: StoredBlob) -> Steps[bool]:
    """Tell whether a blob's row is still the one that was read."""
    row = yield from one(BLOB, {"digest": blob.digest})
    return row is not None and (row.place or row.digest) == blob.place


def _quarantine(blob: StoredBlob, new: dict[str, Any], is_same: Callable[[], bool]) -> Steps[bool]:
    if not (yield from is_there(blob)) or not is_same():
        return False
    # Its row comes before its bytes, while it is pushed, and goes after its last link.
    if new["fault"] == Fault.MISSING and (yield from one(HOLDERS, {"digest": blob.digest})) is None:
        return False
    yield QUARANTINE, new
    return True


def _lift(blob: StoredBlob, is_same: Callable[[], bool]) -> Steps[bool]:
    row = yield from one(BLOB, {"digest": blob.digest})
    if row is None or not row.is_quarantined or (row.place or row.digest) != blob.place or not is_same():
        return False
    yield LIFT, {"of_digest": blob.digest}
    return True


def _mark(image: StoredImage, fault: Fault | None) -> Steps[bool]:
    new = {"of_image": image.id, "old_body": image.body, "new_damage": fault.value if fault else None}
    return (yield from one(MARK, new)) is not None


def _count() -> Steps[Damaged]:
    ((count,),) = yield COUNT_QUARANTINED, NOTHING
    ((images,),) = yield COUNT_DAMAGED, NOTHING
    return Damaged(count, images)


def _every(after: str, limit: int) -> Steps[tuple[Damage, ...]]:
    rows = yield DAMAGES, {"after": after, "limit": limit}
    found = []
    for row in rows:
        if row.repository is None:
            needed = yield NEEDED_BY, {"digest": row.digest}
            holders = yield HOLDERS, {"digest": row.digest}
            names = tuple(holder.name for holder in holders)
        else:
            needed = yield TAGGED, {"repository": row.repository, "digest": row.digest}
            names = (row.repository,)
        found.append(_damage(row, tuple(map(_name, needed)), names))
    return tuple(found)


def _damage(row: Row, images: tuple[str, ...], names: tuple[str, ...]) -> Damage:
    digest, fault = Digest(row.digest), Fault(row.fault)
    return Damage(digest, row.size, fault, row.found_at, images, names, row.repository, row.found)


def _name(row: Row) -> str:
    return f"{row.name}:{row.tag}" if row.tag else f"{row.name}@{row.digest}"
