"""Directories that speak LDAP (RFC 4511): who somebody is, whether the password is theirs, and their groups.

    connection 1, as bind_dn     search the person ───────────────▶ search their groups
    connection 2, as the person                    └▶ bind: right? ─┘      as nobody, where no person was found

Always over TLS with a verified certificate. ldap3 waits where it calls, so each directory has threads of its own: one
that hangs keeps nobody waiting but its own people.
"""

import asyncio
import re
import secrets
import ssl
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from ldap3 import ANONYMOUS, DEREF_NEVER, NONE, SIMPLE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException, LDAPInvalidDnError
from ldap3.core.results import (
    RESULT_CONSTRAINT_VIOLATION,
    RESULT_INAPPROPRIATE_AUTHENTICATION,
    RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    RESULT_INVALID_CREDENTIALS,
    RESULT_NO_SUCH_OBJECT,
    RESULT_SUCCESS,
    RESULT_UNWILLING_TO_PERFORM,
)
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from moorage.auth.ldap_options import URL, LdapOptions
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity

PORTS: dict[Literal["ldap", "ldaps"], int] = {"ldap": 389, "ldaps": 636}
PAGE = 500
"""Entries in an answer: Active Directory gives 1000 at most."""

PAGED = "1.2.840.113556.1.4.319"
OBJECT_GUID = "objectguid"
LONGEST_REASON = 200

# What a server answers to a bind it will not have: the password is wrong, or the account is locked, expired, or gone.
REFUSALS = frozenset(
    {
        RESULT_INVALID_CREDENTIALS,
        RESULT_INAPPROPRIATE_AUTHENTICATION,
        RESULT_CONSTRAINT_VIOLATION,
        RESULT_INSUFFICIENT_ACCESS_RIGHTS,
        RESULT_NO_SUCH_OBJECT,
        RESULT_UNWILLING_TO_PERFORM,
    }
)

# Which errno, which line of OpenSSL: noise to whoever reads it.
_NOISE = re.compile(r"\[(?:Errno -?\d+|SSL: \w+)\] | ?\(_ssl\.c:\d+\)|^[a-z ]+ error(?: while opening)?: ")


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of the directory; attributes by lower-case name."""

    dn: str
    attributes: dict[str, list[bytes]]

    def texts(self, attribute: str) -> list[str]:
        """Return the values of an attribute, in an order that does not change."""
        return sorted(_text(attribute, value) for value in self.attributes.get(attribute.lower(), []))


class _RefusedError(Exception):
    """The directory can't tell; why stands in the message."""


class LdapDirectory:
    """Verifies the passwords of one directory; see `PasswordDirectory`."""

    def __init__(self, name: str, options: LdapOptions) -> None:
        self._name = name
        self._options = options
        self._tls = _Verified(ssl.create_default_context(cafile=options.ca_file))
        self._threads = ThreadPoolExecutor(options.connections, f"ldap-{name}")

    @property
    def name(self) -> str:
        """See `PasswordDirectory`."""
        return self._name

    async def authenticate(self, name: str, password: str) -> Identity | None:
        """See `PasswordDirectory`."""
        # A bind without a password is anonymous, and succeeds: https://www.rfc-editor.org/rfc/rfc4513#section-5.1.2
        if not _is_text(name) or not _is_text(password):
            return None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._options.timeout):
                return await loop.run_in_executor(self._threads, self._authenticate, name, password)
        except TimeoutError:
            self._fail(f"no answer within {self._options.timeout} seconds")
        except (_RefusedError, LDAPException, OSError) as error:
            self._fail(_reason(error))

    def close(self) -> None:
        """Let the threads end with what they are doing."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _fail(self, reason: str) -> NoReturn:
        message = f"the directory {self._name} cannot be asked: {reason}"
        raise MoorageError(ErrorCode.UNAVAILABLE, message, {"directory": self._name})

    def _authenticate(self, name: str, password: str) -> Identity | None:
        options = self._options
        with self._connection(options.bind_dn) as connection:
            secret = options.bind_password.get_secret_value() if options.bind_password else ""
            if not _bind(connection, secret):
                raise _RefusedError("it refuses bind_dn with bind_password")
            person = self._person(connection, name)
            if person is None:
                self._pretend()
                return None
            if not self._is_right(person.dn, password):
                return None
            groups = self._groups(connection, person)
        email = next(iter(person.texts(options.email)), "")
        return Identity(self._name, self._one(person, options.subject), self._one(person, options.name), email, groups)

    def _person(self, connection: Any, name: str) -> _Entry | None:  # noqa: ANN401  ldap3 has no types
        options = self._options
        wanted = [options.subject, options.name, options.email, *([options.member_of] if options.member_of else [])]
        condition = options.person_filter.replace("{name}", escape_filter_chars(name))
        found = list(_search(connection, options.people, condition, wanted))
        if len(found) > 1:
            raise _RefusedError(f"{len(found)} people match that name: make person_filter narrower")
        return found[0] if found else None

    def _is_right(self, dn: str, password: str) -> bool:
        with self._connection(dn) as connection:
            return _bind(connection, password)

    def _pretend(self) -> None:
        """Do what a wrong password takes, so that how long it lasts tells nobody which names there are.

        Nobody has the name that is tried, so no account comes nearer to being locked; the password is a random one.
        """
        with suppress(_RefusedError):
            self._is_right(f"cn={secrets.token_hex(16)},{self._options.people}", secrets.token_hex(16))

    def _groups(self, connection: Any, person: _Entry) -> tuple[str, ...]:  # noqa: ANN401  ldap3 has no types
        options = self._options
        if options.member_of:
            return _both_forms(person.texts(options.member_of))
        if options.groups is None:
            return ()
        condition = options.group_filter.replace("{dn}", escape_filter_chars(person.dn))
        return _both_forms([entry.dn for entry in _search(connection, options.groups, condition, ["1.1"])])

    def _one(self, person: _Entry, attribute: str) -> str:
        values = person.texts(attribute)
        if not values or not values[0]:
            raise _RefusedError(f"{person.dn} has no {attribute}, or bind_dn may not read it")
        return values[0]

    @contextmanager
    def _connection(self, user: str | None) -> Iterator[Any]:
        """Connect as somebody who is not bound yet."""
        match = URL.fullmatch(self._options.url)
        assert match is not None  # noqa: S101  the options were checked
        is_ldaps = self._options.url.startswith("ldaps")
        port = int(match["port"] or PORTS["ldaps" if is_ldaps else "ldap"])
        seconds = self._options.timeout
        server = Server(
            match["host"].strip("[]"), port, use_ssl=is_ldaps, tls=self._tls, get_info=NONE, connect_timeout=seconds
        )
        connection = Connection(
            server,
            user=user,
            # Refused by ldap3 when empty; `_bind` gives the real one, or none.
            password="-" if user else None,
            authentication=SIMPLE if user else ANONYMOUS,
            auto_referrals=False,
            check_names=False,
            auto_escape=False,
            receive_timeout=seconds,
        )
        try:
            connection.open(read_server_info=False)
            if not is_ldaps:
                _start_tls(connection)
            yield connection
        finally:
            with suppress(LDAPException, OSError):
                connection.unbind()
            if connection.socket is not None:
                connection.socket.close()


class _Verified(Tls):  # type: ignore[misc]  # ldap3 has no types
    """TLS as the standard library verifies it: authorities, host names and IP addresses."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ANN401, ARG002, FBT001, FBT002  ldap3's signature
        """Shake hands, or raise SSLError."""
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=connection.server.host)


def _is_text(text: str) -> bool:
    """Tell whether there is anything, and all of it can be sent: JSON can say half a character."""
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def _start_tls(connection: Any) -> None:  # noqa: ANN401  ldap3 has no types
    if not connection.start_tls(read_server_info=False):
        raise _RefusedError("it does not begin with TLS")


def _both_forms(names: list[str]) -> tuple[str, ...]:
    """Return distinguished names as they were written and in their normal form: whichever somebody has typed counts."""
    return tuple(sorted({*names, *map(normal_dn, names)}))


def normal_dn(dn: str) -> str:
    """Return a distinguished name in one form: lower case, no spaces around its parts."""
    try:
        parts = parse_dn(dn, strip=True)
    except LDAPInvalidDnError:
        return dn.lower()
    return "".join(f"{name}={value}{separator}" for name, value, separator in parts).lower()


def _bind(connection: Any, password: str) -> bool:  # noqa: ANN401  ldap3 has no types
    """Bind; False when the directory will not have this password. Bytes go as they are, text ldap3 would change."""
    if connection.authentication == SIMPLE:
        connection.password = password.encode()
    connection.bind(read_server_info=False)
    code = connection.result["result"]
    if code not in REFUSALS and code != RESULT_SUCCESS:
        raise _RefusedError(f"a bind ended with {connection.result['description']}")
    return bool(code == RESULT_SUCCESS)


def _search(connection: Any, base: str, condition: str, attributes: list[str]) -> Iterator[_Entry]:  # noqa: ANN401  ldap3 has no types
    """Find entries, page by page; references to other servers are passed over."""
    cookie = None
    while cookie is None or cookie:
        connection.search(
            base,
            condition,
            SUBTREE,
            dereference_aliases=DEREF_NEVER,
            attributes=attributes,
            paged_size=PAGE,
            paged_cookie=cookie,
        )
        result = connection.result
        if result["result"] != RESULT_SUCCESS:
            raise _RefusedError(f"a search below {base} ended with {result['description']}")
        for entry in connection.response:
            if entry["type"] == "searchResEntry":
                values = {name.lower(): list(found) for name, found in entry["raw_attributes"].items()}
                yield _Entry(entry["dn"], values)
        cookie = result.get("controls", {}).get(PAGED, {}).get("value", {}).get("cookie") or b""


def _text(attribute: str, value: bytes) -> str:
    if attribute.lower() == OBJECT_GUID:
        # Active Directory's own order of bytes, as its tools show it.
        return str(uuid.UUID(bytes_le=value))
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _reason(error: Exception) -> str:
    """Say in one line why a directory can't be asked; no password is ever part of it."""
    told = error
    # Where a name has several addresses, ldap3 lists what came of each.
    while len(told.args) > 1 and isinstance(told.args[1], list) and told.args[1]:
        told = told.args[1][-1][0]
    text = " ".join(str(told.args[0] if told.args else told).split())
    return _NOISE.sub("", text)[:LONGEST_REASON] or type(error).__name__
