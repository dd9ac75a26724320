"""What was deleted from one repository takes, beside what is in it. Of a whole registry that is kept (usage.py)."""

from sqlalchemy import bindparam, select

from moorage.domain.name import Repository
from moorage.metastore.contents import SOME
from moorage.metastore.leases import NOW
from moorage.metastore.steps import Steps
from moorage.metastore.tables import deletions, links, repositories, repository_counts, total
from moorage.services.trash_records import DeletionKind, hidden_address

ENTRIES = select(deletions.c.id).where(
    deletions.c.name == bindparam("repository"),
    deletions.c.kind != DeletionKind.REGISTRY.value,
    deletions.c.leased_until > NOW,
)
_hidden = repositories.c.name.in_(bindparam("names", expanding=True))
BODIES = (
    select(total(repository_counts.c.body_bytes))
    .join(repositories, repositories.c.id == repository_counts.c.repository_id)
    .where(_hidden)
)
_there = links.alias("there")
_home = repositories.alias("home")
_own = select(_home.c.id).where(_home.c.name == bindparam("repository")).scalar_subquery()
BLOBS = (
    select(links.c.digest, links.c.size)
    .join(repositories, repositories.c.id == links.c.repository_id)
    .where(
        _hidden,
        ~select(_there.c.digest).where(_there.c.repository_id == _own, _there.c.digest == links.c.digest).exists(),
    )
    .distinct()
)


def bytes_beside(repository: Repository) -> Steps[int]:
    """Add up what deletions from a repository have that is not in it by now, every blob once."""
    name = str(repository)
    rows = yield ENTRIES, {"repository": name}
    names = [f"{hidden_address(row.id)}/{repository.path}" for row in rows]
    bodies = 0
    sizes: dict[str, int] = {}
    for start in range(0, len(names), SOME):
        some = {"names": names[start : start + SOME]}
        ((more,),) = yield BODIES, some
        bodies += int(more)
        blobs = yield BLOBS, {**some, "repository": name}
        sizes |= {row.digest: row.size for row in blobs}
    return bodies + sum(sizes.values())
