"""Who is redirected, case by case; docs/storage.md has the table for people."""

import pytest

from moorage.domain.network import Network
from moorage.domain.redirect import RedirectRule, Redirects
from moorage.settings.address import networks_in

CLUSTER = networks_in("10.0.0.0/8, fd00::/8")
INSIDE, OUTSIDE = "10.1.2.3", "192.0.2.1"


@pytest.mark.parametrize(
    ("registry", "is_on", "networks", "client", "expected"),
    [
        (Redirects.SERVER, False, (), OUTSIDE, False),
        (Redirects.SERVER, False, CLUSTER, INSIDE, False),
        (Redirects.SERVER, True, (), OUTSIDE, True),
        (Redirects.SERVER, True, CLUSTER, INSIDE, True),
        (Redirects.SERVER, True, CLUSTER, OUTSIDE, False),
        (Redirects.ON, False, (), OUTSIDE, True),
        (Redirects.ON, False, CLUSTER, INSIDE, True),
        (Redirects.ON, True, CLUSTER, OUTSIDE, False),
        (Redirects.ON, False, CLUSTER, OUTSIDE, False),
        (Redirects.OFF, True, (), INSIDE, False),
        (Redirects.OFF, True, CLUSTER, INSIDE, False),
    ],
)
def test_a_registry_says_whether_and_the_networks_say_who(
    registry: Redirects, *, is_on: bool, networks: tuple[Network, ...], client: str, expected: bool
) -> None:
    assert RedirectRule(is_on=is_on, networks=networks).redirects(registry, client) is expected


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("fd00::1", True),
        ("fe80::1", False),
        ("::ffff:10.1.2.3", True),
        ("::ffff:192.0.2.1", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_whoever_is_in_no_network_for_certain_is_not_redirected(client: str, *, expected: bool) -> None:
    assert RedirectRule(is_on=True, networks=CLUSTER).redirects(Redirects.SERVER, client) is expected
