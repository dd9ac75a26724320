"""What a repository holds, as the stories that take something out of it ask for it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, delete, select

from moorage.metastore.steps import Rows, Steps
from moorage.metastore.tables import edges, links, repositories, tags

SOME = 500
"""Values in one `IN`: databases limit the parameters of a statement."""

VISIBLE = select(repositories.c.id).where(
    repositories.c.name == bindparam("repository"), repositories.c.pushed_at.is_not(None)
)
TAGS_OF = select(tags.c.name).where(
    tags.c.repository_id == bindparam("repository_id"), tags.c.digest == bindparam("digest")
)
DROP_TAG = delete(tags).where(tags.c.repository_id == bindparam("of_repository"), tags.c.name == bindparam("of_tag"))

# From the images to what they name: SQLite would else look through all that the repository has.
TARGETS = select(links.c.digest, links.c.size).where(
    links.c.repository_id == bindparam("repository_id"),
    links.c.digest.in_(
        select(edges.c.target).where(
            edges.c.repository_id == bindparam("repository_id"), edges.c.source.in_(bindparam("some", expanding=True))
        )
    ),
)


def in_pieces(statement: Select[Any], repository_id: int, values: Sequence[str]) -> Steps[list[Any]]:
    """Return the rows of a statement for `some` of a repository, however many they are."""
    found: list[Any] = []
    for start in range(0, len(values), SOME):
        rows: Rows = yield statement, {"repository_id": repository_id, "some": values[start : start + SOME]}
        found.extend(rows)
    return found
