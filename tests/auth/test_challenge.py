"""A challenge says where to get a token; an Authorization header is read as the specifications write it."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.auth.challenge import LONGEST_HEADER, Basic, Bearer, Challenger, read_authorization
from moorage.auth.tokens import Tokens
from moorage.domain.access import Caller
from moorage.domain.errors import MoorageError
from tests.auth.people import UNAUTHORIZED

HOSTS = [b"proget", b"proget:5443", b"PROGET.example.org", b"under_score.local", b"127.0.0.1:5080", b"[::1]:5443"]
NO_HOSTS = [
    b"",
    b'evil",realm="https://evil',
    b"evil/token",
    b"user@evil",
    b"evil:port",
    b"evil:123456",
    b"evil\nx",
    b"evil\n",
    b"a b",
    "b\xfccher.example".encode("latin-1"),
    b"-evil",
    b"[::1",
    b"x" * 300,
]

TEXT = st.characters(exclude_categories=["Cs"])


def scope(*hosts: bytes, server: tuple[str, int | None] | None = ("10.0.0.1", 5443)) -> dict[str, object]:
    return {"scheme": "https", "headers": [(b"host", host) for host in hosts], "server": server}


@pytest.mark.parametrize("host", HOSTS)
def test_a_token_is_to_be_had_where_the_client_asked(host: bytes) -> None:
    challenge = Challenger(None)(scope(host), None)
    assert challenge == f'Bearer realm="https://{host.decode()}/token",service="moorage"'


@pytest.mark.parametrize("host", NO_HOSTS)
def test_what_is_no_host_never_reaches_the_challenge(host: bytes) -> None:
    assert Challenger(None)(scope(host), None) == 'Bearer realm="https://10.0.0.1:5443/token",service="moorage"'


@pytest.mark.parametrize(
    ("server", "realm"),
    [(("::1", 5443), "https://[::1]:5443/token"), (None, "https://localhost/token"), (("a", None), "https://a/token")],
)
def test_two_hosts_are_none(server: tuple[str, int | None] | None, realm: str) -> None:
    assert f'realm="{realm}"' in Challenger(None)(scope(b"a", b"b", server=server), None)


def test_with_an_external_url_no_other_host_counts() -> None:
    challenge = Challenger("https://images.example.org")(scope(b"evil.example"), None)
    assert challenge == 'Bearer realm="https://images.example.org/token",service="moorage"'


def test_a_challenge_names_the_scope_to_ask_for_and_tells_when_the_token_was_too_small() -> None:
    challenge = Challenger("https://x")({}, "repository:dmc/ubuntu:pull,push", is_insufficient=True)
    assert challenge == (
        'Bearer realm="https://x/token",service="moorage",scope="repository:dmc/ubuntu:pull,push"'
        ',error="insufficient_scope"'
    )


@given(st.binary(max_size=40))
def test_no_host_header_breaks_out_of_the_quotes(host: bytes) -> None:
    assert Challenger(None)(scope(host), None).count('"') == 4


@given(st.text(TEXT.filter(":".__ne__)), st.text(TEXT))
def test_basic_carries_any_name_without_a_colon_and_any_password(name: str, password: str) -> None:
    credentials = base64.b64encode(f"{name}:{password}".encode())
    assert read_authorization(b"Basic " + credentials) == Basic(name, password)


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
def test_the_scheme_is_written_in_any_case(scheme: bytes) -> None:
    assert read_authorization(scheme + b" a.b-c_d") == Bearer("a.b-c_d")


def test_the_longest_header_that_is_read_holds_any_token_that_is_given() -> None:
    names = {f"{'r' * 60}/{place:02}{'x' * 192}": frozenset({"pull", "push", "delete", "*"}) for place in range(32)}
    token = Tokens({"key": b"k" * 32}).issue(Caller(7, "n" * 64), names, names, 1_800_000_000.0)
    assert read_authorization(b"Bearer " + token.encode()) == Bearer(token)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Basic !!!!",
        b"Basic YQ",
        b"Basic " + base64.b64encode(b"no colon"),
        b"Basic " + base64.b64encode(b"\xff\xfe:latin"),
        b"Bearer",
        b"Bearer a b",
        b"Bearer  a",
        b"Bearer a ",
        b"Bearer " + b"a" * LONGEST_HEADER,
        b"Basic " + base64.b64encode(b"name:" + b"p" * LONGEST_HEADER),
        b"Bearer a,b",
        b"Bearer \xff",
        b"Digest username=x",
        b"Negotiate YII=",
        b"Bearer a\n",
    ],
)
def test_anything_else_is_refused(header: bytes) -> None:
    with pytest.raises(MoorageError) as refused:
        read_authorization(header)
    assert refused.value.error is UNAUTHORIZED


@given(st.binary() | st.binary().map(lambda rest: b"Basic " + rest) | st.binary().map(lambda rest: b"Bearer " + rest))
def test_every_header_is_read_or_refused(header: bytes) -> None:
    found: object = None
    try:
        found = read_authorization(header)
    except MoorageError as refused:
        found = refused.error
    assert found is UNAUTHORIZED or isinstance(found, Basic | Bearer)


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(MoorageError) as refused:
        read_authorization(b"Basic " + base64.b64encode(b"hunter2-without-a-colon"))
    assert "hunter2" not in f"{refused.value.message}{refused.value.detail}"
    assert refused.value.__cause__ is None
