"""Where a request came from, behind proxies."""

import asyncio
import ipaddress
from typing import Any

import pytest

from moorage.app.proxies import BehindProxies

PROXIES = (ipaddress.ip_network("127.0.0.1"), ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


def seen(peer: str | None, *forwarded: str) -> str | None:
    """Return the client's address as the server sees it."""
    found: list[Any] = []

    async def inner(scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401  ASGI
        found.append(scope["client"])

    scope = {
        "type": "http",
        "client": None if peer is None else (peer, 4711),
        "headers": [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded],
    }
    asyncio.run(BehindProxies(inner, PROXIES)(scope, None, None))
    return None if found[0] is None else str(found[0][0])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9", "10.1.2.3"], "203.0.113.9"),
        ("::ffff:127.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("fd00::1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
    ],
)
def test_a_trusted_proxy_says_who_asks(peer: str, forwarded: list[str], client: str) -> None:
    assert seen(peer, *forwarded) == client


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1", ["198.51.100.1, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1, \xe9"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1,"], "127.0.0.1"),
        ("127.0.0.1", ["fe80::1%anything goes"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1" + ", 10.1.2.3" * 1000], "10.1.2.3"),
        ("nonsense", ["198.51.100.1"], "nonsense"),
    ],
)
def test_nobody_else_says_who_asks(peer: str, forwarded: list[str], client: str) -> None:
    assert seen(peer, *forwarded) == client


def test_a_request_from_nowhere_stays_so() -> None:
    assert seen(None, "198.51.100.1") is None
