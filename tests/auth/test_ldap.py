"""The parts of LDAP that need no server, and servers that are none."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from moorage.auth.ldap import LdapDirectory, normal_dn
from moorage.auth.ldap_options import LdapOptions
from moorage.domain.errors import ErrorCode, MoorageError


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def directory(listener: socket.socket) -> Iterator[LdapDirectory]:
    url = f"ldaps://127.0.0.1:{listener.getsockname()[1]}"
    directory = LdapDirectory("corp", LdapOptions(url=url, people="dc=example", timeout=1, connections=1))
    yield directory
    directory.close()


@pytest.mark.parametrize(("name", "password"), [("ann", ""), ("", "x"), ("", ""), ("\ud800", "x"), ("ann", "\udfff")])
async def test_what_no_directory_should_be_asked_is_nobody_and_nobody_is_asked(
    directory: LdapDirectory, listener: socket.socket, name: str, password: str
) -> None:
    assert await directory.authenticate(name, password) is None
    listener.setblocking(False)  # noqa: FBT003  the standard library's
    with pytest.raises(BlockingIOError):
        listener.accept()


async def test_a_server_that_says_nothing_is_given_up_and_so_are_those_who_wait_in_line(
    directory: LdapDirectory,
) -> None:
    asked = (directory.authenticate("ann", f"password {number}") for number in range(5))
    for said in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(said, MoorageError)
        assert said.error is ErrorCode.UNAVAILABLE
        assert said.message.startswith("the directory corp cannot be asked: ")
        assert said.detail == {"directory": "corp"}
        assert "password" not in said.message


async def test_a_server_that_is_not_there_is_named_with_the_reason(
    directory: LdapDirectory, listener: socket.socket
) -> None:
    listener.close()
    with pytest.raises(MoorageError, match=r"^the directory corp cannot be asked: Connection refused$"):
        await directory.authenticate("ann", "x")


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("CN=Devs,OU=Groups,DC=example,DC=org", "cn=devs,ou=groups,dc=example,dc=org"),
        ("cn = Devs , dc=example", "cn=devs,dc=example"),
        (r"CN=Smith\, Ann+UID=x,DC=org", r"cn=smith\, ann+uid=x,dc=org"),
        ("no name at all", "no name at all"),
    ],
)
def test_a_distinguished_name_has_one_form(written: str, normal: str) -> None:
    assert normal_dn(written) == normal
    assert normal_dn(normal) == normal
