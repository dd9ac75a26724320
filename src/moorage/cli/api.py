"""The management API as commands speak it: to a server with `--server`, else to a data folder in this process.

A command is a function whose first parameter is the `Api`, put into its group by `command`; it gets `--server`,
`--ca-file`, `--data` and `--config` from here, and says nothing about where it works:

    @command(app, "disable", "moorage user disable mara")
    def disable(api: Api, name: Name, *, as_json: Json = False) -> None:
        (the docstring: what --help says)
        user = api.request("PATCH", at("users", name), {"is_disabled": True})
        if as_json:
            say_json(user)
        else:
            say(f"{name} can't sign in now")

`request` returns the JSON document that is answered, `items` all items of a list, page after page. Whatever is refused
ends the command with one line and exit 1: a command has no errors to handle. Wrong usage is a `typer.BadParameter`.
Nothing is opened before the first request.
"""

import functools
import inspect
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self
from urllib.parse import quote

import typer

from moorage import __version__
from moorage.cli.folder import Config, Data, Folder, fail
from moorage.cli.output import examples
from moorage.cli.remote import Remote
from moorage.cli.transport import NONE, Answer, ApiError, Transport
from moorage.directories import DirectoriesError
from moorage.domain.errors import MoorageError
from moorage.settings import SettingsError
from moorage.settings.client import ClientError, load_client

PREFIX = "/api/v1"
UNLESS_THERE = {"if-none-match": "*"}
ITEMS = 1000
"""How many items a page has: as many as a server gives."""

Server = Annotated[
    str | None,
    typer.Option(help="The server to ask, as https://HOST[:PORT]. [MOORAGE_SERVER]", show_default=False),
]
CaFile = Annotated[
    Path | None,
    typer.Option(help="Certificate of the server's authority. [MOORAGE_CA_FILE]", show_default=False),
]


def at(*parts: str) -> str:
    """Return the path below `/api/v1` that these parts make; raise ApiError where a name is empty."""
    if not all(parts):
        raise ApiError("a name can't be empty")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


class Api:
    """The management API of whatever the options name."""

    def __init__(self, open_transport: Callable[[], Transport]) -> None:
        self._open = open_transport
        self._opened: Transport | None = None

    def __enter__(self) -> Self:
        """Open nothing yet: wrong usage is told first."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            self._opened.close()

    def request(
        self,
        method: str,
        path: str,
        sent: Mapping[str, object] | None = None,
        *,
        match: str | None = None,
        new: bool = False,
    ) -> Any:  # noqa: ANN401  JSON
        """Return the JSON that is answered at a path below `/api/v1`, None for nothing; raise ApiError if refused.

        With the ETag of a thing as `match` nothing is done unless it is still as it was `read`, with `new` not where
        it is there already.
        """
        conditions = {} if match is None else {"if-match": match}
        return _content(self._ask(method, PREFIX + path, sent, {**conditions, **(UNLESS_THERE if new else {})}))

    def here(self) -> Folder | None:
        """Return the data folder, where the options name no server, for what a command does by itself."""
        opened = self._opened = self._opened or self._open()
        return opened if isinstance(opened, Folder) else None

    def read(self, path: str) -> tuple[Any, str]:
        """Return the JSON at a path, to be shown before it is changed, with its ETag."""
        answer = self._ask("GET", PREFIX + path)
        return _content(answer), answer.etag

    def items(self, path: str, **query: str) -> list[Any]:
        """Return all items of a list."""
        found: list[Any] = []
        asked = "".join(f"&{name}={quote(value, safe='')}" for name, value in query.items())
        target: str | None = f"{PREFIX}{path}?n={ITEMS}{asked}"
        while target is not None:
            page = _object(_content(self._ask("GET", target)))
            found += page["items"]
            target = page["next"]
        return found

    def _ask(
        self,
        method: str,
        target: str,
        sent: Mapping[str, object] | None = None,
        conditions: Mapping[str, str] = NONE,
    ) -> Answer:
        if self._opened is None:
            self._opened = self._open()
        answer = self._opened.send(method, target, None if sent is None else json.dumps(sent).encode(), conditions)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return answer
        if "if-match" in conditions and answer.status == HTTPStatus.PRECONDITION_FAILED:
            raise ApiError("it has changed since it was shown to you; nothing was done, so have another look")
        raise ApiError(_explain(self._opened, method, target, answer))


def command(app: typer.Typer, name: str, *shown: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put the function that follows into a group as the command `name`; `shown` are examples, whole lines."""

    def put(body: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(body, eval_str=True).parameters.values())[1:]
        shared = inspect.signature(_open).parameters.values()
        parameters = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in (*own, *shared)]

        def run(**given: Any) -> None:  # noqa: ANN401  whatever the options are
            where = {item.name: given.pop(item.name) for item in shared}
            try:
                with Api(functools.partial(_open, **where)) as api:
                    body(api, **given)
            except (ApiError, ClientError, SettingsError, DirectoriesError, MoorageError) as error:
                fail(str(error))
            except KeyError as error:
                fail(f"the answer has no {error}: the server is of another version than this command, {__version__}")
            except OSError as error:
                fail(f"{error.filename or 'the data folder'}: {error.strerror or error}")

        run.__doc__ = body.__doc__
        run.__annotations__ = {item.name: item.annotation for item in parameters}
        # typer reads the options from what the function says of itself.
        vars(run)["__signature__"] = inspect.Signature(parameters)
        app.command(name, epilog=examples(*shown))(run)
        return body

    return put


def _open(server: Server = None, ca_file: CaFile = None, data: Data = None, config: Config = None) -> Transport:
    """Open what the options name, then what the environment names: a server, or else a data folder."""
    is_folder = data is not None or config is not None
    if server is not None and is_folder:
        raise typer.BadParameter("a server or a data folder, not both", param_hint="--server")
    client = load_client()
    url = server or (None if is_folder else client.server)
    if url is not None:
        return Remote(url, ca_file or client.ca_file, client)
    if ca_file is not None:
        raise typer.BadParameter("it is for a server: name that with --server", param_hint="--ca-file")
    return Folder(data, config)


def _content(answer: Answer) -> Any:  # noqa: ANN401  JSON
    return _document(answer) if answer.body else None


def _document(answer: Answer) -> Any:  # noqa: ANN401  JSON
    try:
        return json.loads(answer.body)
    except ValueError:
        raise ApiError("the answer is no JSON") from None


def _object(document: Any) -> Mapping[str, Any]:  # noqa: ANN401  JSON
    if not isinstance(document, dict):
        raise ApiError("the answer is no JSON object")
    return document


def _explain(transport: Transport, method: str, target: str, answer: Answer) -> str:
    """Put a refusal into one line."""
    path = target.partition("?")[0]
    if answer.media_type != "application/problem+json":
        kind = f" of type {answer.media_type}" if answer.media_type else ""
        return f"{transport.name} is no Moorage server: it answers {answer.status}{kind} to {method} {path}"
    detail = str(_object(_document(answer)).get("detail", answer.status))
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return _who(transport, detail)
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return _missing(transport, method, path) or detail
    return detail


def _who(transport: Transport, detail: str) -> str:
    if transport.credentials:
        return f"{transport.name} refuses {transport.credentials}: {detail}"
    return f"{transport.name} asks who you are: set MOORAGE_TOKEN, or MOORAGE_USER and MOORAGE_PASSWORD"


def _missing(transport: Transport, method: str, path: str) -> str | None:
    """Say that the server does not know this kind of request at all, if that is why it found nothing."""
    document = _object(_document(transport.send("GET", f"{PREFIX}/openapi.json", None)))
    for template, operations in document.get("paths", {}).items():
        pattern = re.sub(r"\\\{[^}]*\\\}", ".+", re.escape(template))
        if method.lower() in operations and re.fullmatch(pattern, path):
            return None
    version = document.get("info", {}).get("version", "?")
    return f"{transport.name} runs Moorage {version}, which can't do this; this command is of {__version__}"
