"""Collection beside pushes, mounts, promises and deletions, in any order: nothing needed goes, nothing else stays."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.domain.digest import Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import OCI_MANIFEST
from moorage.domain.name import Repository
from moorage.metastore.sqlite import SQLite
from moorage.services.storage_records import Usage
from tests.contracts.conftest import tables_of
from tests.contracts.tables import APP, LEASE, OTHER, Tables

CONTENTS = [b"a", b"bb", b"ccc"]
REPOSITORIES = [APP, OTHER]
Place = tuple[Repository, Digest]

repositories = st.sampled_from(REPOSITORIES)
blobs = st.tuples(repositories, st.sampled_from(CONTENTS))
images = st.tuples(repositories, st.lists(st.sampled_from(CONTENTS), min_size=1, unique=True))
anywhere = st.tuples(st.just(APP), st.none())
STEPS = {
    "push": blobs,
    "promise": blobs,
    "mount": blobs,
    "unlink": blobs,
    "image": images,
    "image of what is here": images,
    "delete image": st.tuples(repositories, st.integers(0, 3)),
    "delete repository": st.tuples(repositories, st.none()),
    "pass": st.tuples(st.just(APP), st.sampled_from([0.1, 0.4, 0.9, 1.2])),
    "expire links": anywhere,
    "sweep": anywhere,
    "collect": anywhere,
}
WEIGHTS = {"image": 2, "pass": 4, "collect": 3, "promise": 2, "delete image": 2}
walks = st.lists(
    st.sampled_from([name for name in STEPS for _ in range(WEIGHTS.get(name, 1))]).flatmap(
        lambda name: st.tuples(st.just(name), STEPS[name])
    ),
    min_size=12,
    max_size=40,
)


@dataclass
class Model:
    """What was promised: images that were acknowledged, and blobs until when, in leases since the beginning."""

    tables: Tables
    now: float = 0.0
    stored: set[Digest] = field(default_factory=set)
    images: dict[Place, set[Digest]] = field(default_factory=dict)
    promises: dict[Place, float] = field(default_factory=dict)

    async def step(self, name: str, repository: Repository, what: Any) -> None:  # noqa: ANN401  as STEPS says
        """Do one thing."""
        method = getattr(self, "pass_time" if name == "pass" else name.replace(" ", "_"))
        await method(repository, what)
        await self.check()

    async def push(self, repository: Repository, content: bytes) -> None:
        digest = await self.tables.blob(repository, content)
        self.stored.add(digest)
        self.promises[repository, digest] = self.now + 1

    async def promise(self, repository: Repository, content: bytes) -> None:
        blob = await self.tables.blobs.find(repository, digest_of(content))
        if blob is not None and (not blob.needs_lease or await self.tables.blobs.renew(blob)):
            # A lease is renewed when a twenty-fourth of it has passed, so that not every look is a write.
            self.promises[repository, blob.digest] = self.now + 23 / 24

    async def mount(self, source: Repository, content: bytes) -> None:
        (target,) = set(REPOSITORIES) - {source}
        blob = await self.tables.blobs.find(source, digest_of(content))
        if blob is not None and await self.tables.blobs.mount(blob, target):
            self.promises[target, blob.digest] = self.now + 1

    async def unlink(self, repository: Repository, content: bytes) -> None:
        digest = digest_of(content)
        error = await refusal(self.tables.blobs.unlink(repository, digest))
        if any(digest in needed for (place, _), needed in self.images.items() if place == repository):
            assert error is ErrorCode.IN_USE
        else:
            assert error is None
            self.promises.pop((repository, digest), None)

    async def image(self, repository: Repository, contents: Sequence[bytes]) -> None:
        for content in contents:
            await self.push(repository, content)
        await self.image_of_what_is_here(repository, contents)
        assert any(place == repository for place, _ in self.images)

    async def image_of_what_is_here(self, repository: Repository, contents: Sequence[bytes]) -> None:
        layers = [{"digest": digest_of(content), "size": len(content)} for content in contents]
        document = {"config": layers[0], "layers": layers}
        error = await refusal(self.tables.put(repository, document, OCI_MANIFEST))
        if error is None:
            self.images[repository, digest_of(json.dumps(document).encode())] = {digest_of(one) for one in contents}
        else:
            assert error is ErrorCode.MANIFEST_BLOB_UNKNOWN

    async def delete_image(self, repository: Repository, number: int) -> None:
        here = [image for place, image in self.images if place == repository]
        if here:
            image = here[number % len(here)]
            assert await self.tables.manifests.delete(repository, image, "ann")
            del self.images[repository, image]

    async def delete_repository(self, repository: Repository, _: object) -> None:
        if await self.tables.catalog.delete(repository, None, (), "ann") is not None:
            self.images = {place: needed for place, needed in self.images.items() if place[0] != repository}
            self.promises = {place: until for place, until in self.promises.items() if place[0] != repository}

    async def pass_time(self, _repository: Repository, leases: float) -> None:
        self.now += leases
        await self.tables.garbage.tick(leases * LEASE)

    async def collect(self, _repository: Repository, _: object) -> None:
        await self.tables.collect()
        self.forget()

    async def expire_links(self, _repository: Repository, _: object) -> None:
        await self.tables.garbage.expire_links(2)

    async def sweep(self, _repository: Repository, _: object) -> None:
        await self.tables.garbage.sweep(2, self.tables.discarded.extend)
        self.forget()

    def forget(self) -> None:
        """Take note of what collections took away."""
        self.stored.difference_update(self.tables.discarded)
        self.tables.discarded.clear()

    async def check(self) -> None:
        """Everything that was acknowledged is there, with its bytes."""
        for (repository, image), needed in self.images.items():
            assert await self.tables.manifests.find(repository, image) is not None
            for digest in needed:
                await self.check_blob(repository, digest)
        for (repository, digest), until in self.promises.items():
            if self.now < until:
                await self.check_blob(repository, digest)

    async def check_blob(self, repository: Repository, digest: Digest) -> None:
        assert await self.tables.blobs.find(repository, digest) is not None
        assert digest in self.stored

    async def check_end(self) -> None:
        """Once everything is deleted, one way or the other, and every lease has passed, nothing is left."""
        await self.delete_repository(APP, None)
        while self.images:
            await self.delete_image(OTHER, 0)
        for _ in range(3):
            await self.pass_time(APP, 1.1)
            await self.collect(APP, None)
        assert self.stored == set()
        assert await self.tables.garbage.usage() == Usage(stored=0, linked=0, waiting=0, uploads=0)


async def refusal(doing: Awaitable[object]) -> ErrorCode | None:
    try:
        await doing
    except MoorageError as error:
        return error.error
    return None


@settings(max_examples=50)
@given(walk=walks)
def test_collection_takes_what_nothing_needs_and_nothing_else(
    empty_sqlite: Path, walk: list[tuple[str, tuple[Repository, Any]]]
) -> None:
    async def run(path: Path) -> None:
        database = SQLite(path)
        await database.start()
        try:
            model = Model(tables_of(database))
            await model.tables.registry("DMC")
            for name, (repository, what) in walk:
                await model.step(name, repository, what)
            await model.check_end()
        finally:
            await database.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(shutil.copy(empty_sqlite, folder))))
