"""A backup of any database and store is restored into any other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from moorage.app.services import open_services
from moorage.domain.errors import MoorageError
from moorage.settings import Settings
from tests.backup.places import back_up, listed, place_of, restored, verified
from tests.management.world import World
from tests.moving.places import (
    ADMIN,
    LARGE,
    Said,
    check_same,
    digests_of,
    in_bucket,
    in_folder,
    in_postgres,
    moved,
    push,
    settings_of,
)
from tests.postgres import Cluster
from tests.s3_servers import COMMANDS, S3Server

S3 = Callable[[str], S3Server]
Places = Callable[[str], Said]

SERVERS = [pytest.mark.servers, pytest.mark.clients]
COMBINATIONS = [
    pytest.param("sqlite+files", id="sqlite+files"),
    pytest.param("postgresql+files", id="postgresql+files", marks=SERVERS),
    pytest.param("sqlite+bucket", id="sqlite+bucket", marks=SERVERS),
    pytest.param("postgresql+bucket", id="postgresql+bucket", marks=SERVERS),
]


@pytest.fixture
def places(tmp_path: Path, request: pytest.FixtureRequest) -> Places:
    """Return what names an empty place for a server, by the kinds of its database and its store."""

    def empty(kinds: str) -> Said:
        said = in_folder(tmp_path / f"empty-{kinds}")
        if "postgresql" in kinds:
            said |= in_postgres(request.getfixturevalue("postgres"))
        if "bucket" in kinds:
            said |= in_bucket(request.getfixturevalue("s3_servers")("versitygw"))
        return said

    return empty


@pytest.mark.parametrize("to", COMBINATIONS)
@pytest.mark.parametrize("of", COMBINATIONS)
async def test_what_is_backed_up_from_one_is_restored_into_another(
    source: Settings, tmp_path: Path, places: Places, of: str, to: str
) -> None:
    here = source
    if of != "sqlite+files":
        here, _ = await moved(source, places(of) | {"DATA": str(tmp_path / "here")})
    place = place_of(tmp_path / "backups")
    made = await back_up(here, place)
    assert (made.report.damaged, made.report.damaged_images) == ((), ())
    there = settings_of(places(to))
    back = await restored(place, there)
    assert (back.report.damaged, back.report.has_rows) == ((), True)
    assert back.report.copied == made.report.contents.blobs
    await check_same(source, there)


@pytest.mark.servers
@pytest.mark.clients
@pytest.mark.parametrize("name", list(COMMANDS))
async def test_a_bucket_holds_backups_as_a_folder_does(
    source: Settings, tmp_path: Path, postgres: Cluster, s3_servers: S3, name: str
) -> None:
    place = place_of(in_bucket(s3_servers(name)))
    first = await back_up(source, place)
    async with open_services(source) as services:
        await World(services).image("dmc/team/app", "new", layer=b"pushed since")
    second = await back_up(source, place)
    assert (second.report.copied, second.report.already_there) == (1, first.report.contents.blobs)
    assert [manifest.name for manifest in await listed(place)] == [first.manifest.name, second.manifest.name]
    assert (await verified(place)).damaged == ()
    there = settings_of({**in_folder(tmp_path / "there"), **in_postgres(postgres)})
    await restored(place, there)
    await check_same(source, there)
    third = await back_up(source, place, keep=1)
    assert third.pruned.backups == (first.manifest.name, second.manifest.name)
    assert (await verified(place)).damaged == ()
    again = settings_of(in_folder(tmp_path / "again"))
    await restored(place, again)
    await check_same(source, again)


async def test_the_restored_server_goes_on_where_the_other_was(source: Settings, tmp_path: Path) -> None:
    async with open_services(source) as services:
        added = await services.accounts.add(ADMIN, "passing", "correct horse battery")
        await services.accounts.delete(ADMIN, "passing")
        login = await services.accounts.sign_in("reader", "correct horse battery")
        assert login is not None
        keys = await services.keys.list(ADMIN)
    place, there = place_of(tmp_path / "backups"), settings_of(in_folder(tmp_path / "there"))
    await back_up(source, place)
    await restored(place, there)
    async with open_services(there) as services:
        assert await services.accounts.session(login[0]) is not None
        assert await services.accounts.sign_in("reader", "correct horse battery") is not None
        assert await services.keys.list(ADMIN) == keys
        # An id that was given once may stand in a token somewhere: nobody else gets it.
        assert (await services.accounts.add(ADMIN, "next", "correct horse battery")).id > added.id
        await services.registries.create(ADMIN, "Next")
        await push(services, "next/app", LARGE)
        await services.collect.collect()
    assert len(await digests_of(there)) > 5


async def test_files_of_the_data_folder_come_along_and_replace_none(source: Settings, tmp_path: Path) -> None:
    (source.data / "tls").mkdir(exist_ok=True)
    (source.data / "tls" / "ca.key").write_bytes(b"a secret")
    (source.data / "directories.toml").write_bytes(b"# none")
    place, there = place_of(tmp_path / "backups"), settings_of(in_folder(tmp_path / "there"))
    await back_up(source, place)
    there.data.mkdir()
    (there.data / "directories.toml").write_bytes(b"# mine")
    back = await restored(place, there)
    assert back.kept == ("directories.toml",)
    assert (there.data / "directories.toml").read_bytes() == b"# mine"
    assert (there.data / "tls" / "ca.key").read_bytes() == b"a secret"
    assert (there.data / "tls" / "ca.key").stat().st_mode & 0o777 == 0o600


async def test_the_source_is_no_place_for_its_own_backups(source: Settings) -> None:
    with pytest.raises(MoorageError, match="is not empty, and no place of backups"):
        await back_up(source, place_of(source.data))
