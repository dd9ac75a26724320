"""The trash beside pushes, mounts, promises and collections, in any order: what can be restored is all there."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.domain.digest import Digest
from moorage.domain.name import Repository
from moorage.metastore.sqlite import SQLite
from moorage.services.trash_records import hidden_address
from tests.contracts.conftest import tables_of
from tests.contracts.tables import APP, OTHER
from tests.contracts.test_collection import STEPS, Model, Place, repositories

KEEPING = {
    **STEPS,
    "restore": st.tuples(repositories, st.integers(0, 3)),
    "free": st.tuples(repositories, st.integers(0, 3)),
    "empty": st.tuples(st.just(APP), st.none()),
}
walks = st.lists(
    st.sampled_from(sorted(KEEPING)).flatmap(lambda name: st.tuples(st.just(name), KEEPING[name])), max_size=25
)


@dataclass
class Keeper(Model):
    """A model whose registry keeps what is deleted: `kept` is what each deletion took."""

    kept: dict[int, dict[Place, set[Digest]]] = field(default_factory=dict)

    @property
    async def registry_id(self) -> int:
        registry = await self.tables.registries.find("dmc")
        assert registry is not None
        return registry.id

    async def delete_image(self, repository: Repository, number: int) -> None:
        here = [place for place in self.images if place[0] == repository]
        if here:
            place = here[number % len(here)]
            gone = await self.tables.manifests.delete(repository, place[1], "ann")
            assert gone is not None
            assert gone.entry is not None
            self.kept[gone.entry] = {place: self.images.pop(place)}

    async def delete_repository(self, repository: Repository, _: object) -> None:
        gone = await self.tables.catalog.delete(repository, None, (), "ann")
        if gone is not None:
            assert gone.entry is not None
            self.kept[gone.entry] = {
                place: self.images.pop(place) for place in list(self.images) if place[0] == repository
            }
            self.promises = {place: until for place, until in self.promises.items() if place[0] != repository}

    async def restore(self, _: Repository, number: int) -> None:
        if self.kept:
            entry = sorted(self.kept)[number % len(self.kept)]
            assert await self.tables.trash.restore(await self.registry_id, entry, "ann") is not None
            self.images |= self.kept.pop(entry)

    async def free(self, _: Repository, number: int) -> None:
        if self.kept:
            entry = sorted(self.kept)[number % len(self.kept)]
            assert await self.tables.trash.expire(await self.registry_id, entry)
            del self.kept[entry]

    async def empty(self, _: Repository, __: object) -> None:
        await self.tables.trash.empty(1)

    async def check(self) -> None:
        """What was deleted is whole too, but for whoever asks by its name."""
        await super().check()
        for entry, took in self.kept.items():
            for (repository, image), needed in took.items():
                hidden = Repository(hidden_address(entry), repository.path)
                assert await self.tables.manifests.find(hidden, image) is not None
                for digest in needed:
                    await self.check_blob(hidden, digest)
                if (repository, image) not in self.images:
                    assert await self.tables.manifests.find(repository, image) is None

    async def check_end(self) -> None:
        """Freed, everything leaves the disk."""
        for repository in (APP, OTHER):
            await self.delete_repository(repository, None)
        await self.tables.trash.expire(await self.registry_id)
        while await self.tables.trash.empty(1):
            pass
        await super().check_end()


@settings(max_examples=60)
@given(walk=walks)
def test_what_is_deleted_can_be_restored_whatever_happens_meanwhile(
    empty_sqlite: Path, walk: list[tuple[str, tuple[Repository, Any]]]
) -> None:
    async def run(path: Path) -> None:
        database = SQLite(path)
        await database.start()
        try:
            model = Keeper(tables_of(database))
            await model.tables.registry("DMC")
            await model.tables.registries.update("dmc", {"trash_days": 14})
            for name, (repository, what) in walk:
                await model.step(name, repository, what)
            await model.check_end()
        finally:
            await database.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(shutil.copy(empty_sqlite, folder))))
