"""Bytes in the store that no row knows, as `moorage verify` counts them and gives them back."""

from typing import TYPE_CHECKING, TypedDict

from moorage.cli.folder import Folder
from moorage.cli.output import say
from moorage.domain.errors import MoorageError
from moorage.ui.words import number, size

if TYPE_CHECKING:
    from moorage.app.services import Services
    from moorage.domain.access import Caller


class Found(TypedDict):
    """What is left over; `refused` says why nothing was given back, where that was asked for."""

    count: int
    bytes: int
    given_back: bool
    refused: str | None


def leftovers_in(folder: Folder, *, repair: bool) -> Found:
    """Count what is left over, and give it back where that is asked for."""

    async def work(services: "Services", caller: "Caller") -> Found:
        leftovers = services.keeping.leftovers
        if repair:
            try:
                gone = await leftovers.give_back(caller)
            except MoorageError as error:
                kept = await leftovers.find(caller)
                return Found(count=kept.count, bytes=kept.bytes, given_back=False, refused=error.message)
            if gone.count:
                await services.collect.collect(caller)
            return Found(count=gone.count, bytes=gone.bytes, given_back=True, refused=None)
        found = await leftovers.find(caller)
        return Found(count=found.count, bytes=found.bytes, given_back=False, refused=None)

    return folder.tell(work)


def say_leftovers(found: Found) -> None:
    """Say what is left over, if anything is."""
    if not found["count"]:
        return
    things = f"{number(found['count'], 'thing')} of {size(found['bytes'])}"
    if found["given_back"]:
        say(f"Gave back {things} that no row knew")
    else:
        say(f"No row knows {things} in the store: {found['refused'] or '`--repair` gives the space back'}")
