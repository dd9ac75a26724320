"""What is kept of how much there is equals what is counted, whatever was done and by how many."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, Executable, Select, bindparam, delete, func, literal, select, update

from moorage.domain.digest import digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.metastore.postgres import PostgreSQL
from moorage.metastore.sqlite import SQLite
from moorage.metastore.steps import Rows, Steps
from moorage.metastore.tables import blobs as stored
from moorage.metastore.tables import (
    deletions,
    links,
    manifests,
    registries,
    registry_blobs,
    repositories,
    repository_counts,
    tags,
    total,
)
from moorage.metastore.usage import RegistryUsageTable, ServerUsageTable
from moorage.services.usage_ports import RegistryUsage
from tests.contracts.conftest import Opened, tables_of
from tests.contracts.tables import APP, OTHER, OpenTables, Tables
from tests.postgres import Cluster

ELSEWHERE = Repository("web", "site")
PLACES = [APP, OTHER, ELSEWHERE]
CONTENTS = [b"a", b"bb", b"ccc"]

places, contents = st.sampled_from(PLACES), st.sampled_from(CONTENTS)
STEPS: Mapping[str, st.SearchStrategy[Any]] = {
    "blob": contents,
    "image": st.tuples(st.sampled_from(["v1", "v2", ""]), contents),
    "mount": st.tuples(places, contents),
    "unlink": contents,
    "delete tag": st.sampled_from(["v1", "v2"]),
    "delete image": st.sampled_from(["v1", "v2"]),
    "delete repository": st.none(),
    "restore": st.integers(0, 3),
    "free": st.integers(0, 3),
    "delete registry": st.none(),
    "restore registry": st.integers(0, 1),
    "move rows": places,
    "collect": st.none(),
}
walks = st.lists(
    st.sampled_from(list(STEPS)).flatmap(lambda name: st.tuples(st.just(name), places, STEPS[name])),
    min_size=8,
    max_size=30,
)


def told(statement: Executable, given: Mapping[str, Any] | None = None) -> Steps[Rows]:
    return (yield statement, dict(given or {}))


def there(column: ColumnElement[Any], counted: ColumnElement[Any]) -> ColumnElement[Any]:
    return select(counted).where(column == repositories.c.id).scalar_subquery()


COUNTED: Select[Any] = select(
    repositories.c.name,
    there(tags.c.repository_id, func.count()),
    there(manifests.c.repository_id, func.count()),
    there(manifests.c.repository_id, total(manifests.c.body_size)),
    there(links.c.repository_id, total(links.c.size)),
)
KEPT: Select[Any] = select(
    repositories.c.name,
    *(
        there(repository_counts.c.repository_id, total(repository_counts.c[name]))
        for name in ("tags", "images", "body_bytes", "blob_bytes")
    ),
)
LINKED: Select[Any] = (
    select(repositories.c.registry_id, links.c.digest, links.c.size, registries.c.address, repositories.c.name)
    .join(repositories, repositories.c.id == links.c.repository_id)
    .join(registries, registries.c.id == repositories.c.registry_id)
)
HELD = select(stored.c.digest, stored.c.size).where(stored.c.is_held)
PUSHED = select(repositories.c.name, repositories.c.pushed_at).where(repositories.c.pushed_at.is_not(None))
OF_REGISTRY = select(repositories.c.name, repositories.c.registry_id, repositories.c.is_trashed)


async def check(tables: Tables) -> None:
    """Compare all that is kept with what there is."""

    async def rows(statement: Select[Any]) -> list[tuple[Any, ...]]:
        return sorted(tuple(row) for row in await tables.database.read(told(statement)))

    counted = await rows(COUNTED)
    assert await rows(KEPT) == counted
    linked = await rows(LINKED)
    blobs = {(registry, digest, size) for registry, digest, size, *_ in linked}
    alive = {(registry, digest, size) for registry, digest, size, at, name in linked if name.startswith(f"{at}/")}
    assert await rows(select(registry_blobs)) == sorted((*blob, blob not in alive) for blob in blobs)
    held = dict(await rows(HELD))
    assert held.items() >= {(digest, size) for _, digest, size in blobs}
    assert await ServerUsageTable(tables.database).used() == sum(held.values())
    pushed = dict(await rows(PUSHED))
    home = await rows(OF_REGISTRY)
    found = await rows(select(registries.c.id, registries.c.address))
    gone = await rows(select(deletions.c.registry_id, deletions.c.frees, deletions.c.leased_until))
    usages = RegistryUsageTable(tables.database)
    for number, address in found:
        assert all(hidden is not name.startswith(f"{address}/") for name, at, hidden in home if at == number)
        bodies = {row[0]: row[3] for row in counted if (row[0], number) in {(name, at) for name, at, _ in home}}
        own = [row for row in counted if row[0].startswith(f"{address}/")]
        assert (await usages.of([number]))[number] == RegistryUsage(
            repositories=sum(row[0] in pushed for row in own),
            images=sum(row[2] for row in own),
            body_bytes=sum(row[3] for row in own),
            blob_bytes=sum(size for registry, _, size in alive if registry == number),
            pushed_at=max((pushed[row[0]] for row in own if row[0] in pushed and address < "~"), default=None),
            trashed=sum(bodies.values())
            - sum(row[3] for row in own)
            + sum(size for registry, _, size in blobs - alive if registry == number),
            frees=sum(frees for registry, frees, lease in gone if registry == number and lease),
        )


class Walk:
    """Does one thing after another."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def step(self, name: str, place: Repository, what: Any) -> None:  # noqa: ANN401  as STEPS says
        """Do one; what is refused changes nothing."""
        try:
            await getattr(self, name.replace(" ", "_"))(place, what)
        except MoorageError as error:
            if error.error is ErrorCode.UNAVAILABLE:
                raise

    async def blob(self, place: Repository, content: bytes) -> None:
        await self._tables.blob(place, content)

    async def image(self, place: Repository, what: tuple[str, bytes]) -> None:
        tag, content = what
        await self._tables.image(place, *filter(None, [tag]), layers=[content])

    async def mount(self, place: Repository, what: tuple[Repository, bytes]) -> None:
        target, content = what
        found = await self._tables.blobs.find(place, digest_of(content))
        if found is not None:
            await self._tables.blobs.mount(found, target)

    async def unlink(self, place: Repository, content: bytes) -> None:
        await self._tables.blobs.unlink(place, digest_of(content))

    async def delete_tag(self, place: Repository, tag: str) -> None:
        await self._tables.manifests.delete_tag(place, tag, "ann")

    async def delete_image(self, place: Repository, tag: str) -> None:
        found = await self._tables.manifests.find(place, tag)
        if found is not None:
            await self._tables.catalog.delete(place, [found.digest], [], "ann")

    async def delete_repository(self, place: Repository, _: object) -> None:
        await self._tables.catalog.delete(place, None, (), "ann")

    async def restore(self, place: Repository, which: int) -> None:
        registry = await self._tables.registries.find(place.registry)
        kept = () if registry is None else await self._tables.trash.page(registry.id, None, 4)
        if registry is not None and which < len(kept):
            await self._tables.trash.restore(registry.id, kept[which].id, "ann")

    async def free(self, place: Repository, which: int) -> None:
        registry = await self._tables.registries.find(place.registry)
        kept = () if registry is None else await self._tables.trash.page(registry.id, None, 4)
        if registry is not None and which < len(kept):
            await self._tables.trash.expire(registry.id, kept[which].id)
            await self._tables.trash.empty(2)

    async def delete_registry(self, place: Repository, _: object) -> None:
        """Delete it, and begin another one that has its name."""
        await self._tables.registry_trash.delete(place.registry, "ann")
        await begin(self._tables, place.registry)

    async def restore_registry(self, _place: Repository, which: int) -> None:
        """Bring it back in the place of the one that has its name."""
        kept = await self._tables.registry_trash.page(None, 2)
        if which < len(kept):
            await self._tables.registry_trash.delete(kept[which].entry.name, "ann")
            await self._tables.registry_trash.restore(kept[which].entry.id)

    async def move_rows(self, place: Repository, target: Repository) -> None:
        """Let all rows of a repository be those of another, which has none."""
        await self._tables.database.write(lambda: _move_rows(str(place), str(target)))

    async def collect(self, _place: Repository, _: object) -> None:
        await self._tables.pass_time(1.1)
        await self._tables.collect()


def _move_rows(place: str, target: str) -> Steps[None]:
    ids = {}
    for name in (place, target):
        rows = yield select(repositories.c.id).where(repositories.c.name == bindparam("name")), {"name": name}
        ids[name] = rows[0].id if rows else None
    if None in ids.values() or place == target:
        return
    for table in (tags, manifests, links):
        here = table.c.repository_id == bindparam("here")
        yield delete(table).where(here), {"here": ids[target]}
        yield (
            update(table).where(here).values(repository_id=bindparam("there")),
            {"here": ids[place], "there": ids[target]},
        )


async def begin(tables: Tables, name: str) -> None:
    """Make a registry; DMC keeps what is deleted, the others don't."""
    await tables.registry(name)
    if name.lower() == "dmc":
        await tables.registries.update("dmc", {"trash_days": 14})


async def walked(database: Opened, walk: list[tuple[str, Repository, Any]]) -> None:
    await database.start()
    try:
        tables = tables_of(database)
        for name in ("DMC", "Web", "Empty"):
            await begin(tables, name)
        for name, place, what in walk:
            await Walk(tables).step(name, place, what)
        await check(tables)
        for place in PLACES:
            await tables.catalog.delete(place, None, (), "ann")
        await check(tables)
    finally:
        await database.close()


@settings(max_examples=60, deadline=None)
@given(walk=walks)
def test_what_is_kept_is_what_there_is_after_anything(
    empty_sqlite: Path, walk: list[tuple[str, Repository, Any]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(walked(SQLite(Path(shutil.copy(empty_sqlite, folder))), walk))


@pytest.mark.servers
@settings(max_examples=15, deadline=None)
@given(walk=walks)
def test_so_it_is_in_postgresql(postgres: Cluster, walk: list[tuple[str, Repository, Any]]) -> None:
    asyncio.run(walked(PostgreSQL(postgres.database()), walk))


async def test_two_processes_keep_them_right_side_by_side(open_tables: OpenTables) -> None:
    one, other = await open_tables(), await open_tables()
    await one.registry("DMC")
    await one.registry("Web")

    async def work(tables: Tables, mine: Repository, theirs: Repository) -> None:
        walk = Walk(tables)
        things: list[Callable[[], Awaitable[object]]] = [
            lambda: walk.step("image", mine, ("v1", b"shared")),
            lambda: walk.step("mount", theirs, (mine, b"shared")),
            lambda: walk.step("delete image", mine, "v1"),
            lambda: tables.garbage.tick(1),
            lambda: tables.garbage.expire_links(10),
            lambda: walk.blob(mine, b"shared"),
            lambda: walk.step("unlink", mine, b"shared"),
        ]
        for _ in range(4):
            for do in things:
                await do()

    await asyncio.gather(
        work(one, APP, OTHER), work(other, OTHER, APP), work(one, ELSEWHERE, APP), work(other, APP, ELSEWHERE)
    )
    await check(one)
    await check(other)


async def test_a_blob_is_counted_in_a_registry_once_and_until_its_last_repository_lets_go(tables: Tables) -> None:
    registry = await tables.registries.find("dmc")
    assert registry is not None
    usages = RegistryUsageTable(tables.database)
    digest = digest_of(b"layer")

    async def counted() -> tuple[bool, int]:
        return await usages.holds(registry.id, digest), (await usages.of([registry.id]))[registry.id].blob_bytes

    assert await counted() == (False, 0)
    await tables.blob(APP, b"layer")
    await tables.blob(OTHER, b"layer")
    assert await counted() == (True, 5)
    await tables.blobs.unlink(APP, digest)
    assert await counted() == (True, 5)
    await tables.blobs.unlink(OTHER, digest)
    assert await counted() == (False, 0)
    assert await usages.of([registry.id + 1]) == {}


async def test_a_count_that_is_wrong_shows(tables: Tables) -> None:
    await tables.image(APP, "v1")
    await check(tables)
    await tables.database.write(lambda: told(update(repository_counts).values(tags=literal(7))))
    with pytest.raises(AssertionError):
        await check(tables)


async def test_what_is_deleted_is_counted_apart_until_it_is_restored_or_gone(tables: Tables) -> None:
    registry = await tables.registries.find("dmc")
    assert registry is not None
    await tables.registries.update("dmc", {"trash_days": 14})
    usages = RegistryUsageTable(tables.database)

    async def counted() -> RegistryUsage:
        await check(tables)
        return replace((await usages.of([registry.id]))[registry.id], pushed_at=None)

    await tables.image(OTHER, "v1", layers=[b"shared"])
    await tables.image(APP, "v1", layers=[b"shared", b"x" * 1000])
    both = await counted()
    gone = await tables.catalog.delete(APP, None, (), "ann")
    assert gone
    assert gone.entry is not None
    rest = await counted()
    assert rest.repositories == 1
    assert rest.size + rest.trashed == both.size
    assert rest.trashed > 1000
    # A push brings the layer back, and only that.
    await tables.blob(OTHER, b"x" * 1000)
    assert (await counted()).trashed == rest.trashed - 1000
    await tables.trash.restore(registry.id, gone.entry, "ann")
    assert await counted() == both
    again = await tables.catalog.delete(APP, None, (), "ann")
    assert again
    assert again.entry is not None
    await tables.trash.expire(registry.id, again.entry)
    await tables.pass_time(1.1)
    await tables.collect()
    assert (await counted()).trashed == 0
