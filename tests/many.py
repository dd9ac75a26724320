"""More rows than a page looks through, put into the tables at once; triggers and indexes see them as any others."""

from collections.abc import Iterable

from sqlalchemy import insert, select

from moorage.domain.digest import digest_of
from moorage.domain.name import Repository
from moorage.metastore.steps import Database, Steps
from moorage.metastore.tables import manifests, repositories, tags


async def add_tags(database: Database, repository: Repository, names: Iterable[str]) -> None:
    """Let these tags point to what another tag of the repository points to, the first one pushed last."""
    await database.write(lambda: _tags(repository, list(names)))


async def add_attached(database: Database, repository: Repository, number: int) -> None:
    """Attach images to an image of the repository, later than it."""
    await database.write(lambda: _attached(repository, number))


def _tags(repository: Repository, names: list[str]) -> Steps[None]:
    of_repository = tags.c.repository_id == repositories.c.id
    tag = select(tags).join(repositories, of_repository).where(repositories.c.name == str(repository)).limit(1)
    rows = yield tag, {}
    known = {column.name: getattr(rows[0], column.name) for column in tags.columns}
    yield (
        insert(tags),
        [known | {"name": name, "pushed_at": known["pushed_at"] - place} for place, name in enumerate(names, 1)],
    )


def _attached(repository: Repository, number: int) -> Steps[None]:
    of_repository = manifests.c.repository_id == repositories.c.id
    image = select(manifests).join(repositories, of_repository).where(repositories.c.name == str(repository)).limit(1)
    rows = yield image, {}
    known = {column.name: getattr(rows[0], column.name) for column in manifests.columns if column.name != "id"}
    known |= {"subject": known["digest"]}
    new = ((digest_of(str(place).encode()), known["pushed_at"] + place) for place in range(1, number + 1))
    yield insert(manifests), [known | {"digest": digest, "pushed_at": at} for digest, at in new]
