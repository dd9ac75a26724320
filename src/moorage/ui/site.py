"""Where this server is, as the person who reads the page reached it or as the external URL says."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_AUTHORITY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?", re.ASCII)
_LONGEST = 260
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Site:
    """A server's address: `scheme` http or https, `authority` host with its port if that is not the usual one."""

    scheme: str
    authority: str

    @property
    def is_secure(self) -> bool:
        """Tell whether people reach this server over TLS."""
        return self.scheme == "https"

    @property
    def images(self) -> str:
        """The first part of image names here.

        Container clients take it for a host only with a dot, a colon, or as `localhost`; else it gets its port.
        """
        if "." in self.authority or ":" in self.authority or self.authority == "localhost":
            return self.authority
        return f"{self.authority}:{_PORTS[self.scheme]}"


def site_of(request: Request, external_url: str | None) -> Site:
    """Return where the server is: its external URL, else the request's Host header if that names a host at all."""
    if external_url:
        parts = urlsplit(external_url)
        return Site(parts.scheme, parts.netloc)
    return Site("https" if request.url.scheme == "https" else "http", host_of(request) or "localhost")


def host_of(request: Request) -> str | None:
    """Return the request's Host header in lower case, or None if it is no host with an optional port."""
    host = request.headers.get("host", "")
    return host.lower() if len(host) <= _LONGEST and _AUTHORITY.fullmatch(host) else None
