"""`moorage move`: copy everything to another database, another store, or both."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moorage.cli.folder import Config, Data, check_used, fail
from moorage.cli.output import Json, examples, say, say_json
from moorage.cli.progress import shown_progress
from moorage.domain.errors import MoorageError
from moorage.settings import Settings, SettingsError, load
from moorage.settings.destination import is_same_store, load_destination
from moorage.ui.words import number, size

if TYPE_CHECKING:
    from moorage.services.move import Report
    from moorage.services.move_ports import Contents

EXAMPLES = examples(
    "moorage move --to new.toml",
    "MOORAGE_TO_DATABASE_URL_FILE=/run/secrets/database-url moorage move",
    "MOORAGE_TO_DATA=/srv/moorage moorage move --config old.toml --read-back",
)

To = Annotated[
    Path | None,
    typer.Option(help="The file of settings that the new server will have. [MOORAGE_TO_…]", show_default=False),
]
ReadBack = Annotated[
    bool, typer.Option("--read-back", help="Read every blob at the destination, too, and compare its digest.")
]


def move(
    to: To = None, *, read_back: ReadBack = False, data: Data = None, config: Config = None, as_json: Json = False
) -> None:
    """Copy a server's database, its blobs, or both to where a second set of settings says, while it runs or not.

    Run it again and it copies what has changed; stopped or killed, it goes on where it was. Stop the servers before
    the last run, then start them with the new settings.
    """
    try:
        source = load({"data": data, "config": config})
        check_used(source)
        destination = load_destination(source, to)
        report = asyncio.run(_move(source, destination, read_back=read_back))
    except KeyboardInterrupt:
        fail("stopped; run it again, and it goes on where it was")
    except (SettingsError, MoorageError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'the data folder'}: {error.strerror or error}")
    if as_json:
        say_json(_document(report))
    else:
        _say(report, has_other_store=not is_same_store(source, destination), read_back=read_back)
    if is_damaged(report):
        raise typer.Exit(1)


async def _move(source: Settings, destination: Settings, *, read_back: bool) -> "Report":
    # Imported here: help and wrong usage are answered before the databases are loaded.
    from moorage.app import moving  # noqa: PLC0415

    with shown_progress() as progress:
        return await moving.move(source, destination, progress, reads_again=read_back)


def is_damaged(report: "Report") -> bool:
    """Tell whether something was damaged."""
    return bool(report.damaged or report.damaged_images)


def _document(report: "Report") -> dict[str, object]:
    return {**asdict(report), "seconds": round(report.seconds, 1), "verified": not is_damaged(report)}


def _say(report: "Report", *, has_other_store: bool, read_back: bool) -> None:
    say(f"{'Copied' if report.has_rows else 'Found'} {', '.join(counts(report.contents))} in {report.seconds:.1f} s")
    if has_other_store:
        say(
            f"Of the blobs {report.copied:,} came now, {size(report.copied_bytes)}; {report.already_there:,} were there"
        )
    say_damage(report)
    say(_verdict(report, has_other_store=has_other_store, read_back=read_back))
    say(_next(report))


def counts(held: "Contents") -> tuple[str, ...]:
    """Return what there is, in words."""
    return (
        number(held.registries, "registry", "registries"),
        number(held.repositories, "repository", "repositories"),
        number(held.images, "image"),
        number(held.tags, "tag"),
        f"{number(held.blobs, 'blob')} of {size(held.bytes)}",
    )


def say_damage(report: "Report") -> None:
    """Name what was damaged."""
    for damage in report.damaged:
        needed = f"; needed by {', '.join(damage.images)}" if damage.images else ""
        say(f"Damaged: {damage.digest}: {damage.reason}{needed}")
    for image in report.damaged_images:
        say(f"Damaged: {image}: its bytes are others than its digest says")


def _verdict(report: "Report", *, has_other_store: bool, read_back: bool) -> str:
    if is_damaged(report):
        return "What is damaged was left out; all else was compared with its digest. Push it again, and run this again"
    if read_back:
        return "Every digest was verified, with the bytes as they are there"
    if has_other_store:
        return "Every digest was verified"
    return "Every image's digest was verified; blobs stay where they are (--read-back reads them)"


def _next(report: "Report") -> str:
    if report.is_last:
        return "No server was at work here: this is all of it. Start the server with its new settings"
    if report.has_rows:
        return "Servers were at work meanwhile: stop them, and run this again for what has changed since"
    return "Servers are at work on the database, which stays and must learn of it: stop them, and run this again"
