"""`moorage verify`: read everything that is stored, and compare it with its digests."""

import os
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moorage.cli.api import Api, at
from moorage.cli.copies import copies_from
from moorage.cli.folder import Folder, fail
from moorage.cli.leftovers import leftovers_in, say_leftovers
from moorage.cli.output import Json, say, say_json
from moorage.cli.progress import shown_progress
from moorage.ui.words import number, size

if TYPE_CHECKING:
    from moorage.app.services import Services
    from moorage.cli.copies import Source
    from moorage.cli.leftovers import Found
    from moorage.domain.access import Caller
    from moorage.services.move_blobs import Progress
    from moorage.services.repair import Repaired

EXAMPLES = (
    "moorage verify",
    "moorage verify --data /srv/moorage --json",
    "moorage verify --repair --from /backup/moorage",
    "moorage verify --repair --from https://mirror.example.org/dmc",
    "moorage verify --server https://proget:5443",
)

LOOK_SECONDS = 1.0


Repair = Annotated[bool, typer.Option("--repair", help="Then heal what can be healed.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="With --repair: where copies are: a folder, as another data folder or a backup, or another registry, "
        "https://HOST[:PORT][/REGISTRY]. [MOORAGE_FROM_USER, …]",
        show_default=False,
        metavar="PLACE",
    ),
]
FromCaFile = Annotated[
    Path | None,
    typer.Option(
        "--from-ca-file", help="Certificate of that registry's authority. [MOORAGE_FROM_CA_FILE]", show_default=False
    ),
]


def verify(
    api: Api, *, repair: Repair = False, copies: From = None, ca_file_from: FromCaFile = None, as_json: Json = False
) -> None:
    """Read everything that is stored and compare it with its digests; pushes and pulls go on meanwhile.

    What is damaged is named and put into quarantine: clients are told that it isn't there, so that the next push heals
    it. Exit 0: all is right; 1: something is damaged or could not be read. Stopped or killed, it goes on where it was.
    """
    source = _source(copies, ca_file_from, repair=repair)
    try:
        healed, leftovers = _work(api, source, repair=repair)
    except KeyboardInterrupt:
        fail("stopped; run it again, and it goes on where it was")
    last = api.request("GET", at("storage", "verification"))["last"]
    damages = api.items(at("storage", "damages"))
    found = {"round": last, "healed": healed, "damages": damages, "leftovers": leftovers}
    is_clean = not damages and not last["unread"]
    if as_json:
        say_json({"clean": is_clean, **found})
    else:
        _say(last, healed, damages)
        if leftovers is not None:
            say_leftovers(leftovers)
    if not is_clean or (leftovers is not None and leftovers["refused"]):
        raise typer.Exit(1)


def _work(api: Api, source: "Source | None", *, repair: bool) -> "tuple[list[str], Found | None]":
    """Read, and heal what can be healed; return what was, and what is left over in a data folder's store."""
    folder = api.here()
    if folder is None and source is not None:
        raise typer.BadParameter("it is for a data folder, not for a server", param_hint="--from")
    if folder is not None and source is not None:
        folder.tell(lambda *_: _look(source))
    with shown_progress() as progress:
        if folder is None:
            _await(api, progress)
        else:
            _run(folder, progress)
    healed = _repair(api, folder, source) if repair else []
    return healed, leftovers_in(folder, repair=repair) if folder is not None else None


def _run(folder: Folder, progress: "Progress") -> None:
    """Read here, on all processors."""
    at_once = os.cpu_count() or 1
    folder.tell(lambda services, caller: services.keeping.verify.run(caller, progress, at_once))


def _source(copies: str | None, ca_file: Path | None, *, repair: bool) -> "Source | None":
    if copies is not None and repair:
        return copies_from(copies, ca_file)
    if copies is not None:
        raise typer.BadParameter("it is for --repair", param_hint="--from")
    if ca_file is not None:
        raise typer.BadParameter("it is for --from", param_hint="--from-ca-file")
    return None


async def _look(source: "Source") -> None:
    """Find out whether the copies can be had, before hours are spent on reading."""
    async with source():
        pass


def _repair(api: Api, folder: Folder | None, source: "Source | None") -> list[str]:
    """Heal what can be, and name it."""
    if folder is None:
        return list(api.request("POST", at("storage", "repair"))["healed"])

    async def mend(services: "Services", caller: "Caller") -> "Repaired":
        async with source() if source else nullcontext() as found:
            return await services.keeping.repair.repair(caller, found)

    return list(folder.tell(mend).healed)


def _await(api: Api, progress: "Progress") -> None:
    """Ask a server to read, and wait until it has."""
    path = at("storage", "verification")
    before = api.request("GET", path)["last"]
    wanted = api.request("POST", path)["open"]
    done = 0
    progress.begin("blobs", wanted["all_bytes"] if wanted else 0)
    while True:
        found = api.request("GET", path)
        if found["open"] is None and found["last"] not in (None, before):
            return
        if found["open"] is not None:
            progress.advance(max(found["open"]["bytes"] - done, 0))
            done = max(found["open"]["bytes"], done)
        time.sleep(LOOK_SECONDS)


def _say(last: Mapping[str, Any], healed: list[str], damages: list[Any]) -> None:
    read = f"{number(last['blobs'], 'blob')} of {size(last['bytes'])} and {number(last['images'], 'image')}"
    say(f"Read {read}")
    for name in healed:
        say(f"Healed {name}")
    for damage in damages:
        needed = f"; breaks {', '.join(damage['images'])}" if damage["images"] else ""
        say(f"Damaged {damage['kind']} {damage['digest']}: {damage['reason']}{needed}; {damage['repair']}")
    if last["unread"]:
        say(f"Of {number(last['unread'], 'blob')} the store did not answer: run this again")
    say(f"{number(len(damages), 'damage')} in all" if damages else "Everything is what its digest says")
