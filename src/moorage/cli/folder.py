"""The data folder a command works on, beside the server that may run on it: SQLite and the blob store allow both."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from moorage.directories import DirectoriesError
from moorage.domain.access import Caller
from moorage.domain.errors import MoorageError
from moorage.settings import OPTIONS, Settings, SettingsError, load

if TYPE_CHECKING:
    from moorage.app.services import Services

T = TypeVar("T")

Story = Callable[["Services", Caller], Awaitable[T]]
"""What a command does with the services, as the caller who may do everything."""

Data = Annotated[
    Path | None,
    typer.Option(help=f"The server's data folder; {OPTIONS['data'].default} if not given.", show_default=False),
]
Config = Annotated[Path | None, typer.Option(help="The server's file of settings, if it has one.", show_default=False)]


def work(data: Path | None, config: Path | None, story: Story[T]) -> T:
    """Open the data folder and do the work; what fails ends the command with one line and exit 1."""
    try:
        settings = load({"data": data, "config": config})
        _check(settings)
        return asyncio.run(_tell(settings, story))
    except (SettingsError, DirectoriesError, MoorageError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'the data folder'}: {error.strerror or error}")


def fail(reason: str) -> NoReturn:
    """End the command: what was asked for failed."""
    typer.echo(f"moorage: {reason}", err=True)
    raise typer.Exit(1)


def _check(settings: Settings) -> None:
    if not settings.data.is_dir():
        fail(f"there is no data folder {settings.data}; name the server's with --data")
    if not settings.database_file.is_file():
        fail(f"no server has used {settings.data} yet; name a server's data folder with --data, or start one on it")


async def _tell(settings: Settings, story: Story[T]) -> T:
    # Imported here: help and wrong usage are answered before the whole server is loaded.
    from moorage.app.services import SYSTEM, open_services  # noqa: PLC0415

    async with open_services(settings) as services:
        return await story(services, SYSTEM)
