"""What is new, damaged, half done or in the way, of backups and of what they are restored to."""

from pathlib import Path

import pytest

from moorage.app.services import open_services
from moorage.blobstore.filesystem import FileBlobStore
from moorage.blobstore.folder_shelf import FolderShelf
from moorage.domain.digest import Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import parse_repository
from moorage.metastore.moving import MovedSource, OtherDatabase
from moorage.services.backup_shelf import BackupDamage
from moorage.settings import Settings
from tests.backup.places import back_up, content_in, file_of, listed, place_of, restored, verified
from tests.management.world import World
from tests.moving.places import ADMIN, LARGE, check_same, in_folder, push, rows_of, settings_of
from tests.moving.test_meanwhile import KilledError, collect, corrupt, killed
from tests.moving.test_meanwhile import file_of as blob_of

LARGE_DIGEST = digest_of(LARGE)


async def test_a_second_backup_copies_only_what_has_come_since(
    source: Settings, place: Settings, folder: Path, there: Settings
) -> None:
    await back_up(source, place)
    before = content_in(folder)
    async with open_services(source) as services:
        await World(services).image("dmc/team/app", "new", layer=b"pushed since")
    made = await back_up(source, place)
    assert made.report.copied == 1
    assert before < content_in(folder)
    await restored(place, there)
    await check_same(source, there)


async def test_a_backup_of_the_same_adds_nothing_but_a_manifest(
    source: Settings, place: Settings, folder: Path
) -> None:
    first = await back_up(source, place)
    before = content_in(folder)
    second = await back_up(source, place)
    assert content_in(folder) - before == {f"backups/{second.manifest.name}.json"}
    assert second.manifest.name > first.manifest.name


async def test_an_older_backup_is_restored_by_its_name(
    source: Settings, place: Settings, there: Settings, tmp_path: Path
) -> None:
    first = await back_up(source, place)
    before = await rows_of(source)
    async with open_services(source) as services:
        await services.catalog.delete_repository(ADMIN, parse_repository("dmc/team/app"))
        await collect(services)
    await back_up(source, place)
    await restored(place, there, name=first.manifest.name)
    assert await rows_of(there) == before
    latest = settings_of(in_folder(tmp_path / "latest"))
    await restored(place, latest)
    await check_same(source, latest)
    with pytest.raises(MoorageError, match="there is no backup 20000101T000000Z here; the newest is"):
        await restored(place, latest, name="20000101T000000Z")


async def test_pruning_removes_what_no_backup_needs_and_nothing_else(
    source: Settings, place: Settings, folder: Path, there: Settings
) -> None:
    async with open_services(source) as services:
        passing = await push(services, "dmc/team/app", b"passing")
        await back_up(source, place)
        await services.catalog.delete_repository(ADMIN, parse_repository("dmc/team/app"))
        await collect(services)
    kept = await back_up(source, place)
    async with open_services(source) as services:
        await push(services, "alt/own/app", b"newest")
    last = await back_up(source, place, keep=2)
    assert [manifest.name for manifest in await listed(place)] == [kept.manifest.name, last.manifest.name]
    assert last.pruned.removed > 2
    assert not file_of(folder, passing).exists()
    assert not file_of(folder, LARGE_DIGEST).exists()
    assert (await verified(place)).damaged == ()
    await restored(place, there)
    await check_same(source, there)


async def test_nothing_is_pruned_when_it_can_not_be_known_what_is_needed(
    source: Settings, place: Settings, folder: Path
) -> None:
    first = await back_up(source, place)
    content = (manifest := folder / "backups" / f"{first.manifest.name}.json").read_bytes()
    corrupt(manifest)
    before = content_in(folder)
    made = await back_up(source, place, keep=1)
    reason = f"the backup {first.manifest.name} is damaged: its manifest is not what it was"
    assert (made.pruned.refused, made.pruned.backups) == (reason, ())
    manifest.write_bytes(content)
    listing = file_of(folder, Digest(made.manifest.blobs.pieces[0].digest))
    corrupt(listing)
    made = await back_up(source, place, keep=2)
    assert made.pruned.refused is not None
    assert f"is damaged: sha256:{listing.name}: its bytes are others" in made.pruned.refused
    assert before < content_in(folder)
    assert len(await listed(place)) == 3


async def test_nothing_is_pruned_when_something_is_damaged(source: Settings, place: Settings) -> None:
    await back_up(source, place)
    async with open_services(source) as services:
        await push(services, "dmc/team/app", b"broken")
    corrupt(blob_of(source, digest_of(b"broken")))
    made = await back_up(source, place, keep=1)
    assert [damage.digest for damage in made.report.damaged] == [digest_of(b"broken")]
    assert made.pruned.backups == ()
    assert len(await listed(place)) == 2


async def test_damage_at_the_source_is_named_and_what_an_earlier_backup_has_counts(
    source: Settings, place: Settings, there: Settings, tmp_path: Path
) -> None:
    other = place_of(tmp_path / "others")
    await back_up(source, place)
    corrupt(blob_of(source, LARGE_DIGEST))
    assert (await back_up(source, place)).report.damaged == ()
    made = await back_up(source, other)
    assert {damage.digest: damage.images for damage in made.report.damaged} == {LARGE_DIGEST: ("dmc/team/app:large",)}
    assert made.manifest.damaged == [LARGE_DIGEST]
    assert (await verified(other)).damaged == ()
    assert not (await restored(other, there)).report.has_rows
    back = await restored(other, there, takes_damaged=True)
    assert [damage.digest for damage in back.report.damaged] == [LARGE_DIGEST]
    assert await rows_of(there) == await rows_of(source)


async def test_a_flipped_byte_of_a_blob_is_named_and_nothing_is_restored_unless_that_is_asked_for(
    source: Settings, place: Settings, folder: Path, there: Settings
) -> None:
    made = await back_up(source, place)
    corrupt(file_of(folder, LARGE_DIGEST))
    file_of(folder, digest_of(b"moved")).unlink()
    found = await verified(place)
    assert {damage.digest for damage in found.damaged} == {LARGE_DIGEST, digest_of(b"moved")}
    assert {damage.backups for damage in found.damaged} == {(made.manifest.name,)}
    refused = (await restored(place, there)).report
    named = {LARGE_DIGEST: ("dmc/team/app:large",), digest_of(b"moved"): ("dmc/team/app:1",)}
    assert {damage.digest: damage.images for damage in refused.damaged} == named
    assert not refused.has_rows
    assert (await rows_of(there))["users"] == []
    back = (await restored(place, there, takes_damaged=True)).report
    assert {damage.digest: damage.images for damage in back.damaged} == named
    assert back.has_rows
    assert await rows_of(there) == await rows_of(source)
    async with open_services(there) as services:
        await push(services, "dmc/team/app", LARGE)
        await push(services, "dmc/team/app", b"moved")
    # A backup that reads what is there makes it whole.
    assert (await back_up(source, place, reads_again=True)).report.copied == 2
    assert (await verified(place)).damaged == ()


async def test_rows_that_are_damaged_are_named_and_nothing_is_restored(
    source: Settings, place: Settings, folder: Path, there: Settings
) -> None:
    made = await back_up(source, place)
    tags = next(table for table in made.manifest.tables if table.name == "tags")
    digest = Digest(tags.pieces[0].digest)
    corrupt(file_of(folder, digest))
    assert (await verified(place)).damaged == (
        BackupDamage(digest, "its bytes are others than its digest says", "rows of tags", (made.manifest.name,)),
    )
    for takes_damaged in (False, True):
        with pytest.raises(MoorageError, match=rf"is damaged: {digest} \(rows of tags\)"):
            await restored(place, there, takes_damaged=takes_damaged)
    assert (await rows_of(there))["users"] == []


@pytest.mark.parametrize("at", [0, 10, -60, -3])
async def test_a_flipped_byte_of_a_manifest_is_noticed(
    source: Settings, place: Settings, folder: Path, there: Settings, at: int
) -> None:
    made = await back_up(source, place)
    file = folder / "backups" / f"{made.manifest.name}.json"
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    with pytest.raises(MoorageError, match="is damaged: its manifest is not what it was"):
        await restored(place, there)
    assert (await verified(place)).unreadable == (
        f"the backup {made.manifest.name} is damaged: its manifest is not what it was",
    )


async def test_a_place_that_is_used_is_not_restored_to(source: Settings, place: Settings, there: Settings) -> None:
    await back_up(source, place)
    async with open_services(there) as services:
        await services.registries.create(ADMIN, "Theirs")
    before = await rows_of(there)
    with pytest.raises(MoorageError, match="the database that is restored to is in use") as refused:
        await restored(place, there)
    assert refused.value.error is ErrorCode.IN_USE
    assert await rows_of(there) == before


async def test_a_server_that_is_started_while_blobs_come_keeps_what_it_was_given(
    source: Settings, place: Settings, there: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await back_up(source, place)

    async def started(_: MovedSource) -> bool:
        async with open_services(there) as services:
            await services.registries.create(ADMIN, "Theirs")
        return True

    monkeypatch.setattr(MovedSource, "stands_still", started)
    with pytest.raises(MoorageError, match="the database that is restored to is in use"):
        await restored(place, there)
    async with open_services(there) as services:
        assert (await services.registries.get(ADMIN, "theirs")).name == "Theirs"


async def test_what_is_restored_is_used_once_a_server_has_run_on_it(
    source: Settings, place: Settings, there: Settings
) -> None:
    await back_up(source, place)
    await restored(place, there)
    async with open_services(there) as services:
        await services.collect.tick(60)
    with pytest.raises(MoorageError, match="in use"):
        await restored(place, there)


async def test_a_backup_that_is_killed_leaves_the_earlier_ones_and_the_next_goes_on(
    source: Settings, place: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, there: Settings
) -> None:
    first = await back_up(source, place)
    async with open_services(source) as services:
        await push(services, "dmc/team/app", b"pushed since")
    for cls, name in ((FileBlobStore, "commit"), (FolderShelf, "save")):
        with monkeypatch.context() as patch:
            patch.setattr(cls, name, killed)
            with pytest.raises(KilledError):
                await back_up(source, place)
        assert [manifest.name for manifest in await listed(place)] == [first.manifest.name]
        assert (await verified(place)).damaged == ()
    made = await back_up(source, place)
    assert made.report.already_there == made.report.contents.blobs
    assert list((folder / "content" / "uploads").iterdir()) == []
    await restored(place, there)
    await check_same(source, there)


async def test_a_restoration_that_is_killed_goes_on_where_it_was(
    source: Settings, place: Settings, there: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await back_up(source, place)
    for cls, name in ((FileBlobStore, "commit"), (OtherDatabase, "arrived"), (OtherDatabase, "take")):
        with monkeypatch.context() as patch:
            patch.setattr(cls, name, killed)
            with pytest.raises(KilledError):
                await restored(place, there)
    back = await restored(place, there)
    assert back.report.already_there == back.report.contents.blobs
    await check_same(source, there)
    assert not list(there.data.glob("restoring*"))


async def test_content_that_a_collection_takes_meanwhile_is_not_missed(
    source: Settings, place: Settings, there: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = digest_of(b"passing")
    async with open_services(source) as services:
        ensure, is_first = FileBlobStore.ensure, iter([True])

        async def pushed(_: MovedSource) -> bool:
            await World(services).image("dmc/passing", "1", layer=b"passing")
            return False

        async def ensured(self: FileBlobStore, at: str, size: int) -> None:
            if at == passing and next(is_first, False):
                await services.catalog.delete_repository(ADMIN, parse_repository("dmc/passing"))
                await collect(services)
            await ensure(self, at, size)

        monkeypatch.setattr(MovedSource, "stands_still", pushed)
        monkeypatch.setattr(FileBlobStore, "ensure", ensured)
        made = await back_up(source, place)
    assert made.report.damaged == ()
    assert next(is_first, None) is None
    monkeypatch.undo()
    await restored(place, there)
    await check_same(source, there)


async def test_a_full_disk_is_told_and_earlier_backups_are_whole(
    source: Settings, place: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await back_up(source, place)
    async with open_services(source) as services:
        await push(services, "dmc/team/app", b"pushed since")

    async def full(*_: object) -> None:
        raise MoorageError(ErrorCode.DISK_FULL)

    with monkeypatch.context() as patch:
        patch.setattr(FolderShelf, "put", full)
        with pytest.raises(MoorageError, match="the disk of the backup is full; make room and run it again"):
            await back_up(source, place)
    assert [manifest.name for manifest in await listed(place)] == [first.manifest.name]
    assert (await verified(place)).damaged == ()
    assert (await back_up(source, place)).report.copied == 1


async def test_two_backups_at_once_do_not_mix(
    source: Settings, place: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    async def meanwhile(_: MovedSource) -> bool:
        for another in (place, place_of(tmp_path / "others")):
            with pytest.raises(MoorageError) as refused:
                await back_up(source, another)
            seen.append(refused.value)
        return False

    monkeypatch.setattr(MovedSource, "stands_still", meanwhile)
    await back_up(source, place)
    assert [error.message for error in seen] == ["another backup of this server is at work; wait for it, or end it"] * 2


async def test_a_folder_takes_one_backup_at_a_time(
    source: Settings, place: Settings, tmp_path: Path, there: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await back_up(source, place_of(tmp_path / "others"))
    await restored(place_of(tmp_path / "others"), there)
    seen = []

    async def meanwhile(_: MovedSource) -> bool:
        with pytest.raises(MoorageError) as refused:
            await back_up(there, place)
        seen.append(refused.value.message)
        return False

    monkeypatch.setattr(MovedSource, "stands_still", meanwhile)
    await back_up(source, place)
    assert seen == [f"another backup is being made in {place.blobs}; wait for it, or end it"]
