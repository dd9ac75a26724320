"""Networks, and who is in them."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


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


def is_public(text: str) -> bool:
    """Tell whether an address is one of the open internet; what is wrapped in an IPv6 address is looked at as well."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return address.is_global and not address.is_multicast
