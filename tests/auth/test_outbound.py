"""Nobody can make the server talk to itself or its neighbours, whatever a name resolves to."""

import pytest

from moorage.auth.oidc_options import IssuerOptions, origin_of
from moorage.auth.outbound import Outbound, OutboundError
from moorage.domain.network import is_public
from tests.auth.issuing import open_issuer


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",  # noqa: S104  refused
        "192.0.2.7", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_network_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1"])
async def test_loopback_is_refused_by_number_and_by_name(host: str) -> None:
    async with open_issuer() as issuer:
        port = issuer.url.rpartition(":")[2]
        # What `allow_private = true` would let pass; the address is what is looked at, not how it is written.
        options = IssuerOptions(issuer=f"http://{host}:{port}", allow_private=True)
        guarded = Outbound(options.model_copy(update={"allow_private": False}))
        with pytest.raises(OutboundError, match=r"allow_private|canonical"):
            await guarded.get(f"http://{host}:{port}/keys")
        assert issuer.asked == []


async def test_another_origin_is_not_asked() -> None:
    async with open_issuer() as issuer, open_issuer() as other:
        outbound = Outbound(IssuerOptions(issuer=issuer.url, allow_private=True))
        with pytest.raises(OutboundError, match="is not at"):
            await outbound.get(f"{other.url}/keys")
        assert other.asked == []


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://id.example.org/realms/main", "https://id.example.org"),
        ("https://id.example.org:443", "https://id.example.org"),
        ("https://ID.example.org:8443/", "https://id.example.org:8443"),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ("https://id.example.org@evil.example/", ""),
        ("https://", ""),
        ("file:///etc/passwd", ""),
        ("https://id.example.org:port/", ""),
        ("https://bücher.example", ""),
        ("", ""),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "options",
    [
        {"issuer": "http://id.example.org"},
        {"issuer": "ftp://id.example.org"},
        {"issuer": "https://id.example.org?x=1"},
        {"issuer": "id.example.org"},
        {"issuer": "https://id.example.org", "origins": ["http://keys.example.org"]},
        {"issuer": "https://id.example.org", "origins": ["*"]},
    ],
)
def test_an_issuer_is_asked_over_tls(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        IssuerOptions.model_validate(options)
