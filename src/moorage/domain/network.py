"""Networks, and who is in them."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_in(text: str) -> IPAddress | None:
    """Return the IP address a text is, an IPv4 one even where it is written as IPv6's; None where it is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_within(text: str, networks: Iterable[Network]) -> bool:
    """Tell whether a text is an address in one of the networks."""
    address = address_in(text)
    return address is not None and any(address in network for network in networks)
