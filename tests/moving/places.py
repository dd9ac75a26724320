"""Where a Moorage can be, what is in it there, and a move from one place to another."""

import itertools
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from moorage.app.databases import bulk_of
from moorage.app.keeping import Keeping
from moorage.app.moving import move
from moorage.app.services import Services
from moorage.app.stores import open_store
from moorage.blobstore import blob_key
from moorage.domain.access import Caller
from moorage.domain.digest import Algorithm, Digest, algorithm_of, digest_of
from moorage.domain.name import parse_repository
from moorage.domain.retention import Rule
from moorage.domain.upload import Piece
from moorage.metastore.migrations import migrate
from moorage.metastore.moving import TABLES, OneMoment
from moorage.metastore.tables import blobs, clock, discarded, uploads
from moorage.services.move import Report
from moorage.services.retention_records import RuleChanges
from moorage.settings import Settings, load
from moorage.settings.destination import load_destination
from tests.permissions.house import open_house
from tests.postgres import Cluster
from tests.s3_servers import PASSWORD, USER, S3Server

LARGE = bytes(range(256)) * 40_000
"""More than a bucket takes in one request."""

ADMIN = Caller(user_id=0, name="admin", is_admin=True)

_prefixes = itertools.count()

Said = dict[str, str]
"""Settings by their names in the environment, without what they begin with."""


def in_folder(folder: Path) -> Said:
    """Return a place in a folder: SQLite and files."""
    return {"DATA": str(folder)}


def in_postgres(cluster: Cluster) -> Said:
    """Return an empty database."""
    return {"DATABASE_URL": cluster.empty()}


def in_bucket(server: S3Server) -> Said:
    """Return an unused part of a bucket."""
    return {
        "STORAGE_URL": f"s3://moorage/moved/{next(_prefixes)}",
        "S3_ENDPOINT": server.endpoint,
        "S3_ACCESS_KEY_ID": USER,
        "S3_SECRET_ACCESS_KEY": PASSWORD,
    }


def settings_of(said: Said) -> Settings:
    """Return the settings of a server there."""
    return load({}, {f"MOORAGE_{name}": value for name, value in said.items()})


class Quiet:
    """Progress that adds up."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self._what = ""

    def begin(self, what: str, total: int) -> None:
        del total
        self._what = what
        self.done[what] = 0

    def advance(self, count: int) -> None:
        self.done[self._what] += count


async def moved(source: Settings, to: Said, *, reads_again: bool = False) -> tuple[Settings, Report]:
    """Move a Moorage, and return what a server there has for settings, and the report."""
    destination = load_destination(source, None, {f"MOORAGE_TO_{name}": value for name, value in to.items()})
    return destination, await move(source, destination, Quiet(), reads_again=reads_again)


@cache
def facts() -> frozenset[str]:
    """Return the tables that a server fills; what migrations put into others is each database's own."""
    with TemporaryDirectory() as folder:
        settings = settings_of(in_folder(Path(folder)))
        assert settings.database_file is not None
        migrate(settings.database_file)
        with bulk_of(settings).read() as connection:
            filled = {table.name for table in TABLES if connection.execute(select(table)).first() is not None}
    return frozenset({table.name for table in TABLES} - filled | {clock.name})


async def rows_of(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows but what is the store's own affair: places, and what is under way in it."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with bulk_of(settings).read() as connection:
        for table in TABLES:
            if table.name in facts() and table not in {uploads, discarded}:
                columns = [column for column in table.columns if column is not blobs.c.place]
                rows = connection.execute(select(*columns).order_by(*table.primary_key)).all()
                found[table.name] = [tuple(row) for row in rows]
    return found


async def digests_of(settings: Settings) -> set[Digest]:
    """Return the digests of all linked blobs, computed from the bytes that the store has of them."""
    found = set()
    with bulk_of(settings).read() as connection:
        linked = await OneMoment(bulk_of(settings), connection).blobs("", 1_000_000)
    async with open_store(settings) as store:
        for blob in linked:
            content = b"".join([piece async for piece in store.read(blob.place, 0, blob.size)])
            found.add(digest_of(content, algorithm_of(blob.digest)))
        assert found == {blob.digest for blob in linked}
    return found


async def check_same(one: Settings, other: Settings) -> None:
    """Fail unless all rows are equal, and every blob is there with the bytes that its digest says."""
    before, after = await rows_of(one), await rows_of(other)
    for table, rows in before.items():
        assert after[table] == rows, table
    assert await digests_of(other) == await digests_of(one)


async def push(services: Services, name: str, content: bytes, algorithm: Algorithm = Algorithm.SHA256) -> Digest:
    """Push a blob."""

    async def body() -> AsyncIterator[bytes]:
        yield content

    repository, digest = parse_repository(name), digest_of(content, algorithm)
    upload = await services.uploads.begin(ADMIN, repository, algorithm)
    await services.uploads.finish(ADMIN, repository, upload.id, digest, Piece(0, len(content)), body())
    return digest


async def quarantine(services: Services, folder: Path) -> None:
    """Let a verification find a blob missing that comes back after it."""
    digest = await push(services, "dmc/team/app", b"quarantined")
    path = folder / blob_key(digest)
    path.unlink()
    await services.keeping.verify.run(ADMIN, Quiet(), 1)
    path.write_bytes(b"quarantined")


async def _keep(keeping: Keeping, image: Digest) -> None:
    """Let a rule run that has something coming of age, beside an image that is pulled and pinned."""
    repository = parse_repository("dmc/team/app")
    keeping.image_pulls.note(repository, image, "mara")
    await keeping.image_pulls.flush()
    await keeping.pins.put(ADMIN, repository, image, "runs", None)
    made = await keeping.retention.create(ADMIN, "dmc", "Month", Rule(pushed_days=30))
    await keeping.retention.preview(ADMIN, "dmc", made.id)
    await keeping.retention.change(ADMIN, "dmc", made.id, RuleChanges(is_paused=False))
    await keeping.retention_runs.run(ADMIN, "dmc", lambda _: None)


async def fill(folder: Path) -> Settings:
    """Make a Moorage with something in every table, in a folder, and return its settings."""
    async with open_house(folder) as house:
        await house.world.image("dmc/team/app", "large", layer=LARGE)
        await house.world.image("dmc/team/app", "1", layer=b"moved")
        for algorithm in Algorithm:
            await push(house.services, "dmc/team/app", b"", algorithm)
        await quarantine(house.services, folder / "data" / "blobs")
        await house.session("reader")
        await _keep(house.services.keeping, Digest(house.names["image"]))
        await house.services.collect.collect(ADMIN)
        await house.services.keeping.cleanup.only_here(ADMIN)
        await house.services.activity.flush()
    return settings_of(in_folder(folder / "data"))
