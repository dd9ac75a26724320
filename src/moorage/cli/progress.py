"""How far something has come: a bar on a terminal, a line now and then elsewhere; on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from moorage.ui.words import number, size

if TYPE_CHECKING:
    from moorage.services.move_blobs import Progress

Show = Callable[[str, int, int, str], None]

EVERY_SECONDS = 10
"""How often a line comes where there is no terminal."""


@contextmanager
def shown_progress() -> Iterator["Progress"]:
    """Show what is told to it."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield _Told(_lines())
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(None),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        yield _Told(_bars(bars))


class _Told:
    """What is under way, and how much of it is done; `show` gets the two numbers and words for them."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._what = ""
        self._done = self._total = 0

    def begin(self, what: str, total: int) -> None:
        """See `Progress`."""
        self._what, self._done, self._total = what, 0, total
        self.advance(0)

    def advance(self, count: int) -> None:
        """See `Progress`; what has come meanwhile is more than was to be expected."""
        self._done += count
        self._total = max(self._total, self._done)
        amount = size if self._what == "blobs" else number
        self._show(self._what, self._done, self._total, f"{amount(self._done)} of {amount(self._total)}")


def _bars(bars: Bars) -> Show:
    tasks: dict[str, TaskID] = {}

    def show(what: str, done: int, total: int, words: str) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, words="")
        # A bar of nothing at all is a full one.
        bars.update(tasks[what], completed=done or total == 0, total=total or 1, words=words)

    return show


def _lines() -> Show:
    last = -float(EVERY_SECONDS)

    def show(what: str, done: int, total: int, words: str) -> None:
        nonlocal last
        now = time.monotonic()
        if done in {0, total} or now - last >= EVERY_SECONDS:
            last = now
            typer.echo(f"{what}: {words}", err=True)

    return show
