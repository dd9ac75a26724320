"""Everything comes along, to whatever database and store, and back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table

from moorage.app.services import open_services
from moorage.domain.digest import Algorithm
from moorage.domain.errors import MoorageError
from moorage.domain.name import parse_repository
from moorage.metastore.bulk import Values
from moorage.metastore.bulk_postgres import PostgresBulk
from moorage.settings import Settings
from tests.management.world import World
from tests.moving.places import (
    ADMIN,
    LARGE,
    check_same,
    digests_of,
    in_bucket,
    in_folder,
    in_postgres,
    moved,
    push,
    rows_of,
    settings_of,
)
from tests.postgres import Cluster
from tests.s3_servers import COMMANDS, S3Server

S3 = Callable[[str], S3Server]


async def test_what_is_moved_here_has_something_in_every_table(source: Settings) -> None:
    assert [table for table, rows in (await rows_of(source)).items() if not rows] == []


async def test_a_folder_is_moved_to_another(source: Settings, tmp_path: Path) -> None:
    there, report = await moved(source, in_folder(tmp_path / "there"))
    await check_same(source, there)
    assert (report.damaged, report.is_last, report.has_rows) == ((), True, True)
    assert report.copied == report.contents.blobs > 5


@pytest.mark.servers
@pytest.mark.clients
@pytest.mark.parametrize("name", list(COMMANDS))
async def test_files_and_sqlite_are_moved_to_a_bucket_and_postgresql_and_back(
    source: Settings, tmp_path: Path, postgres: Cluster, s3_servers: S3, name: str
) -> None:
    there, report = await moved(source, {**in_postgres(postgres), **in_bucket(s3_servers(name))}, reads_again=True)
    await check_same(source, there)
    assert report.damaged == ()
    back, report = await moved(there, in_folder(tmp_path / "back"))
    await check_same(source, back)
    assert report.copied == report.contents.blobs


@pytest.mark.servers
@pytest.mark.clients
async def test_a_bucket_is_moved_to_another_and_postgresql_to_another(
    source: Settings, postgres: Cluster, s3_servers: S3
) -> None:
    here, _ = await moved(source, {**in_postgres(postgres), **in_bucket(s3_servers("versitygw"))})
    there, _ = await moved(here, {**in_postgres(postgres), **in_bucket(s3_servers("minio"))})
    await check_same(source, there)


@pytest.mark.servers
async def test_the_database_alone_is_moved_and_blobs_stay(source: Settings, postgres: Cluster) -> None:
    there, report = await moved(source, in_postgres(postgres))
    assert there.blobs == source.blobs
    assert report.copied == report.already_there == 0
    await check_same(source, there)


@pytest.mark.servers
async def test_text_that_postgresql_has_no_character_for_keeps_nothing_from_moving(
    source: Settings, postgres: Cluster
) -> None:
    async with open_services(source) as services:
        image = await World(services).image("dmc/team/app", "odd", artifactType="a\0b")
    there, report = await moved(source, in_postgres(postgres))
    assert (report.damaged, report.damaged_images) == ((), ())
    (types,) = [row for row in (await rows_of(there))["manifests"] if image in row]
    assert "a\ufffdb" in types


@pytest.mark.clients
async def test_the_blobs_alone_are_moved_and_the_database_learns_where_they_are(
    source: Settings, tmp_path: Path, s3_servers: S3
) -> None:
    before = await rows_of(source)
    there, report = await moved(source, in_bucket(s3_servers("minio")))
    assert there.database_file == source.database_file
    assert report.copied == report.contents.blobs
    assert await rows_of(there) == before
    assert len(await digests_of(there)) == report.contents.blobs
    folder = {"STORAGE_URL": f"file://{tmp_path / 'blobs'}"}
    back, report = await moved(there, folder)
    assert await rows_of(back) == before
    assert len(await digests_of(back)) == report.copied == report.contents.blobs


PLACES = ["folder", pytest.param("postgresql", marks=pytest.mark.servers)]


@pytest.mark.parametrize("kind", PLACES)
async def test_the_server_there_goes_on_where_the_other_stopped(
    source: Settings, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    to = in_folder(tmp_path / "there")
    if kind == "postgresql":
        to |= in_postgres(request.getfixturevalue("postgres"))
    async with open_services(source) as services:
        added = await services.accounts.add(ADMIN, "passing", "correct horse battery")
        await services.accounts.delete(ADMIN, "passing")
        login = await services.accounts.sign_in("reader", "correct horse battery")
        assert login is not None
        keys = await services.keys.list(ADMIN)
    there, _ = await moved(source, to)
    async with open_services(there) as services:
        session = await services.accounts.session(login[0])
        assert session is not None
        assert await services.keys.list(ADMIN) == keys
        # An id that was given once may stand in a token somewhere: nobody else gets it.
        assert (await services.accounts.add(ADMIN, "next", "correct horse battery")).id > added.id
        await services.registries.create(ADMIN, "Next")
        await push(services, "next/app", LARGE)
        await services.collect.collect()
    assert len(await digests_of(there)) > 5


@pytest.mark.servers
async def test_the_blobs_of_a_postgresql_are_moved_alone(source: Settings, tmp_path: Path, postgres: Cluster) -> None:
    here, _ = await moved(source, in_postgres(postgres))
    there, report = await moved(here, {"STORAGE_URL": f"file://{tmp_path / 'blobs'}"})
    assert there.database_url == here.database_url
    assert report.copied == report.contents.blobs
    await check_same(source, there)


@pytest.mark.servers
async def test_one_database_under_two_names_is_no_destination(source: Settings, postgres: Cluster) -> None:
    to = in_postgres(postgres)
    await moved(source, to)
    here = settings_of({**in_folder(source.data), **to})
    with pytest.raises(MoorageError, match="one and the same"):
        await moved(here, {"DATABASE_URL": to["DATABASE_URL"].replace("127.0.0.1", "localhost")})
    await check_same(source, here)


@pytest.mark.servers
async def test_a_database_that_goes_away_in_the_middle_has_what_it_had(
    source: Settings, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = in_postgres(postgres)
    there, _ = await moved(source, to)
    before = await rows_of(there)
    async with open_services(source) as services:
        await services.registries.create(ADMIN, "Since")
    insert = PostgresBulk.insert

    def interrupted(self: PostgresBulk, connection: Connection, table: Table, rows: Values) -> None:
        if table.name == "tags":
            postgres.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in trans%'")
        insert(self, connection, table, rows)

    with monkeypatch.context() as patch:
        patch.setattr(PostgresBulk, "insert", interrupted)
        with pytest.raises(MoorageError, match="the database does not answer"):
            await moved(source, to)
    assert await rows_of(there) == before
    await moved(source, to)
    await check_same(source, there)


async def test_uploads_under_way_are_begun_again_at_another_store(source: Settings, tmp_path: Path) -> None:
    async with open_services(source) as services:
        begun = await services.uploads.begin(ADMIN, parse_repository("dmc/team/app"), Algorithm.SHA256)
    there, _ = await moved(source, in_folder(tmp_path / "there"))
    async with open_services(there) as services:
        with pytest.raises(MoorageError):
            await services.uploads.get(ADMIN, parse_repository("dmc/team/app"), begun.id)
