"""A server elsewhere: where it is, whom to trust, and who asks."""

import base64
import http.client
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

import typer

from moorage import __version__
from moorage.cli.credentials import find
from moorage.cli.transport import NONE, Answer, ApiError
from moorage.cli.trust import CLIENTS
from moorage.settings import Address, is_host_name
from moorage.settings.client import Client

SECONDS_TO_CONNECT = 15
SECONDS_TO_ANSWER = 600
"""A collection takes its time."""

PORTS = {"https": 443, "http": 80}
OTHER_NAME = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH: who signed is trusted, but for another server."""


def parse_url(text: str) -> tuple[str, Address]:
    """Return scheme and address of `[https://]HOST[:PORT]`; raise ValueError if it is none."""
    scheme, _, rest = text.rpartition("://")
    scheme = scheme.lower() or "https"
    if scheme not in PORTS:
        raise ValueError(text)
    rest = rest.removesuffix("/")
    host = rest[1:-1] if rest.startswith("[") and rest.endswith("]") else rest
    return scheme, Address(host, PORTS[scheme]) if is_host_name(host) else Address.parse(rest)


class Remote:
    """Carries requests over HTTPS, or over HTTP on this machine."""

    def __init__(self, url: str, ca_file: Path | None, client: Client) -> None:
        try:
            self._scheme, self._address = parse_url(url)
        except ValueError:
            raise typer.BadParameter(f"{url!r} is not https://HOST[:PORT]", param_hint="--server") from None
        if self._scheme == "http" and not self._address.is_loopback:
            message = "over plain HTTP a password would travel readably: name it as https://"
            raise typer.BadParameter(message, param_hint="--server")
        self._names = names(self._address)
        self._context = context_of(authorities(self._names), ca_file) if self._scheme == "https" else None
        self._authorization, self._credentials = authorization_of(client, self._names)

    @property
    def name(self) -> str:
        """See `Transport`."""
        default = self._address.port == PORTS[self._scheme]
        return f"{self._scheme}://" + (str(self._address).rpartition(":")[0] if default else str(self._address))

    @property
    def credentials(self) -> str:
        """See `Transport`."""
        return self._credentials

    def send(self, method: str, target: str, body: bytes | None, conditions: Mapping[str, str] = NONE) -> Answer:
        """See `Transport`."""
        headers = {"accept": "application/json", "user-agent": f"moorage/{__version__}"}
        if self._authorization is not None:
            headers["authorization"] = self._authorization
        if body is not None:
            headers["content-type"] = "application/json"
        headers |= conditions
        connection = self._connection()
        try:
            connection.connect()
            connection.sock.settimeout(SECONDS_TO_ANSWER)
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            etag = answer.headers.get("etag", "")
            return Answer(answer.status, answer.headers.get_content_type(), answer.read(), etag)
        except ssl.SSLCertVerificationError as error:
            raise ApiError(self._distrust(error)) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ApiError(f"{self.name} can't be reached: {reason}") from None
        finally:
            connection.close()

    def close(self) -> None:
        """See `Transport`; each request had a connection of its own."""

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        if self._context is None:
            return http.client.HTTPConnection(host, port, timeout=SECONDS_TO_CONNECT)
        return http.client.HTTPSConnection(host, port, timeout=SECONDS_TO_CONNECT, context=self._context)

    def _distrust(self, error: ssl.SSLCertVerificationError) -> str:
        hint = f"run `moorage trust {self._names[-1]}`, or name its authority with --ca-file"
        if error.verify_code in OTHER_NAME:
            hint = f"use a name that it knows, or start it with --host-name {self._address.host}"
        return f"{self.name} is not trusted: {error.verify_message.rstrip('.')}; {hint}"


def names(address: Address) -> tuple[str, ...]:
    """Return how clients write the server: `HOST:PORT`, and `HOST` too for port 443."""
    whole = str(address)
    return (whole, whole.rpartition(":")[0]) if address.port == PORTS["https"] else (whole,)


def authorities(known_as: Iterable[str], roots: Iterable[Path] | None = None) -> tuple[Path, ...]:
    """Return the certificates that container clients of this machine trust for a server; see `moorage trust`."""
    folders = (Path("/etc"), Path.home() / ".config") if roots is None else roots
    found = (
        path
        for root in folders
        for client in CLIENTS
        for name in known_as
        for path in sorted((root / client.folder / "certs.d" / name).glob("*.crt"))
    )
    return tuple(found)


def context_of(found: Iterable[Path], ca_file: Path | None) -> ssl.SSLContext:
    """Return whom to trust: what the system does, and what was found, or the one authority that was named."""
    context = ssl.create_default_context()
    for path in found if ca_file is None else (ca_file,):
        try:
            context.load_verify_locations(path)
        except ssl.SSLError:
            raise ApiError(f"{path} is no certificate in PEM form") from None
        except OSError as error:
            raise ApiError(f"{path}: {error.strerror}") from None
    return context


def authorization_of(client: Client, known_as: tuple[str, ...]) -> tuple[str | None, str]:
    """Return the Authorization header, and where it comes from in words."""
    if client.token is not None:
        return f"Bearer {client.token}", "the token of MOORAGE_TOKEN"
    if client.user is not None and client.password is not None:
        return _basic(client.user, client.password), f"the password of MOORAGE_USER {client.user}"
    login = find(client.stores, known_as)
    if login is None:
        return None, ""
    return _basic(login.user, login.password), f"the login of {login.user} in {login.source}"


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
