"""What of a registry's usage lies in its trash: that is kept with the rest (tables/counts.py), and taken off here.

It costs what was deleted, not what exists.
"""

from sqlalchemy import and_, bindparam, func, select

from moorage.domain.digest import Digest
from moorage.metastore.steps import Steps, one
from moorage.metastore.tables import links, repositories, repository_counts, total
from moorage.services.trash_records import HIDDEN

_in_trash = and_(repositories.c.name >= HIDDEN, repositories.c.registry_id.in_(bindparam("ids", expanding=True)))
TRASHED = (
    select(
        repositories.c.registry_id,
        func.count(repositories.c.id.distinct()).label("repositories"),
        *(total(repository_counts.c[name]).label(name) for name in ("images", "body_bytes")),
    )
    .join(repository_counts, repository_counts.c.repository_id == repositories.c.id, isouter=True)
    .where(_in_trash)
    .group_by(repositories.c.registry_id)
)
_kept = (
    select(repositories.c.registry_id, links.c.digest, links.c.size)
    .join(links, links.c.repository_id == repositories.c.id)
    .where(_in_trash)
    .distinct()
    .subquery("kept")
)
_holder = repositories.alias("holder")
_held = links.alias("held")
_lives = (
    select(_held.c.digest)
    .join(_holder, _holder.c.id == _held.c.repository_id)
    .where(_held.c.digest == _kept.c.digest, _holder.c.registry_id == _kept.c.registry_id, _holder.c.name < HIDDEN)
    .exists()
)
TRASHED_BLOBS = (
    select(_kept.c.registry_id, total(_kept.c.size).label("blob_bytes")).where(~_lives).group_by(_kept.c.registry_id)
)
LIVES = (
    select(links.c.digest)
    .join(repositories, repositories.c.id == links.c.repository_id)
    .where(
        links.c.digest == bindparam("digest"),
        repositories.c.registry_id == bindparam("registry_id"),
        repositories.c.name < HIDDEN,
    )
    .limit(1)
)


def trashed_bytes(registry_id: int) -> Steps[int]:
    """Return how many bytes of a registry nothing but its trash holds."""
    trashed = yield TRASHED, {"ids": [registry_id]}
    if not trashed:
        return 0
    blobs = yield TRASHED_BLOBS, {"ids": [registry_id]}
    return int(sum(row.body_bytes for row in trashed) + sum(row.blob_bytes for row in blobs))


def lives(registry_id: int, digest: Digest) -> Steps[bool]:
    """Tell whether a repository of a registry has a blob, its trash aside."""
    return (yield from one(LIVES, {"registry_id": registry_id, "digest": digest})) is not None
