"""What the environment tells commands that speak to a server elsewhere: which one it is, and who asks.

None of it is a setting of the server: `moorage serve` passes over these variables.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FROM = "FROM_"
"""What stands in front of the names for a registry that copies come from: it is another one than the server's."""

_TEXTS = ("CA_FILE",)
_SECRETS = ("TOKEN", "USER", "PASSWORD")
CLIENT = frozenset(
    f"MOORAGE_{of}{name}"
    for of in ("", FROM)
    for name in (*_TEXTS, *_SECRETS, *(f"{secret}_FILE" for secret in _SECRETS))
) | {"MOORAGE_SERVER"}
"""The variables of commands."""


class ClientError(Exception):
    """One line: which variable is no good, and why; never a secret's value."""


@dataclass(frozen=True, slots=True)
class Client:
    """The variables that are set; `stores` are the files where docker and podman keep credentials, first one first."""

    server: str | None = None
    ca_file: Path | None = None
    token: str | None = field(default=None, repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    stores: tuple[Path, ...] = ()


def load_client(env: Mapping[str, str] | None = None, of: str = "") -> Client:
    """Return what the environment says; raise ClientError for two that contradict each other, or a file unread.

    `of` stands in front of the names, behind MOORAGE_.
    """
    env, prefix = os.environ if env is None else env, f"MOORAGE_{of}"
    token, user, password = (_secret(env, prefix + name) for name in _SECRETS)
    if token is None and (user is None) != (password is None):
        present, missing = ("USER", "PASSWORD") if user else ("PASSWORD", "USER")
        raise ClientError(f"{prefix}{present} needs {prefix}{missing} too; or give {prefix}TOKEN alone")
    ca_file = env.get(f"{prefix}CA_FILE")
    return Client(
        server=None if of else env.get("MOORAGE_SERVER") or None,
        ca_file=Path(ca_file).expanduser() if ca_file else None,
        token=token,
        user=user,
        password=password,
        stores=_stores(env),
    )


def _secret(env: Mapping[str, str], name: str) -> str | None:
    value, file = env.get(name), env.get(f"{name}_FILE")
    if value and file:
        raise ClientError(f"{name} and {name}_FILE say the same thing: keep one of them")
    if not file:
        return value or None
    try:
        text = Path(file).expanduser().read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ClientError(f"{name}_FILE: {file} cannot be read: {reason}") from None
    if not text:
        raise ClientError(f"{name}_FILE: {file} is empty")
    return text


def _stores(env: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where docker keeps credentials, and podman.

    https://docs.docker.com/reference/cli/docker/#environment-variables · containers-auth.json(5)
    """
    home = Path(env.get("HOME") or Path.home())
    docker = Path(env.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    named, runtime = env.get("REGISTRY_AUTH_FILE"), env.get("XDG_RUNTIME_DIR")
    podman = Path(named) if named else Path(runtime or home / ".config") / "containers" / "auth.json"
    return docker, podman
