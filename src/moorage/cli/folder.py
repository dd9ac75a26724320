"""The data folder a command works on, beside the server that may run on it: SQLite and the blob store allow both."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar
from urllib.parse import unquote

import typer

from moorage.cli.output import plain
from moorage.cli.transport import NONE, Answer
from moorage.directories import DirectoriesError
from moorage.domain.access import Caller
from moorage.domain.errors import MoorageError
from moorage.settings import OPTIONS, Settings, SettingsError, load

if TYPE_CHECKING:
    from moorage.app.later import Application
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
        check_used(settings)
        return asyncio.run(_tell(settings, story))
    except (SettingsError, DirectoriesError, MoorageError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or 'the data folder'}: {error.strerror or error}")


class Folder:
    """Carries requests to the management API over a data folder, in this process, as the caller who may do everything.

    Raises SettingsError, and OSError; a folder that no server has used ends the command.
    """

    name = "the data folder"
    credentials = ""

    def __init__(self, data: Path | None, config: Path | None) -> None:
        settings = load({"data": data, "config": config})
        check_used(settings)
        # Imported here: help and wrong usage are answered before the whole server is loaded.
        from moorage.app.services import SYSTEM, open_services  # noqa: PLC0415
        from moorage.app.worker import management  # noqa: PLC0415

        with ExitStack() as opening:
            self._runner = opening.enter_context(asyncio.Runner())
            opened = open_services(settings)
            services = self._runner.run(opened.__aenter__())
            opening.callback(lambda: self._runner.run(opened.__aexit__(None, None, None)))
            self._application = management(settings, services, acting=SYSTEM)
            self._services, self._caller = services, SYSTEM
            self._opened = opening.pop_all()

    def send(self, method: str, target: str, body: bytes | None, conditions: Mapping[str, str] = NONE) -> Answer:
        """See `Transport`."""
        return self._runner.run(_ask(self._application, method, target, body, conditions))

    def tell(self, story: Story[T]) -> T:
        """Do with the services what takes this process itself."""
        return self._runner.run(_as_coroutine(story(self._services, self._caller)))

    def close(self) -> None:
        """See `Transport`."""
        self._opened.close()


def fail(reason: str) -> NoReturn:
    """End the command: what was asked for failed."""
    typer.echo(f"moorage: {plain(reason)}", err=True)
    raise typer.Exit(1)


def check_used(settings: Settings) -> None:
    """End the command where the settings name a folder that no server has used."""
    if settings.database_file is None:
        return
    if not settings.data.is_dir():
        fail(f"there is no data folder {settings.data}; name the server's with --data")
    if not settings.database_file.is_file():
        fail(f"no server has used {settings.data} yet; name a server's data folder with --data, or start one on it")


async def _tell(settings: Settings, story: Story[T]) -> T:
    # Imported here: help and wrong usage are answered before the whole server is loaded.
    from moorage.app.services import SYSTEM, open_services  # noqa: PLC0415

    async with open_services(settings) as services:
        return await story(services, SYSTEM)


async def _as_coroutine(work: Awaitable[T]) -> T:
    return await work


async def _ask(
    application: "Application", method: str, target: str, body: bytes | None, conditions: Mapping[str, str]
) -> Answer:
    """Ask an ASGI application: https://asgi.readthedocs.io/en/latest/specs/www.html."""
    path, _, query = target.partition("?")
    start: dict[str, Any] = {}
    pieces: list[bytes] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            pieces.append(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            *((name.encode(), value.encode()) for name, value in conditions.items()),
        ],
        "client": None,
        "server": None,
        "state": {},
    }
    await application(scope, receive, send)
    headers = dict(start["headers"])
    media_type, etag = (headers.get(name, b"").decode() for name in (b"content-type", b"etag"))
    return Answer(start["status"], media_type.partition(";")[0], b"".join(pieces), etag)
