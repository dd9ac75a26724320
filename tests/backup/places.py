"""Backups of a Moorage, and what comes of them."""

from pathlib import Path

from moorage.app.backups import Made, Restored, make_backup, open_backups, restore
from moorage.domain.backup import BackupManifest
from moorage.domain.digest import Digest
from moorage.services.backup_shelf import Verified
from moorage.settings import Settings
from moorage.settings.backup import load_place
from tests.moving.places import Quiet, Said


def place_of(said: Said | Path) -> Settings:
    """Return a place for backups: a folder, or what a bucket is said to be."""
    if isinstance(said, Path):
        return load_place(str(said), Settings(), {})
    env = {f"MOORAGE_BACKUP_{name}": value for name, value in said.items() if name != "STORAGE_URL"}
    return load_place(said["STORAGE_URL"], Settings(), env)


async def back_up(source: Settings, place: Settings, *, keep: int | None = None, reads_again: bool = False) -> Made:
    """Make a backup."""
    return await make_backup(source, place, Quiet(), keep=keep, reads_again=reads_again)


async def restored(place: Settings, to: Settings, *, name: str | None = None, takes_damaged: bool = False) -> Restored:
    """Restore a backup."""
    return await restore(place, to, Quiet(), name=name, takes_damaged=takes_damaged)


async def verified(place: Settings, name: str | None = None) -> Verified:
    """Verify backups."""
    async with open_backups(place, Quiet()) as backups:
        return await backups.verify(name)


async def listed(place: Settings) -> tuple[BackupManifest, ...]:
    """List backups."""
    async with open_backups(place, Quiet()) as backups:
        found, unreadable = await backups.list()
        assert unreadable == ()
        return found


def file_of(folder: Path, digest: Digest) -> Path:
    """Return where content lies in a folder of backups."""
    algorithm, _, encoded = digest.partition(":")
    return folder / "content" / algorithm / encoded[:2] / encoded


def content_in(folder: Path) -> set[str]:
    """Return the paths of all files there but the lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)) for path in files}
