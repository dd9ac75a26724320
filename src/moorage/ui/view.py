"""Templates: how they are loaded, what all of them may use, and the static files that go with them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from moorage.domain.access import Action, Visibility
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.ui import words
from moorage.ui.pieces import Pieces
from moorage.ui.session import drop_toast, take_toast, theme_of
from moorage.ui.visit import UiSettings, Visit

HERE = Path(__file__).parent
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HASH_LENGTH = 12
DAY = 86_400
RECENT_DAYS = 7


class Assets:
    """The static files, read once, at addresses that change with their content."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}
        self._paths: dict[str, str] = {}
        for file in sorted((HERE / "static").iterdir()):
            body = file.read_bytes()
            name = f"{hashlib.sha256(body).hexdigest()[:HASH_LENGTH]}/{file.name}"
            self._bodies[name] = body
            self._paths[file.name] = f"/-/static/{name}"

    def path(self, name: str) -> str:
        """Return the address of a file."""
        return self._paths[name]

    async def serve(self, request: Request) -> Response:
        """Answer with a file, to be kept for ever."""
        name = str(request.path_params["name"])
        body = self._bodies.get(name)
        if body is None:
            raise MoorageError(ErrorCode.NOT_FOUND)
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(body, media_type=MEDIA_TYPES[Path(name).suffix], headers=headers)


class View:
    """Renders templates into answers."""

    def __init__(self, settings: UiSettings, assets: Assets) -> None:
        self._settings = settings
        self._assets = assets
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=words.visible,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        pieces = Pieces(assets.path)
        self._templates.globals.update(
            icon=pieces.icon,
            copy_button=pieces.copy_button,
            whole_digest=pieces.whole_digest,
            static=assets.path,
            version=settings.version,
            Action=Action,
            visibilities=tuple(Visibility),
            room=settings.room,
        )
        self._templates.filters.update(
            ago=lambda moment: words.ago(moment, settings.clock()),
            date=words.date,
            until=self.until,
            is_recent=self.is_recent,
            ahead=lambda moment: words.ahead(moment, settings.clock()),
            took=words.took,
            size=words.size,
            number=words.number,
            short=words.short,
            kind=words.kind,
            version=words.version,
            pull=words.pull,
            platforms=words.platforms,
            content=words.content,
            listed=words.listed,
            initials=words.initials,
        )

    def page(self, visit: Visit, template: str, status: int = 200, **context: object) -> Response:
        """Render a page, with the message that the page before left for it."""
        toast = take_toast(visit.request, visit.site)
        text = self._templates.get_template(template).render(
            visit=visit,
            site=visit.site,
            caller=visit.caller,
            csrf=visit.session.csrf if visit.session else "",
            theme=theme_of(visit.request),
            now=words.iso(self._settings.clock()),
            has_own_authority=self._settings.has_own_authority and visit.site.is_secure,
            toast=toast,
            **context,
        )
        response = HTMLResponse(text, status, headers={"cache-control": "no-store"})
        if toast:
            drop_toast(response, visit.site)
        return response

    def until(self, days: int) -> str:
        """Return the time in so many days as people write it."""
        return words.date(self._settings.clock() + days * DAY)

    def is_recent(self, moment: float) -> bool:
        """Tell whether a time is so near that what it is about seems to be in use."""
        return self._settings.clock() - moment < RECENT_DAYS * DAY


def sentence(message: str) -> str:
    """Return an error's message as a sentence."""
    return message[:1].upper() + message[1:] + ("" if message.endswith((".", "!", "?")) else ".")


def with_wait(response: Response, error: MoorageError) -> Response:
    """Say in the header too how many seconds to wait, if the error says it."""
    if isinstance(error.detail, Mapping) and "retry_after" in error.detail:
        response.headers["retry-after"] = str(error.detail["retry_after"])
    return response
