"""Asking before something goes for good."""

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from moorage.cli.output import plain

Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]


def is_terminal() -> bool:
    """Tell whether somebody is there to be asked."""
    return sys.stdin.isatty()


def check_can_ask(*, yes: bool) -> None:
    """End the command as wrong usage where somebody must be asked and there is no terminal."""
    if not yes and not is_terminal():
        raise typer.BadParameter("there is no terminal to ask on; use --yes")


def agree(question: Callable[[], str], *, yes: bool) -> None:
    """Ask, unless told not to, and end the command if the answer is no; the question may take a request to write."""
    check_can_ask(yes=yes)
    if not yes:
        typer.confirm(plain(question()), abort=True)
