"""Repositories as lists show them: how many tags, how large, and what kind of thing they hold."""

from collections.abc import Sequence

from sqlalchemy import and_, bindparam, select

from moorage.domain.name import Repository
from moorage.metastore.leases import NOW
from moorage.metastore.steps import Row, Steps, one
from moorage.metastore.tables import deletions, manifests, repositories, repository_counts, tags, total
from moorage.services.records import RepositoryRecord

RECORDS = 50
"""Repositories that are looked up in one turn of the event loop."""

_here = repository_counts.c.repository_id == repositories.c.id
_tag_count = select(total(repository_counts.c.tags)).where(_here).scalar_subquery()
_bytes = select(total(repository_counts.c.body_bytes + repository_counts.c.blob_bytes)).where(_here).scalar_subquery()
# What cosign and others attach under tags as sha256-….sig is about an image, and does not tell what is kept there.
_newest_tagged = (
    select(tags.c.digest)
    .where(tags.c.repository_id == repositories.c.id, tags.c.name.not_like("sha256-%"))
    .order_by(tags.c.pushed_at.desc(), tags.c.name)
    .limit(1)
    .correlate(repositories)
    .scalar_subquery()
)
_deleted = (
    select(total(deletions.c.frees))
    .where(deletions.c.name == repositories.c.name, deletions.c.leased_until > NOW)
    .scalar_subquery()
)
_newest = manifests.alias("newest")
REPOSITORIES = (
    select(
        repositories,
        _tag_count.label("tags"),
        _bytes.label("size"),
        _deleted.label("deleted"),
        _newest.c.artifact_type,
        _newest.c.config_type,
        _newest.c.is_index,
    )
    .select_from(repositories)
    .join(_newest, and_(_newest.c.repository_id == repositories.c.id, _newest.c.digest == _newest_tagged), isouter=True)
    .where(repositories.c.pushed_at.is_not(None))
)
NAMED = REPOSITORIES.where(repositories.c.name.in_(bindparam("names", expanding=True)))
REPOSITORY = REPOSITORIES.where(repositories.c.name == bindparam("repository"))


def _repository_of(row: Row) -> RepositoryRecord:
    registry, _, path = row.name.partition("/")
    return RepositoryRecord(
        id=row.id,
        name=Repository(registry, path),
        description=row.description,
        created_at=row.created_at,
        pushed_at=row.pushed_at,
        pushed_by=row.pushed_by,
        tags=row.tags,
        size=row.size,
        deleted=row.deleted,
        pulls=row.pulls,
        pushes=row.pushes,
        last_pulled_at=row.last_pulled_at,
        artifact_type=row.artifact_type,
        config_type=row.config_type,
        is_index=bool(row.is_index),
    )


def named(names: Sequence[str]) -> Steps[list[RepositoryRecord]]:
    """Return the repositories of these names, in their order."""
    rows = yield NAMED, {"names": names}
    return sorted((_repository_of(row) for row in rows), key=lambda record: str(record.name))


def find_repository(repository: Repository) -> Steps[RepositoryRecord | None]:
    """Return a repository that has or had images."""
    row = yield from one(REPOSITORY, {"repository": str(repository)})
    return _repository_of(row) if row else None
