"""Asking before something goes for good."""

import sys
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

import typer

from moorage.cli.api import Api
from moorage.cli.output import plain

Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
Override = Annotated[
    str | None,
    typer.Option(
        metavar="REASON",
        help="Why immutable tags go or move; takes an owner, and activity keeps it.",
        show_default=False,
    ),
]


def because(place: str, override: Override) -> str:
    """Return a place of the API with the reason for which rules are overridden there, if any are."""
    return place if override is None else f"{place}?override={quote(override, safe='')}"


def is_terminal() -> bool:
    """Tell whether somebody is there to be asked."""
    return sys.stdin.isatty()


def check_can_ask(*, yes: bool) -> None:
    """End the command as wrong usage where somebody must be asked and there is no terminal."""
    if not yes and not is_terminal():
        raise typer.BadParameter("there is no terminal to ask on; use --yes")


def agree(api: Api, path: str, question: Callable[[Any], str], *, yes: bool) -> str | None:
    """Show what is at a path and ask, ending the command if the answer is no; unless told not to.

    Return the ETag of what was shown, for the change to send: nothing else is to be changed. The question may take
    a request of its own to write.
    """
    check_can_ask(yes=yes)
    if yes:
        return None
    found, etag = api.read(path)
    typer.confirm(plain(question(found)), abort=True)
    return etag


def agree_by_name(question: str, name: str) -> None:
    """Say what goes and have its name typed, ending the command if it is another."""
    typer.echo(plain(question))
    if typer.prompt(f"Type {plain(name)} to delete it", default="", show_default=False) != name:
        raise typer.Abort
