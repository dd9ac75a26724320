"""Addresses, as settings and the command line write them: a host and a port."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Self

from moorage.domain.network import Network

LONGEST_PORT = 65_535

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_BRACKETED = re.compile(r"\[(?P<host>[^\]]*)\]:(?P<port>[0-9]{1,5})", re.ASCII)
_PLAIN = re.compile(r"(?P<host>[^:\[\]]+):(?P<port>[0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a door listens: a host name or IP address, and a port from 1 to 65535."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address written as `host:port`, `1.2.3.4:port` or `[::1]:port`; ValueError if it is none."""
        bracketed = _BRACKETED.fullmatch(text)
        match = bracketed or _PLAIN.fullmatch(text)
        if match is None or not 1 <= int(match["port"]) <= LONGEST_PORT:
            raise ValueError(text)
        if bracketed:
            ipaddress.IPv6Address(match["host"])
        elif not is_host_name(match["host"]):
            raise ValueError(text)
        return cls(match["host"], int(match["port"]))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    def __str__(self) -> str:
        """Write the address as `parse` reads it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_host_name(text: str) -> bool:
    """Tell whether `text` is an IP address or a DNS name of letters, digits, `-`, `_` and dots."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST_NAME.fullmatch(text) is not None and not text.rpartition(".")[2].isdigit()
    return True


def host_names_in(value: object) -> tuple[str, ...]:
    """Return the host names in a list, or in a text with commas between; ValueError if one is none."""
    names = _listed(value)
    if not all(is_host_name(name) for name in names):
        raise ValueError(value)
    return names


def networks_in(value: object) -> tuple[Network, ...]:
    """Return the networks in a list, or in a text with commas between; ValueError if one is none."""
    return tuple(ipaddress.ip_network(text) for text in _listed(value))


def _listed(value: object) -> tuple[str, ...]:
    pieces = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    texts = tuple(dict.fromkeys(piece.strip() if isinstance(piece, str) else "" for piece in pieces))
    if not all(texts) or not (texts or isinstance(value, list | tuple)):
        raise ValueError(value)
    return texts
