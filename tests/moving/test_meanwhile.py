"""What is damaged, in use, half done, or changes while it is copied."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from moorage.app.services import Services, open_services
from moorage.blobstore.filesystem import FileBlobStore
from moorage.domain.digest import Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import parse_repository
from moorage.metastore.moving import MovedSource, OtherDatabase
from moorage.settings import Settings
from tests.management.world import World
from tests.moving.places import ADMIN, LARGE, check_same, digests_of, in_bucket, in_folder, moved, push, rows_of
from tests.s3_servers import S3Server

LARGE_DIGEST = digest_of(LARGE)


def file_of(settings: Settings, digest: Digest) -> Path:
    """Return where a blob lies."""
    assert isinstance(settings.blobs, Path)
    encoded = digest.partition(":")[2]
    return settings.blobs / "sha256" / encoded[:2] / encoded


def corrupt(file: Path) -> None:
    """Change a byte."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


class KilledError(BaseException):
    """Nobody catches it."""


async def killed(*_: object, **__: object) -> None:
    raise KilledError


async def collect(services: Services) -> None:
    """Collect what nothing needs, when all leases have ended."""
    for _ in range(2):
        await services.collect.tick(1_000_000)
        await services.collect.collect()


async def test_a_second_run_copies_what_has_come_since(source: Settings, tmp_path: Path) -> None:
    await moved(source, in_folder(tmp_path / "there"))
    async with open_services(source) as services:
        await World(services).image("dmc/team/app", "new", layer=b"pushed since")
        await services.catalog.delete_repository(ADMIN, parse_repository("alt/own/app"))
    there, report = await moved(source, in_folder(tmp_path / "there"))
    await check_same(source, there)
    assert (report.copied, report.already_there) == (1, report.contents.blobs - 1)


async def test_damaged_content_is_named_and_left_out_and_the_rest_goes_on(source: Settings, tmp_path: Path) -> None:
    corrupt(file_of(source, LARGE_DIGEST))
    file_of(source, digest_of(b"moved")).unlink()
    there, report = await moved(source, in_folder(tmp_path / "there"))
    assert {damage.digest: damage.images for damage in report.damaged} == {
        LARGE_DIGEST: ("dmc/team/app:large",),
        digest_of(b"moved"): ("dmc/team/app:1",),
    }
    assert report.copied == report.contents.blobs - 2
    assert await rows_of(there) == await rows_of(source)
    assert not file_of(there, LARGE_DIGEST).exists()
    assert list((tmp_path / "there" / "blobs" / "uploads").iterdir()) == []
    # A push heals it, at the source before the next run or there after it.
    file_of(source, LARGE_DIGEST).write_bytes(LARGE)
    _, report = await moved(source, in_folder(tmp_path / "there"))
    assert [damage.digest for damage in report.damaged] == [digest_of(b"moved")]
    assert report.copied == 1
    async with open_services(there) as services:
        await push(services, "dmc/team/app", b"moved")
    await digests_of(there)


async def test_an_image_that_is_not_what_its_digest_says_is_named(source: Settings, tmp_path: Path) -> None:
    image = parse_repository("dmc/team/app")
    async with open_services(source) as services:
        found = await services.manifests.get(image, "large")
    assert source.database_file is not None
    with closing(sqlite3.connect(source.database_file)) as database:
        database.execute("UPDATE manifests SET body = CAST(body || ' ' AS BLOB) WHERE digest = ?", [found.digest])
        database.commit()
    _, report = await moved(source, in_folder(tmp_path / "there"))
    assert report.damaged_images == (f"{image}@{found.digest}",)
    assert report.damaged == ()


async def test_damage_at_the_destination_is_found_by_reading_back_and_copied_again(
    source: Settings, tmp_path: Path
) -> None:
    there, _ = await moved(source, in_folder(tmp_path / "there"))
    corrupt(file_of(there, LARGE_DIGEST))
    file_of(there, digest_of(b"moved")).unlink()
    _, report = await moved(source, in_folder(tmp_path / "there"))
    assert report.copied == 1
    _, report = await moved(source, in_folder(tmp_path / "there"), reads_again=True)
    assert (report.copied, report.already_there) == (1, report.contents.blobs - 1)
    await check_same(source, there)


async def test_blobs_that_stay_are_read_when_that_is_asked_for(source: Settings, tmp_path: Path) -> None:
    corrupt(file_of(source, LARGE_DIGEST))
    to = {"DATABASE_URL": f"sqlite:///{tmp_path / 'there.db'}"}
    assert (await moved(source, to))[1].damaged == ()
    _, report = await moved(source, to, reads_again=True)
    assert [damage.digest for damage in report.damaged] == [LARGE_DIGEST]


async def test_a_destination_that_somebody_has_written_to_is_not_overwritten(source: Settings, tmp_path: Path) -> None:
    there, _ = await moved(source, in_folder(tmp_path / "there"))
    async with open_services(there) as services:
        await services.registries.create(ADMIN, "Theirs")
    before = await rows_of(there)
    with pytest.raises(MoorageError) as refused:
        await moved(source, in_folder(tmp_path / "there"))
    assert refused.value.error is ErrorCode.IN_USE
    assert await rows_of(there) == before


async def test_a_destination_where_a_server_ran_is_in_use_even_if_it_did_nothing(
    source: Settings, tmp_path: Path
) -> None:
    there, _ = await moved(source, in_folder(tmp_path / "there"))
    async with open_services(there) as services:
        await services.collect.tick(60)
    with pytest.raises(MoorageError, match="in use"):
        await moved(source, in_folder(tmp_path / "there"))


async def test_what_a_run_was_at_when_it_was_killed_is_gone_after_the_next(
    source: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cls, name in ((FileBlobStore, "commit"), (OtherDatabase, "arrived"), (OtherDatabase, "take")):
        with monkeypatch.context() as patch:
            patch.setattr(cls, name, killed)
            with pytest.raises(KilledError):
                await moved(source, in_folder(tmp_path / "there"))
    there, report = await moved(source, in_folder(tmp_path / "there"))
    assert report.already_there == report.contents.blobs
    assert list((tmp_path / "there" / "blobs" / "uploads").iterdir()) == []
    await check_same(source, there)


@pytest.mark.clients
async def test_what_a_run_was_at_when_it_was_killed_is_gone_from_a_bucket_after_the_next(
    source: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_servers: Callable[[str], S3Server]
) -> None:
    server = s3_servers("versitygw")
    to = {**in_folder(tmp_path / "there"), **in_bucket(server)}
    with monkeypatch.context() as patch:
        patch.setattr(OtherDatabase, "arrived", killed)
        with pytest.raises(KilledError):
            await moved(source, to)
    there, report = await moved(source, to)
    await check_same(source, there)
    root = server.folder / to["STORAGE_URL"].removeprefix("s3://")
    assert len([path for path in root.rglob("*") if path.is_file()]) == report.contents.blobs


async def test_content_collected_while_it_is_copied_is_not_missed(
    source: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_services(source) as services:
        ensure, is_first = FileBlobStore.ensure, iter([True])

        async def ensured(self: FileBlobStore, place: str, size: int) -> None:
            if next(is_first, False):
                await services.catalog.delete_repository(ADMIN, parse_repository("dmc/team/app"))
                await collect(services)
            await ensure(self, place, size)

        monkeypatch.setattr(FileBlobStore, "ensure", ensured)
        there, report = await moved(source, in_folder(tmp_path / "there"))
    assert report.damaged == ()
    assert not file_of(source, LARGE_DIGEST).exists()
    await check_same(source, there)


async def test_rows_are_of_a_moment_whose_content_is_all_there(
    source: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = digest_of(b"passing")
    async with open_services(source) as services:
        ensure, is_first = FileBlobStore.ensure, iter([True])

        async def pushed(_: MovedSource) -> bool:
            await World(services).image("dmc/passing", "1", layer=b"passing")
            return False

        async def ensured(self: FileBlobStore, place: str, size: int) -> None:
            if place == passing and next(is_first, False):
                await services.catalog.delete_repository(ADMIN, parse_repository("dmc/passing"))
                await collect(services)
            await ensure(self, place, size)

        monkeypatch.setattr(MovedSource, "stands_still", pushed)
        monkeypatch.setattr(FileBlobStore, "ensure", ensured)
        there, report = await moved(source, in_folder(tmp_path / "there"))
    assert (report.damaged, report.is_last) == ((), False)
    assert next(is_first, None) is None
    await check_same(source, there)


async def test_a_store_that_is_gone_ends_the_run_and_is_no_damage(
    source: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_services(source) as services:
        for number in range(30):
            await push(services, "dmc/team/app", b"%d" % number)

    async def gone(*words: object) -> AsyncIterator[bytes]:
        if words:
            raise MoorageError(ErrorCode.UNAVAILABLE, "the store does not answer")
        yield b""

    with monkeypatch.context() as patch:
        patch.setattr(FileBlobStore, "read", gone)
        with pytest.raises(MoorageError, match="does not answer"):
            await moved(source, in_folder(tmp_path / "there"))
    there, _ = await moved(source, in_folder(tmp_path / "there"))
    await check_same(source, there)
