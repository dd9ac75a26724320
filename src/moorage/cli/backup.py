"""`moorage backup`: make backups, list them, verify them; `moorage restore`: bring one back."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from moorage.cli.folder import Config, Data, check_used, fail
from moorage.cli.move import counts, is_damaged, say_damage
from moorage.cli.output import Json, examples, say, say_json, say_table, when
from moorage.cli.progress import shown_progress
from moorage.domain.errors import MoorageError
from moorage.settings import Settings, SettingsError, load
from moorage.settings.backup import load_place
from moorage.ui.words import number, size

if TYPE_CHECKING:
    from moorage.app.backups import Made, Restored
    from moorage.domain.backup import BackupManifest
    from moorage.services.backup_shelf import Verified
    from moorage.services.move import Report

T = TypeVar("T")

MAKE = "make"


class _Group(TyperGroup):
    """Takes what is none of its commands for the place of a backup that is to be made."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  typer has a click of its own
        """See click."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [MAKE, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Group,
    help="Back up a running server: `moorage backup PLACE`; list backups, and verify them.",
    no_args_is_help=True,
    epilog=examples("moorage backup /mnt/backup --keep 14", "moorage backup verify /mnt/backup"),
)

Place = Annotated[str, typer.Argument(help="A folder, or s3://BUCKET/PREFIX. [MOORAGE_BACKUP_S3_…]", metavar="PLACE")]
Keep = Annotated[
    int | None, typer.Option(min=1, help="Then remove all but the newest so many backups.", show_default=False)
]
ReadBack = Annotated[
    bool, typer.Option("--read-back", help="Read what is there already, too, and copy anew what is damaged.")
]
At = Annotated[str | None, typer.Option(help="The name of the backup; see `moorage backup list`.", show_default=False)]
SkipDamaged = Annotated[
    bool, typer.Option("--skip-damaged", help="Leave out blobs that are damaged in the backup, and restore the rest.")
]

RESTORE_EXAMPLES = examples(
    "moorage restore /mnt/backup --data /srv/moorage",
    "moorage restore s3://backups/moorage --at 20261130T030000Z --config /etc/moorage.toml",
)


@app.command(MAKE, epilog=examples("moorage backup /mnt/backup", "moorage backup make s3://backups/moorage --keep 14"))
def make(
    place: Place,
    *,
    keep: Keep = None,
    read_back: ReadBack = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Back up a server, running or not; only content that is not there yet is copied. `make` may be left out."""
    # Imported here: help and wrong usage are answered before the databases are loaded.
    from moorage.app import backups  # noqa: PLC0415

    async def work(settings: Settings, there: Settings) -> "Made":
        with shown_progress() as progress:
            return await backups.make_backup(settings, there, progress, keep=keep, reads_again=read_back)

    made = _done(place, data, config, work, is_used=True)
    if as_json:
        say_json(_made(made))
    else:
        _say_made(made, keep=keep)
    if made.pruned.refused is not None:
        fail(f"the backup is made, but no older one was removed: {made.pruned.refused}")
    if is_damaged(made.report):
        raise typer.Exit(1)


@app.command("list", epilog=examples("moorage backup list /mnt/backup", "moorage backup list /mnt/backup --json"))
def list_(place: Place, *, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """List the backups in a place, the oldest first."""
    from moorage.app import backups  # noqa: PLC0415  as above

    async def work(_: Settings, there: Settings) -> "tuple[tuple[BackupManifest, ...], tuple[str, ...]]":
        with shown_progress() as progress:
            async with backups.open_backups(there, progress) as service:
                return await service.list()

    found, unreadable = _done(place, data, config, work)
    if as_json:
        say_json([_document(manifest) for manifest in found])
    else:
        columns = ("NAME", "MADE", "REGISTRIES", "TAGS", "BLOBS", "SIZE", "DAMAGED")
        say_table(columns, [_row(manifest) for manifest in found])
    if unreadable:
        fail("; ".join(unreadable))


@app.command(
    "verify", epilog=examples("moorage backup verify /mnt/backup", "moorage backup verify s3://backups/moorage")
)
def verify(place: Place, *, at: At = None, data: Data = None, config: Config = None, as_json: Json = False) -> None:
    """Read every byte of the backups in a place, and compare every digest."""
    from moorage.app import backups  # noqa: PLC0415  as above

    async def work(_: Settings, there: Settings) -> "Verified":
        with shown_progress() as progress:
            async with backups.open_backups(there, progress) as service:
                return await service.verify(at)

    found = _done(place, data, config, work)
    is_whole = not (found.damaged or found.unreadable)
    if as_json:
        say_json({**asdict(found), "verified": is_whole})
    else:
        _say_verified(found)
    if not is_whole:
        raise typer.Exit(1)


def restore(
    place: Place,
    *,
    at: At = None,
    skip_damaged: SkipDamaged = False,
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Restore a backup into an empty data folder, or the empty database and the store that the settings name.

    Stopped or killed, it is run again and goes on where it was.
    """
    from moorage.app import backups  # noqa: PLC0415  as above

    async def work(settings: Settings, there: Settings) -> "Restored":
        with shown_progress() as progress:
            return await backups.restore(there, settings, progress, name=at, takes_damaged=skip_damaged)

    restored = _done(place, data, config, work)
    if as_json:
        say_json({**_report(restored.report), "name": restored.manifest.name, "kept": restored.kept})
    else:
        _say_restored(restored)
    if is_damaged(restored.report):
        raise typer.Exit(1)


def _done(
    place: str,
    data: Any,  # noqa: ANN401  as typer has it
    config: Any,  # noqa: ANN401  likewise
    work: Callable[[Settings, Settings], Coroutine[Any, Any, T]],
    *,
    is_used: bool = False,
) -> T:
    """Do the work; what fails ends the command with one line and exit 1."""
    try:
        settings = load({"data": data, "config": config})
        if is_used:
            check_used(settings)
        return asyncio.run(work(settings, load_place(place, settings)))
    except KeyboardInterrupt:
        fail("stopped; run it again, and it goes on where it was")
    except (SettingsError, MoorageError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or place}: {error.strerror or error}")


def _report(report: "Report") -> dict[str, object]:
    return {**asdict(report), "seconds": round(report.seconds, 1), "verified": not is_damaged(report)}


def _made(made: "Made") -> dict[str, object]:
    wanted = {name: value for name, value in _report(made.report).items() if name not in {"has_rows", "is_last"}}
    return {
        "name": made.manifest.name,
        **wanted,
        "removed": made.pruned.backups,
        "removed_content": made.pruned.removed,
    }


def _document(manifest: "BackupManifest") -> dict[str, object]:
    names = ("name", "created_at", "moorage", "schema_version", "contents", "damaged")
    return {name: getattr(manifest, name) for name in names}


def _row(manifest: "BackupManifest") -> tuple[str, ...]:
    held = manifest.contents
    numbers = (f"{held[name]:,}" for name in ("registries", "tags", "blobs"))
    return (manifest.name, when(manifest.created_at), *numbers, size(held["bytes"]), f"{len(manifest.damaged):,}")


def _say_made(made: "Made", *, keep: int | None) -> None:
    report = made.report
    say(f"Backup {made.manifest.name}: {', '.join(counts(report.contents))} in {report.seconds:.1f} s")
    say(f"Of the blobs {report.copied:,} came now, {size(report.copied_bytes)}; {report.already_there:,} were there")
    say_damage(report)
    if is_damaged(report):
        say("What is damaged was left out; all else was compared with its digest. Push it again, and run this again")
    else:
        say("Every digest was verified, of what came now; `moorage backup verify` reads all that is there")
    if keep is not None and is_damaged(report):
        say("No older backup was removed, since something is damaged")
    elif keep is not None and made.pruned.refused is None:
        removed = number(len(made.pruned.backups), "older backup")
        say(f"Removed {removed}, and {number(made.pruned.removed, 'piece')} of content that no other needs")


def _say_verified(found: "Verified") -> None:
    for reason in found.unreadable:
        say(f"Damaged: {reason}")
    for damage in found.damaged:
        say(f"Damaged: {damage.digest} ({damage.what}): {damage.reason}; needed by {', '.join(damage.backups)}")
    pieces = f"{number(found.read, 'piece')} of content, {size(found.read_bytes)}"
    said = "Every digest was verified" if not (found.damaged or found.unreadable) else "The rest was verified"
    say(f"{said}: {number(len(found.backups), 'backup')}, {pieces}")


def _say_restored(restored: "Restored") -> None:
    report = restored.report
    said = "Restored" if report.has_rows else "Found"
    say(f"{said} {restored.manifest.name}: {', '.join(counts(report.contents))} in {report.seconds:.1f} s")
    say(f"Of the blobs {report.copied:,} came now, {size(report.copied_bytes)}; {report.already_there:,} were there")
    say_damage(report)
    for name in restored.kept:
        say(f"Kept as it is here, not as in the backup: {name}")
    if not report.has_rows:
        say("The database was left empty. Restore another backup with --at, or all but that with --skip-damaged")
    elif is_damaged(report):
        say("What is damaged was left out; all else was compared with its digest. Push it again to the restored server")
    else:
        say("Every digest was verified. Start the server")
