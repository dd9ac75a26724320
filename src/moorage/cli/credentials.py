"""What `docker login`, `podman login` and their like have kept: read from their file, or asked of their helper.

    {"auths": {"proget:5443": {"auth": BASE64(USER:PASSWORD)}},
     "credHelpers": {"proget:5443": "pass"}, "credsStore": "desktop"}

A helper is the program `docker-credential-NAME`: `get` reads the server from its input and answers
`{"ServerURL", "Username", "Secret"}`. Sources: https://docs.docker.com/reference/cli/docker/login/#credential-stores ·
https://github.com/docker/docker-credential-helpers#development · containers-auth.json(5)
"""

import base64
import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moorage.cli.transport import ApiError

SECONDS_TO_ANSWER = 120
"""A helper may ask somebody for the passphrase of its store."""

NOT_FOUND = "credentials not found"
OF_TOKEN = "<token>"  # noqa: S105  the user name that stands before a token
ONLY_IMAGES = "set MOORAGE_TOKEN, or MOORAGE_USER and MOORAGE_PASSWORD: what docker keeps is good for images only"


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and password, and the file or program they were in."""

    user: str
    password: str = field(repr=False)
    source: str


def find(stores: Iterable[Path], known_as: Iterable[str]) -> Login | None:
    """Return the first login for a server, by any of its names; raise ApiError for a store that can't be used."""
    names = tuple(known_as)
    for path in stores:
        config = _read(path)
        for name in names:
            helper = _object(config, "credHelpers").get(name) or config.get("credsStore")
            found = _ask(str(helper), name) if helper else None
            if found or (found := _written(_object(config, "auths"), name, path)):
                return found
    return None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ApiError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise ApiError(f"{path} is no JSON") from None
    return config if isinstance(config, dict) else {}


def _object(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    return value if isinstance(value, dict) else {}


def _written(auths: Mapping[str, Any], name: str, path: Path) -> Login | None:
    """Return what stands in the file itself; its names may be whole addresses, as `https://proget:5443/v2/`."""
    for key in auths:
        if key.removeprefix("https://").removeprefix("http://").partition("/")[0] != name:
            continue
        entry = _object(auths, key)
        if entry.get("identitytoken"):
            raise ApiError(f"{path} has no password for {name}; {ONLY_IMAGES}")
        try:
            user, colon, password = base64.b64decode(str(entry.get("auth", "")), validate=True).decode().partition(":")
        except ValueError:
            raise ApiError(f"the login for {name} in {path} is damaged: sign in again") from None
        if colon:
            # Old dockers put zero bytes behind it.
            return Login(user, password.rstrip("\0"), str(path))
    return None


def _ask(helper: str, name: str) -> Login | None:
    program = f"docker-credential-{helper}"
    if re.fullmatch(r"[A-Za-z0-9._-]+", helper, re.ASCII) is None:
        raise ApiError(f"{helper!r} is no name of a credential helper")
    try:
        done = subprocess.run(  # noqa: S603  the helper that the user's own configuration names
            [program, "get"], input=name.encode(), capture_output=True, check=False, timeout=SECONDS_TO_ANSWER
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else f"no answer within {SECONDS_TO_ANSWER} seconds"
        raise ApiError(f"{program} can't be asked for a password: {reason}") from None
    said = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        if NOT_FOUND in said:
            return None
        reason = said.strip() or f"exit code {done.returncode}"
        raise ApiError(f"{program} gives no password: {reason}")
    try:
        answer = json.loads(said)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise ApiError(f"{program} answers what is no login") from None
    if user == OF_TOKEN:
        raise ApiError(f"{program} has no password for {name}; {ONLY_IMAGES}")
    return Login(user, secret, program)
