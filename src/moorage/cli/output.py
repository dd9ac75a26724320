"""How commands answer: a line or a table for people, JSON for programs; its fields are those of the management API."""

import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from moorage.ui.words import visible

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

NUMBERS = frozenset({"SIZE", "TAGS", "REPOSITORIES", "MEMBERS"})
WIDEST = 100_000
SHORT = len("sha256:") + 12
"""As much of a digest as tells it from others to people's eyes."""


def say(text: str) -> None:
    """Print a line."""
    typer.echo(plain(text))


def say_json(value: object) -> None:
    """Print JSON."""
    typer.echo(json.dumps(value, indent=2))


def say_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: cut to the terminal's width, digests to their beginning; whole where it goes elsewhere."""
    console = Console(file=sys.stdout)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True, justify="right" if column in NUMBERS else "left")
    for row in rows:
        cells = zip(columns, map(plain, row), strict=True)
        table.add_row(
            *(Text(cell[:SHORT] if console.is_terminal and name == "DIGEST" else cell) for name, cell in cells)
        )
    if not console.is_terminal:
        unlimited = console.options.update(width=WIDEST, max_width=WIDEST)
        console = Console(file=sys.stdout, width=Measurement.get(console, unlimited, table).maximum)
    console.print(table)


def plain(text: str) -> str:
    """Keep text that others wrote from moving the cursor or turning a line around."""
    return str(visible(re.sub(r"\s", " ", text)))


def day(seconds: float | None) -> str:
    """Return Unix seconds as `2026-11-23 14:20` in UTC, and a dash for never."""
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def when(text: str | None) -> str:
    """Return a time in JSON as `day` writes it."""
    return "-" if text is None else text[:16].replace("T", " ")


def moment(seconds: float | None) -> str | None:
    """Return Unix seconds as a time in JSON (RFC 3339)."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def examples(*commands: str) -> str:
    """Return commands as the end of a help text, each on a line of its own."""
    return "\b\nExamples:\n" + "\n".join(f"  {command}" for command in commands)
