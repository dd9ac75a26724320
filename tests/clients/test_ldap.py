"""People of a real OpenLDAP server: who gets in, with which groups, and what happens when it is gone."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moorage.auth.ldap import LdapDirectory
from moorage.auth.ldap_options import LdapOptions
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.tls import ensure_certificates
from tests.clients.slapd import ADMIN, GROUPS, PEOPLE, SECRET, SUFFIX, UNNAMED, Slapd, slapd

ANN = f"uid=ann,{PEOPLE}"
MANY = 1203
SPECIAL = ["a*b", "a(b", "a)b", "a\\b", "a,b", "a+b=c", "*", "(uid=*)", "zoë"]

Open = Callable[..., LdapDirectory]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A server with people and groups that no test changes."""
    with slapd(tmp_path_factory.mktemp("slapd")) as server:
        server.load(
            server.person("ann", "ann's password", mail="ann@example.org"),
            server.person("bob", "bob's password"),
            *(server.person(name, f"{name}'s password") for name in SPECIAL),
            *(server.group(f"group-{number}", ANN) for number in range(MANY)),
            server.group("others", f"uid=bob,{PEOPLE}"),
        )
        server.start()
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Slapd]:
    """A server with Ann and Bob, of one test's own."""
    with slapd(tmp_path) as server:
        server.load(server.person("ann", "ann's password"), server.person("bob", "bob's password"))
        server.start()
        yield server


@pytest.fixture
def opened() -> Iterator[Open]:
    """Open directories that are closed with the test."""
    with contextlib.ExitStack() as stack:

        def open_directory(server: Slapd, **more: Any) -> LdapDirectory:  # noqa: ANN401  options of every type
            options = {
                "url": f"ldaps://127.0.0.1:{server.secure_port}",
                "ca_file": server.authority,
                "bind_dn": ADMIN,
                "bind_password": SECRET,
                "people": PEOPLE,
            }
            directory = LdapDirectory("corp", LdapOptions.model_validate(options | more))
            stack.callback(directory.close)
            return directory

        yield open_directory


async def refusal(directory: LdapDirectory) -> str:
    """Return why Ann can't sign in now."""
    password = "ann's password"
    with pytest.raises(MoorageError) as refused:
        await directory.authenticate("ann", password)
    assert refused.value.error is ErrorCode.UNAVAILABLE
    assert refused.value.message.startswith("the directory corp cannot be asked: ")
    assert "\n" not in refused.value.message
    for secret in (SECRET, password):
        assert secret not in refused.value.message
    return refused.value.message


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
async def test_a_right_password_is_an_identity_over_tls_and_starttls(filled: Slapd, opened: Open, scheme: str) -> None:
    port = filled.secure_port if scheme == "ldaps" else filled.port
    directory = opened(filled, url=f"{scheme}://127.0.0.1:{port}")
    ann = await directory.authenticate("ann", "ann's password")
    assert ann is not None
    assert (ann.directory, ann.name, ann.email, ann.groups) == ("corp", "ann", "ann@example.org", ())
    assert len(ann.subject) == 36
    assert await directory.authenticate("ANN", "ann's password") == ann


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ann", "wrong"),
        ("ann", "bob's password"),
        ("ann", ""),
        ("nobody", "ann's password"),
        ("", "ann's password"),
        ("a*", "ann's password"),
        ("*", "ann's password"),
        ("ann)(uid=*", "ann's password"),
        ("ann\0", "ann's password"),
        ("ann", "\0"),
        ("ann", "\ud800"),
        ("\ud800", "x"),
        ("ann" * 500, "x" * 5000),
    ],
)
async def test_anything_else_is_nobody(filled: Slapd, opened: Open, name: str, password: str) -> None:
    assert await opened(filled).authenticate(name, password) is None


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(own: Slapd, opened: Open) -> None:
    directory = opened(own, groups=GROUPS)
    assert await directory.authenticate("ann", "ann's password") is not None
    spent: list[tuple[int, ...]] = []
    for name, password in (("ann", "wrong"), ("nobody", "wrong"), ("a*", "wrong"), ("bob", "ann's password")):
        before = [own.said(word) for word in (" ACCEPT ", " BIND dn=", " SRCH base=")]
        assert await directory.authenticate(name, password) is None
        after = [own.said(word) for word in (" ACCEPT ", " BIND dn=", " SRCH base=")]
        spent.append(tuple(now - then for now, then in zip(after, before, strict=True)))
    assert set(spent) == {(2, spent[0][1], 1)}


async def test_what_is_done_for_an_unknown_name_touches_nobody_and_tells_no_password(own: Slapd, opened: Open) -> None:
    assert await opened(own).authenticate("nobody", "a secret password") is None
    tried = [
        line for line in (own.folder / "log").read_text().splitlines() if " BIND dn=" in line and ADMIN not in line
    ]
    assert tried
    assert not any(ANN in line or "nobody" in line for line in tried)


@pytest.mark.parametrize("name", SPECIAL)
async def test_special_characters_are_names_and_nothing_else(filled: Slapd, opened: Open, name: str) -> None:
    directory = opened(filled, groups=GROUPS)
    found = await directory.authenticate(name, f"{name}'s password")
    assert found is not None
    assert found.name == name
    assert found.groups == ()
    assert await directory.authenticate(name, "ann's password") is None


async def test_groups_come_in_pages_until_there_are_no_more(filled: Slapd, opened: Open) -> None:
    ann = await opened(filled, groups=GROUPS).authenticate("ann", "ann's password")
    assert ann is not None
    assert len(ann.groups) == MANY
    assert set(ann.groups) == {f"cn=group-{number},{GROUPS}" for number in range(MANY)}


async def test_groups_are_read_from_the_person_where_the_directory_keeps_them_there(own: Slapd, opened: Open) -> None:
    own.modify(f"dn: cn=Devs,{GROUPS}\nchangetype: add\nobjectClass: groupOfNames\ncn: Devs\nmember: {ANN}\n")
    directory = opened(own, member_of="memberOf")
    ann, bob = [await directory.authenticate(name, f"{name}'s password") for name in ("ann", "bob")]
    assert ann is not None
    assert bob is not None
    assert (ann.groups, bob.groups) == ((f"cn=Devs,{GROUPS}", f"cn=devs,{GROUPS}"), ())


async def test_who_is_renamed_and_moved_is_the_same_person(own: Slapd, opened: Open) -> None:
    directory = opened(own)
    before = await directory.authenticate("ann", "ann's password")
    own.modify(f"dn: ou=elsewhere,{PEOPLE}\nchangetype: add\nobjectClass: organizationalUnit\nou: elsewhere\n")
    own.modify(
        f"dn: {ANN}\nchangetype: modrdn\nnewrdn: uid=ann-married\ndeleteoldrdn: 1\nnewsuperior: ou=elsewhere,{PEOPLE}\n"
    )
    after = await directory.authenticate("ann-married", "ann's password")
    assert before is not None
    assert after is not None
    assert (before.subject, before.name, after.name) == (after.subject, "ann", "ann-married")
    assert await directory.authenticate("ann", "ann's password") is None


async def test_a_server_that_dies_is_told_and_one_that_comes_back_is_asked_again(own: Slapd, opened: Open) -> None:
    directory = opened(own)
    own.kill()
    assert "Connection refused" in await refusal(directory)
    own.start()
    assert await directory.authenticate("ann", "ann's password") is not None


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
async def test_a_certificate_from_elsewhere_is_refused(
    filled: Slapd, opened: Open, tmp_path: Path, scheme: str
) -> None:
    other = ensure_certificates(tmp_path / "other", []).ca_crt
    port = filled.secure_port if scheme == "ldaps" else filled.port
    assert "certificate" in await refusal(opened(filled, ca_file=other, url=f"{scheme}://127.0.0.1:{port}"))
    assert "certificate" in await refusal(opened(filled, ca_file=None, url=f"{scheme}://127.0.0.1:{port}"))


async def test_a_certificate_of_another_name_is_refused(filled: Slapd, opened: Open) -> None:
    assert "certificate" in await refusal(opened(filled, url=f"ldaps://{UNNAMED}:{filled.secure_port}"))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bind_password": "wrong"}, "it refuses bind_dn with bind_password"),
        ({"bind_dn": None, "bind_password": None}, "a search below"),
        ({"people": f"ou=nowhere,{SUFFIX}"}, f"a search below ou=nowhere,{SUFFIX} ended with noSuchObject"),
        ({"person_filter": "(|(uid={name})(uid=bob))"}, "2 people match that name"),
        ({"person_filter": "(uid~~{name})"}, ""),
        ({"subject": "employeeNumber"}, "has no employeeNumber"),
        ({"groups": f"ou=nowhere,{SUFFIX}"}, "noSuchObject"),
    ],
)
async def test_what_is_set_wrong_is_told(filled: Slapd, opened: Open, options: dict[str, Any], reason: str) -> None:
    assert reason in await refusal(opened(filled, **options))
