"""Cookies, and what tells our own forms from foreign ones.

__Host-moorage        the session; HttpOnly, Lax, new at each sign-in; `moorage` where there is no TLS
__Host-moorage_sign_in  a sign-in under way at a directory elsewhere; signed, ten minutes
__Host-moorage_toast  what has just been done, for the next page to say
moorage_theme         light or dark; set by the form or the script
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from moorage.domain.name import REGISTRY
from moorage.services.records import Session
from moorage.ui.site import Site, host_of

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "moorage_theme"
YEAR = 31_536_000
TOAST_SECONDS = 60
DEPARTURE_SECONDS = 600

_UNSAFE = re.compile(r"[^\x21-\x7e]|\\")
_UNSAFE_DECODED = re.compile(r"[\x00-\x1f\x7f\\]")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Undo:
    """What undoes it: a deletion in a registry, as its page's form names it: `17 team/app`.

    Of a whole registry it is the number alone, and in none.
    """

    registry: str
    value: str

    @property
    def action(self) -> str:
        """Where the form goes."""
        return f"/{self.registry}/-/deleted" if self.registry else "/-/deleted"


@dataclass(frozen=True, slots=True)
class Toast:
    """What has just been done, a second line below it, and what undoes it, if anything does."""

    text: str
    more: str = ""
    undo: Undo | None = None


def session_cookie(request: Request, site: Site) -> str | None:
    """Return the value of the session's cookie."""
    return request.cookies.get(_name("moorage", site))


def keep_session(response: Response, site: Site, cookie: str, session: Session) -> None:
    """Give the browser a new session, for as long as it lasts here."""
    _set(response, "moorage", site, cookie, int(session.expires_at - session.created_at))


def drop_session(response: Response, site: Site) -> None:
    """Make the browser forget its session."""
    _set(response, "moorage", site, "", 0)


def keep_toast(response: Response, site: Site, toast: Toast) -> None:
    """Let the next page say what was done."""
    undo = [toast.undo.registry, toast.undo.value] if toast.undo else []
    value = urlsafe_b64encode(json.dumps([toast.text, toast.more, *undo]).encode()).decode()
    _set(response, "moorage_toast", site, value, TOAST_SECONDS)


def take_toast(request: Request, site: Site) -> Toast | None:
    """Return what the page before wanted to say; None too when the cookie is not one of ours."""
    value = request.cookies.get(_name("moorage_toast", site))
    if not value:
        return None
    try:
        found = json.loads(urlsafe_b64decode(value))
    except (ValueError, RecursionError):
        return None
    match found:
        case [str(text), str(more)] if not _HALF_PAIR.search(text + more):
            return Toast(text, more)
        case [str(text), str(more), str(registry), str(value)] if (
            not registry or REGISTRY.fullmatch(registry)
        ) and not _HALF_PAIR.search(text + more + value):
            return Toast(text, more, Undo(registry, value))
        case _:
            return None


def drop_toast(response: Response, site: Site) -> None:
    """Say it only once."""
    _set(response, "moorage_toast", site, "", 0)


def keep_departure(response: Response, site: Site, kept: str) -> None:
    """Let the browser keep what it must bring back from a directory elsewhere."""
    _set(response, "moorage_sign_in", site, kept, DEPARTURE_SECONDS)


def take_departure(request: Request, site: Site) -> str | None:
    """Return what the browser was given when it left."""
    return request.cookies.get(_name("moorage_sign_in", site))


def drop_departure(response: Response, site: Site) -> None:
    """Make the browser forget it: it is good for one way."""
    _set(response, "moorage_sign_in", site, "", 0)


def theme_of(request: Request) -> str:
    """Return the theme chosen in this browser: auto, light or dark."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else "auto"


def is_own_origin(request: Request, site: Site) -> bool:
    """Tell whether a form came from a page of this server; programs, which send no Origin, count as own.

    No page elsewhere can make a browser leave Origin out of a POST. It names host and port; which scheme is ours can't
    always be told behind a proxy, so the browser's own word counts beside it, for pages of this host without TLS.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    scheme, _, authority = origin.lower().partition("://")
    return scheme in {"http", "https"} and authority in {site.authority.lower(), host_of(request)}


def is_own_form(session: Session, sent: str) -> bool:
    """Tell whether a form carries the session's token."""
    return compare_digest(session.csrf.encode(), sent.encode(errors="replace"))


def own_path(text: str) -> str:
    """Return a path of this server to go on to after signing in, or `/` for anything that could lead elsewhere."""
    plain = unquote(text)
    if not text.startswith("/") or plain.startswith("//") or _UNSAFE.search(text) or _UNSAFE_DECODED.search(plain):
        return "/"
    return text


def _name(name: str, site: Site) -> str:
    return f"__Host-{name}" if site.is_secure else name


def _set(response: Response, name: str, site: Site, value: str, seconds: int) -> None:
    response.set_cookie(
        _name(name, site), value, max_age=seconds, path="/", secure=site.is_secure, httponly=True, samesite="lax"
    )
