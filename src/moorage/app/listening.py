"""Addresses that doors open at."""

import socket

from moorage.settings import Address


class PortTaken(Exception):  # noqa: N818  it is said, not raised at people
    """Another program listens where a door should open."""


def check_free(address: Address) -> None:
    """Raise PortTaken unless a door can open at an address; granian itself would share a port without a word."""
    host, family = resolved(address)
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, address.port))
            probe.listen(1)
        except OSError as error:
            raise PortTaken(f"cannot listen on {address}: {error.strerror or error}") from None


def resolved(address: Address) -> tuple[str, socket.AddressFamily]:
    """Return the IP address a name stands for: granian takes no names."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise PortTaken(f"cannot listen on {address}: {error.strerror}") from None
    family, *_, place = found[0]
    return str(place[0]), family
