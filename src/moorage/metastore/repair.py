"""What a repair changes in the database, each only where the damage is still there."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import bindparam, select, update

from moorage.domain.digest import Digest
from moorage.metastore.steps import Database, Rows, Steps, one
from moorage.metastore.tables import edges, manifests
from moorage.metastore.uploads import DISCARD, LINK, SET_PLACE, release
from moorage.metastore.upsert import insert_or_nothing
from moorage.metastore.verify import BLOB, BOUND, IMAGE, image_of
from moorage.services.verify_records import StoredBlob, StoredImage

BODIES = select(manifests.c.body).where(manifests.c.digest == bindparam("digest")).limit(bindparam("limit"))
REPLACE = (
    update(manifests)
    .where(manifests.c.id == bindparam("of_image"), manifests.c.body == bindparam("old_body"))
    .values(body=bindparam("new_body"), body_size=bindparam("new_size"), damage=None)
    .returning(manifests.c.id)
)
BIND = insert_or_nothing(edges, ["repository_id", "source", "target"])
BOUND_TO = BOUND.where(manifests.c.id == bindparam("image"))


class RepairTable:
    """The port `Repairs` over a database; `lease` in seconds."""

    def __init__(self, database: Database, lease: float) -> None:
        self._database = database
        self._lease = lease

    async def heal(self, blob: StoredBlob, place: str | None) -> bool:
        """See `Repairs`."""
        return await self._database.write(partial(_heal, blob, place, self._lease))

    async def relink(self, image: StoredImage, digests: Sequence[Digest]) -> bool:
        """See `Repairs`."""
        return await self._database.write(partial(_relink, image, digests, self._lease))

    async def bodies(self, digest: Digest, limit: int) -> tuple[bytes, ...]:
        """See `Repairs`."""
        return await self._database.read(_bodies(digest, limit))

    async def replace(self, image: StoredImage, body: bytes) -> bool:
        """See `Repairs`."""
        return await self._database.write(partial(_replace, image, body))

    async def image(self, repository: str, digest: Digest) -> StoredImage | None:
        """See `Repairs`."""
        return await self._database.read(_image(repository, digest))


def _heal(blob: StoredBlob, place: str | None, lease: float) -> Steps[bool]:
    row = yield from one(BLOB, {"digest": blob.digest})
    if row is None:
        return False
    if row.place != place:
        yield SET_PLACE, {"of_digest": blob.digest, "new_place": place}
        if row.place is not None:
            yield DISCARD, {"place": row.place, "lease": lease}
    yield from release(blob.digest, blob.size)
    return True


def _relink(image: StoredImage, digests: Sequence[Digest], lease: float) -> Steps[bool]:
    found: Rows = yield IMAGE, {"repository": image.repository, "digest": image.digest}
    if not found:
        return False
    for digest in digests:
        blob = yield from one(BLOB, {"digest": digest})
        if blob is None or blob.is_quarantined:
            return False
        yield LINK, {"repository_id": image.repository_id, "digest": digest, "size": blob.size, "lease": lease}
        yield BIND, {"repository_id": image.repository_id, "source": image.digest, "target": digest}
    return True


def _bodies(digest: Digest, limit: int) -> Steps[tuple[bytes, ...]]:
    rows = yield BODIES, {"digest": digest, "limit": limit}
    return tuple(bytes(row.body) for row in rows)


def _replace(image: StoredImage, body: bytes) -> Steps[bool]:
    new = {"of_image": image.id, "old_body": image.body, "new_body": body, "new_size": len(body)}
    return (yield from one(REPLACE, new)) is not None


def _image(repository: str, digest: Digest) -> Steps[StoredImage | None]:
    row = yield from one(IMAGE, {"repository": repository, "digest": digest})
    if row is None:
        return None
    linked = yield BOUND_TO, {"image": row.id}
    return image_of(row, linked)
