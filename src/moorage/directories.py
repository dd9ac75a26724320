"""The directories of people: what the file `directories.toml` says, with one table for each.

    [ldap.corp]
    url = "ldaps://ldap.example.org"
    people = "ou=people,dc=example,dc=org"

What each kind may say stands in the models of `auth`. A secret `bind_password` can also come from a file that
`bind_password_file` names.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from moorage.auth.ldap_options import LdapOptions
from moorage.auth.oidc_options import OidcOptions, TrustOptions

NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*", re.ASCII)
LONGEST_NAME = 32
FILE = "_file"
NESTED = 3
"""Parts of the place of a key, as ldap.corp.url; a key within a table of tables has more."""

Tables = dict[str, dict[str, dict[str, Any]]]
"""Options by kind, name and key, as the file has them."""


class DirectoriesError(Exception):
    """One line for the person who starts the server: what is wrong, and where."""


class Directories(BaseModel):
    """Every directory, by kind and name, in the order of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ldap: Mapping[str, LdapOptions] = Field(default_factory=dict)
    oidc: Mapping[str, OidcOptions] = Field(default_factory=dict)
    trust: Mapping[str, TrustOptions] = Field(default_factory=dict)


KINDS: Mapping[str, type[BaseModel]] = {
    kind: get_args(field.annotation)[1] for kind, field in Directories.model_fields.items()
}


def read_directories(named: Path | None, default: Path) -> Directories:
    """Return what the file says that a setting names, or else the default one if it is there; raise DirectoriesError.

    No message holds a secret's value.
    """
    path = named or default
    if named is None and not path.exists():
        return Directories()
    try:
        return Directories.model_validate(_with_secrets(_tables(_read(path))))
    except ValidationError as error:
        raise DirectoriesError(f"{path}: {_explain(error.errors(include_input=False)[0])}") from None
    except ValueError as error:
        raise DirectoriesError(f"{path}: {error}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"it is no TOML: {error}") from None


def _tables(document: dict[str, Any]) -> Tables:
    """Check everything about names; no two directories have the same, of whatever kind."""
    kinds: dict[str, str] = {}
    for kind, named in document.items():
        if kind not in KINDS:
            raise ValueError(f"{kind}: there is no such kind of directory{_guess(kind, KINDS)}")
        if not isinstance(named, dict) or not all(isinstance(table, dict) for table in named.values()):
            raise ValueError(f"{kind}: give each directory a name and a table, as [{kind}.corp]")
        for name in named:
            if NAME.fullmatch(name) is None or len(name) > LONGEST_NAME:
                wanted = f"1 to {LONGEST_NAME} lower-case letters and digits, with single - or _ between"
                raise ValueError(f"{kind}.{name}: the name of a directory is {wanted}")
            if name in kinds:
                raise ValueError(f"{kind}.{name}: there is {kinds[name]}.{name} already; each name is given once")
            kinds[name] = kind
    return document


def _with_secrets(tables: Tables) -> Tables:
    """Put in place of each `NAME_file` what the file holds, if NAME is a secret."""
    return {
        kind: {name: dict(_filled(f"{kind}.{name}", KINDS[kind], options)) for name, options in named.items()}
        for kind, named in tables.items()
    }


def _filled(where: str, model: type[BaseModel], options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    secrets = {f"{name}{FILE}": name for name, field in model.model_fields.items() if _is_secret(field.annotation)}
    for key, value in options.items():
        name = secrets.get(key)
        if name is None:
            yield key, value
        elif name in options:
            raise ValueError(f"{where}.{key}: {name} says the same thing; keep one of them")
        else:
            yield name, _secret_in(f"{where}.{key}", value)


def _secret_in(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: this must be the name of a file")  # noqa: TRY004  a value of the file, not a fault
    try:
        secret = Path(value).expanduser().read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ValueError(f"{where}: {value} cannot be read: {reason}") from None
    if not secret:
        raise ValueError(f"{where}: {value} is empty")
    return secret


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or SecretStr in get_args(annotation)


def _explain(error: ErrorDetails) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        kind, key, is_nested = error["loc"][0], error["loc"][-1], len(error["loc"]) > NESTED
        return f"{where}: there is no such key{_guess(str(key), {} if is_nested else KINDS[str(kind)].model_fields)}"
    if error["type"] == "missing":
        return f"{where}: this is needed"
    message = error["msg"].removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}"


def _guess(word: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {close[0]}?" if close else ""
