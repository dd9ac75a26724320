"""Every implementation of the ports, one beside the other: a suite runs once for each.

A fixture named `open_…` opens one more view of the same place, as a second process of the server has.
"""

import itertools
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from moorage.blobstore.filesystem import FileBlobStore
from moorage.blobstore.s3.store import S3BlobStore
from moorage.metastore.access_tokens import AccessTokenTable
from moorage.metastore.accounts import AccountTable
from moorage.metastore.activity import ActivityTable
from moorage.metastore.blobs import BlobTable
from moorage.metastore.catalog import CatalogTable
from moorage.metastore.collect import GarbageTable
from moorage.metastore.grants import GrantTable
from moorage.metastore.groups import GroupTable
from moorage.metastore.history import TagHistoryTable
from moorage.metastore.identities import IdentityTable
from moorage.metastore.keys import KeyTable
from moorage.metastore.leftovers import StrayTable
from moorage.metastore.letting_go import RetentionTable
from moorage.metastore.manifests import ManifestTable
from moorage.metastore.migrations import migrate
from moorage.metastore.pins import ImagePullTable, PinTable
from moorage.metastore.postgres import PostgreSQL
from moorage.metastore.registries import RegistryTable
from moorage.metastore.registry_trash import RegistryTrashTable
from moorage.metastore.retention import RetentionRuleTable
from moorage.metastore.retention_line import RetentionLineTable
from moorage.metastore.retention_runs import RetentionRunTable
from moorage.metastore.robots import RobotTable
from moorage.metastore.rounds import RoundTable
from moorage.metastore.run_trash import RunTrashTable
from moorage.metastore.sqlite import SQLite
from moorage.metastore.tags import TagTable
from moorage.metastore.trash import TrashTable
from moorage.metastore.uploads import UploadTable
from moorage.metastore.verify import ContentsTable, DamageTable
from moorage.services.store_port import BlobStore
from tests.contracts.tables import LEASE, OpenTables, Tables
from tests.s3_servers import COMMANDS, S3Server

OpenStore = Callable[[], BlobStore]
Opened = SQLite | PostgreSQL


PLACES = ["filesystem", *(pytest.param(name, marks=pytest.mark.clients) for name in COMMANDS)]
_prefixes = itertools.count()


@pytest.fixture(params=PLACES)
async def open_store(
    request: pytest.FixtureRequest, tmp_path: Path, s3_servers: Callable[[str], S3Server]
) -> AsyncIterator[OpenStore]:
    async with AsyncExitStack() as opened:
        prefix = f"prefix/{next(_prefixes)}"

        def open_files() -> BlobStore:
            store = FileBlobStore(tmp_path / "blobs", threads=2)
            opened.callback(store.close)
            return store

        def open_bucket() -> BlobStore:
            store = S3BlobStore(s3_servers(request.param).bucket("moorage", prefix), 32 << 20, threads=2)
            opened.push_async_callback(store.close)
            return store

        yield open_files if request.param == "filesystem" else open_bucket


@pytest.fixture
def store(open_store: OpenStore) -> BlobStore:
    return open_store()


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database file with all tables and nothing in them."""
    path = tmp_path_factory.mktemp("sqlite") / "moorage.db"
    migrate(path)
    return path


OpenDatabase = Callable[[], Opened]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def open_database(request: pytest.FixtureRequest, tmp_path: Path) -> OpenDatabase:
    """Return what opens an empty database once more."""
    if request.param == "sqlite":
        path = tmp_path / "moorage.db"
        shutil.copy(request.getfixturevalue("empty_sqlite"), path)
        return lambda: SQLite(path)
    url = request.getfixturevalue("postgres").database()
    return lambda: PostgreSQL(url)


@pytest.fixture
async def open_tables(open_database: OpenDatabase) -> AsyncIterator[OpenTables]:
    async with AsyncExitStack() as opened:

        async def open_one() -> Tables:
            database = open_database()
            await database.start()
            opened.push_async_callback(database.close)
            return tables_of(database)

        yield open_one


@pytest.fixture
async def tables(open_tables: OpenTables) -> Tables:
    """Return a view of a database with the registry DMC."""
    tables = await open_tables()
    await tables.registry("DMC")
    return tables


def tables_of(database: Opened) -> Tables:
    """Put the tables over a database."""
    return Tables(
        registries=RegistryTable(database),
        access_tokens=AccessTokenTable(database),
        robots=RobotTable(database),
        accounts=AccountTable(database),
        identities=IdentityTable(database),
        grants=GrantTable(database),
        groups=GroupTable(database),
        uploads=UploadTable(database, LEASE),
        blobs=BlobTable(database, LEASE),
        manifests=ManifestTable(database),
        catalog=CatalogTable(database),
        tags=TagTable(database),
        history=TagHistoryTable(database),
        rules=RetentionRuleTable(database),
        runs=RetentionRunTable(database),
        run_trash=RunTrashTable(database),
        pins=PinTable(database),
        image_pulls=ImagePullTable(database),
        line=RetentionLineTable(database),
        retention=RetentionTable(database),
        trash=TrashTable(database),
        registry_trash=RegistryTrashTable(database),
        garbage=GarbageTable(database),
        activity=ActivityTable(database),
        health=database,
        database=database,
        keys=KeyTable(database),
        contents=ContentsTable(database),
        damages=DamageTable(database),
        rounds=RoundTable(database),
        strays=StrayTable(database),
    )
