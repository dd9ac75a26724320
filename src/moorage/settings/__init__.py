"""Every option of the server, and the only place that reads the environment.

A setting has one name everywhere: `host_names` is `--host-names` on the command line, `MOORAGE_HOST_NAMES` in the
environment and `host_names` in the TOML file. The first of these that gives a value wins; then comes the default.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NoReturn, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from moorage.domain.network import Network
from moorage.settings.address import Address, host_names_in, is_host_name, networks_in
from moorage.settings.client import CLIENT
from moorage.settings.storage import REGION, BucketAddress
from moorage.settings.told import ADDRESS, NETWORKS, SECONDS, Told
from moorage.settings.values import (
    LONGEST_WAIT,
    as_address,
    as_database_url,
    as_path,
    as_secret,
    as_size,
    as_storage,
    as_switch,
    as_time_of_day,
    as_url,
    as_whole,
    as_word,
    as_yes_or_no,
)

__all__ = ["OPTIONS", "Address", "Option", "Settings", "SettingsError", "is_host_name", "load"]

PREFIX = "MOORAGE_"
TO = "MOORAGE_TO_"
"""Begins what the environment tells `moorage move` of its destination; see destination.py."""

BACKUP = "MOORAGE_BACKUP_"
"""Begins what the environment tells of the bucket for backups; see backup.py."""

MOST_DAYS = 3650
MOST_WORKERS = 64
LONGEST_QUOTE = 60
TOGETHER = "settings_do_not_fit_together"


class SettingsError(Exception):
    """One line for the person who starts the server: which setting, where it came from, and what is allowed."""


_Door = Annotated[Address | None, BeforeValidator(as_address)]
_File = Annotated[Path | None, BeforeValidator(as_path)]
_Seconds = Annotated[int, BeforeValidator(as_whole), Field(ge=0, le=LONGEST_WAIT)]


class Settings(BaseModel):
    """What the server runs with. `None` means off for an address, and unset elsewhere; times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)

    config: Annotated[_File, Told("a TOML file", "The file to read settings from.", "none")] = None
    data: Annotated[
        Path,
        BeforeValidator(as_path),
        Told("a folder", "Where the server keeps everything it stores; made when missing.", "./data"),
    ] = Path("data")
    https: Annotated[_Door, Told(ADDRESS, "Where the server answers HTTPS: the door for clients and browsers.")] = (
        Address("0.0.0.0", 5443)  # noqa: S104 - a registry is there to be reached from other machines
    )
    http: Annotated[
        _Door, Told(ADDRESS, "Where it answers plain HTTP: for clients on this machine and TLS-terminating proxies.")
    ] = Address("127.0.0.1", 5080)
    insecure_http: Annotated[
        bool,
        BeforeValidator(as_yes_or_no),
        Told("true or false", "Allow plain HTTP on an address that other machines can reach."),
    ] = False
    workers: Annotated[
        int,
        BeforeValidator(as_whole),
        Field(ge=1, le=MOST_WORKERS),
        Told(f"a whole number, 1 to {MOST_WORKERS}", "How many processes answer requests."),
    ] = 1
    host_names: Annotated[
        tuple[str, ...],
        BeforeValidator(host_names_in),
        Told(
            "host names or IP addresses (a list in the file, separated by commas elsewhere)",
            "Further names the server is reached by; they go into the certificate it makes for itself.",
            "none",
        ),
    ] = ()
    external_url: Annotated[
        str | None,
        BeforeValidator(as_url),
        Told(
            "https://HOST[:PORT] or http://HOST[:PORT], without a path",
            "How clients reach the server; every link and sign-in address it gives out begins with this.",
            "the host the client asked for",
        ),
    ] = None
    trusted_proxies: Annotated[
        tuple[Network, ...],
        BeforeValidator(networks_in),
        Told(
            NETWORKS,
            "Proxies whose X-Forwarded-For header is believed: it says where a request came from.",
            "none",
        ),
    ] = ()
    tls_cert: Annotated[
        _File, Told("a PEM file", "A certificate of your own with its chain; needs tls_key.", "made by the server")
    ] = None
    tls_key: Annotated[
        _File, Told("a PEM file", "The private key of tls_cert, without a passphrase.", "made by the server")
    ] = None
    admin_password: Annotated[
        SecretStr | None,
        BeforeValidator(as_secret),
        Told("text", "The password the account admin gets on the first start.", "made and printed once"),
    ] = None
    database_url: Annotated[
        SecretStr | None,
        BeforeValidator(as_database_url),
        Told(
            "sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME",
            "The database; all servers on one PostgreSQL are one Moorage.",
            "sqlite:///DATA/moorage.db",
        ),
    ] = None
    storage_url: Annotated[
        Path | BucketAddress | None,
        BeforeValidator(as_storage),
        Told("file://FOLDER or s3://BUCKET/PREFIX", "Where blobs are kept.", "file://DATA/blobs"),
    ] = None
    s3_endpoint: Annotated[
        str | None,
        BeforeValidator(as_url),
        Told(
            "https://HOST[:PORT] or http://HOST[:PORT], without a path",
            "The server that speaks S3, where it is not Amazon's.",
            "Amazon's in s3_region",
        ),
    ] = None
    s3_region: Annotated[
        str,
        Field(pattern=r"^[a-z0-9-]{1,40}$"),
        Told("a region's name", "The region of the bucket; what a server of one's own has none of takes any."),
    ] = REGION
    s3_access_key_id: Annotated[
        SecretStr | None, BeforeValidator(as_secret), Told("text", "Who asks the bucket; s3://… needs it.", "none")
    ] = None
    s3_secret_access_key: Annotated[
        SecretStr | None, BeforeValidator(as_secret), Told("text", "The secret of s3_access_key_id.", "none")
    ] = None
    s3_public_endpoint: Annotated[
        str | None,
        BeforeValidator(as_url),
        Told(
            "https://HOST[:PORT] or http://HOST[:PORT], without a path",
            "That server as redirected clients reach it, where they know it by another name than s3_endpoint.",
            "s3_endpoint",
        ),
    ] = None
    redirects: Annotated[
        bool,
        BeforeValidator(as_switch),
        Told("on or off", "Redirect pulls of blobs to the bucket; a registry may say otherwise.", "off"),
    ] = False
    redirect_networks: Annotated[
        tuple[Network, ...],
        BeforeValidator(networks_in),
        Told(NETWORKS, "Only clients in these networks are redirected: those that reach the bucket.", "all"),
    ] = ()
    directories: Annotated[
        _File,
        Told(
            "a TOML file",
            "The file that names directories of people: LDAP servers and the like.",
            "DATA/directories.toml, if there is one",
        ),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(as_word),
        Told("debug, info, warning or error", "The least important lines that are logged; requests are info."),
    ] = "info"
    log_format: Annotated[
        Literal["auto", "text", "json"],
        BeforeValidator(as_word),
        Told("auto, text or json", "How log lines look; auto is text on a terminal and JSON otherwise."),
    ] = "auto"
    lease: Annotated[
        _Seconds, Told(SECONDS, "How long content is safe from collection after a push, or a HEAD that found it.")
    ] = 86_400
    collect_every: Annotated[
        _Seconds, Told(SECONDS, "How often content that nothing needs is collected; 0 is never.")
    ] = 3_600
    verify_days: Annotated[
        int,
        BeforeValidator(as_whole),
        Field(ge=0, le=MOST_DAYS),
        Told(
            f"whole days, 0 to {MOST_DAYS}",
            "In how many days everything that is stored is read and compared with its digest; 0 is never.",
        ),
    ] = 30
    retention_at: Annotated[
        int | None,
        BeforeValidator(as_time_of_day),
        Told("HH:MM or off", "When, in UTC, rules of retention run each day; off is never by themselves.", "02:00"),
    ] = 120
    quota: Annotated[
        int | None,
        BeforeValidator(as_size),
        Told(
            "a size as 500GB, in steps of 1000, or none",
            "How much all registries together may hold, every layer once and what can be restored included.",
            "none",
        ),
    ] = None
    drain: Annotated[
        _Seconds, Told(SECONDS, "How long a stopping server waits for uploads and downloads under way.")
    ] = 30

    @property
    def retention_time(self) -> str | None:
        """When rules of retention run, as `02:00`."""
        minutes = self.retention_at
        return None if minutes is None else f"{minutes // 60:02}:{minutes % 60:02}"

    @property
    def database_file(self) -> Path | None:
        """The SQLite file; None where the database is a server."""
        if self.database_url is None:
            return self.data / "moorage.db"
        scheme, _, place = self.database_url.get_secret_value().partition(":///")
        return Path(place) if scheme == "sqlite" else None

    @property
    def blobs(self) -> Path | BucketAddress:
        """Where blobs are kept."""
        return self.storage_url or self.data / "blobs"

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.https is None and self.http is None:
            _refuse("http", "http and https must not both be off")
        if self.https == self.http:
            _refuse("http", f"http and https must not share the address {self.http}")
        if self.http is not None and not self.http.is_loopback and not self.insecure_http:
            _refuse("http", f"http must be a loopback address, not {self.http}, unless insecure_http is true")
        if (self.tls_cert is None) != (self.tls_key is None):
            present, missing = ("tls_cert", "tls_key") if self.tls_cert else ("tls_key", "tls_cert")
            _refuse(present, f"{present} needs {missing} too: give both or neither")
        if isinstance(self.storage_url, BucketAddress) and not (self.s3_access_key_id and self.s3_secret_access_key):
            _refuse("storage_url", "a bucket needs s3_access_key_id and s3_secret_access_key")
        if self.redirects and not isinstance(self.storage_url, BucketAddress):
            _refuse("redirects", "redirects need a bucket in storage_url: clients can't read a folder")
        return self


def _refuse(name: str, reason: str) -> NoReturn:
    raise PydanticCustomError(TOGETHER, "{reason}", {"setting": name, "reason": reason})


@dataclass(frozen=True, slots=True)
class Option:
    """A row of the table of settings: the text that the command line and `docs/settings.md` show."""

    name: str
    allowed: str
    default: str
    help: str
    secret: bool

    @property
    def flag(self) -> str:
        """The setting on the command line."""
        return _flag(self.name)

    @property
    def variable(self) -> str:
        """The setting in the environment."""
        return _variable(self.name)


def _table() -> Mapping[str, Option]:
    table = {}
    for name, field in Settings.model_fields.items():
        told = next(item for item in field.metadata if isinstance(item, Told))
        default = str(field.default).lower() if told.default is None else told.default
        secret = SecretStr in get_args(field.annotation)
        table[name] = Option(name, told.allowed, default, told.help, secret)
    return table


OPTIONS: Mapping[str, Option] = _table()


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as someone gave it, and the words for where: `--https`, `MOORAGE_HTTPS`, `https in FILE`."""

    value: object
    origin: str


def load(flags: Mapping[str, object], env: Mapping[str, str] | None = None, prefix: str = PREFIX) -> Settings:
    """Return the settings that flags (by setting name; None is not given), environment and file amount to.

    Raises SettingsError with one line that never holds a secret's value.
    """
    env = os.environ if env is None else env
    flagged = _layer({name: value for name, value in flags.items() if value is not None}, _flag)
    # Compose files pass `${NAME:-}` on as an empty string: that is nobody's wish for an empty setting.
    around = {name: value for name, value in env.items() if name.startswith(prefix) and value and name not in CLIENT}
    if prefix == PREFIX:
        around = {name: value for name, value in around.items() if not name.startswith((TO, BACKUP))}
    named = {name.removeprefix(prefix): value for name, value in around.items()}
    given = {**_layer(named, partial(_variable, prefix=prefix)), **flagged}
    if "config" in given:
        given = {**_from_file(given["config"]), **given}
    try:
        return Settings.model_validate({name: item.value for name, item in given.items()})
    except ValidationError as error:
        raise SettingsError(_explain(error.errors()[0], given)) from None


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _variable(name: str, prefix: str = PREFIX) -> str:
    return prefix + name.upper()


def _layer(values: Mapping[str, object], spell: Callable[[str], str]) -> dict[str, _Given]:
    """Return the values by setting name; `NAME_file` of a secret is replaced by what the file holds."""
    spelled = {spell(name): name for name in OPTIONS}
    from_files = {spell(f"{option.name}_file"): option.name for option in OPTIONS.values() if option.secret}
    given: dict[str, _Given] = {}
    for key, value in values.items():
        origin = spell(key)
        name = spelled.get(origin) or from_files.get(origin)
        if name is None:
            close = difflib.get_close_matches(origin, [*spelled, *from_files], 1)
            guess = f"; did you mean {close[0]}?" if close else ""
            raise SettingsError(f"{origin}: there is no such setting{guess}")
        if name in given:
            raise SettingsError(f"{given[name].origin} and {origin} say the same thing: keep one of them")
        given[name] = _Given(_secret_in(value, origin) if origin in from_files else value, origin)
    return given


def _from_file(config: _Given) -> dict[str, _Given]:
    try:
        path = as_path(config.value)
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{config.origin}: {config.value} is no readable TOML file: {_reason(error)}") from None
    if "config" in values:
        raise SettingsError(f"config in {path}: a file of settings cannot name another")
    return _layer(values, lambda name: f"{name} in {path}")


def _secret_in(value: object, origin: str) -> str:
    try:
        secret = as_path(value).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise SettingsError(f"{origin}: {value} cannot be read: {_reason(error)}") from None
    if not secret:
        raise SettingsError(f"{origin}: {value} is empty")
    return secret


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return error.strerror or "it cannot be opened" if isinstance(error, OSError) else str(error)


def _explain(error: ErrorDetails, given: Mapping[str, _Given]) -> str:
    if error["type"] == TOGETHER:
        name, reason = error["ctx"]["setting"], error["ctx"]["reason"]
        origin = given[name].origin if name in given else "the default"
        return f"{reason} ({name} comes from {origin})"
    name = str(error["loc"][0])
    quoted = "" if OPTIONS[name].secret else f", not {repr(given[name].value)[:LONGEST_QUOTE]}"
    return f"{given[name].origin} must be {OPTIONS[name].allowed}{quoted}"
