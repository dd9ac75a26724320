"""The file of directories: one table each, and one clear line when something is wrong."""

import re
from pathlib import Path

import pytest

from moorage.directories import KINDS, Directories, DirectoriesError, read_directories

DOCS = Path(__file__).parent.parent / "docs" / "directories.md"
GOOD = """
[ldap.corp]
url = "ldaps://ldap.example.org"
people = "ou=people,dc=example,dc=org"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "directories.toml"


def refusal(file: Path, text: str) -> str:
    """Return the one line the start stops with."""
    file.write_text(text)
    with pytest.raises(DirectoriesError) as caught:
        read_directories(file, file)
    line = str(caught.value)
    assert line.startswith(f"{file}: ")
    assert "\n" not in line
    return line.removeprefix(f"{file}: ")


def test_without_a_file_there_are_no_directories(file: Path) -> None:
    assert read_directories(None, file) == Directories()


def test_a_file_that_is_named_must_be_there(file: Path) -> None:
    with pytest.raises(DirectoriesError, match=f"{file}: it cannot be read: No such file"):
        read_directories(file, file.with_name("other.toml"))


def test_directories_come_in_the_order_of_the_file(file: Path) -> None:
    file.write_text(GOOD.replace("corp", "zebra") + GOOD + GOOD.replace("corp", "a-b_c"))
    found = read_directories(None, file)
    assert list(found.ldap) == ["zebra", "corp", "a-b_c"]
    assert found.ldap["corp"].url == "ldaps://ldap.example.org"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[ldap", "it is no TOML: "),
        ("[ldpa.corp]", "ldpa: there is no such kind of directory; did you mean ldap?"),
        ("ldap = 1", "ldap: give each directory a name and a table, as [ldap.corp]"),
        ("[ldap]\nurl = 'ldaps://x'", "ldap: give each directory a name and a table"),
        (GOOD.replace("corp", "Corp"), "ldap.Corp: the name of a directory is 1 to 32 lower-case"),
        (GOOD.replace("corp", "x" * 33), f"ldap.{'x' * 33}: the name of a directory is"),
        (GOOD + GOOD, "it is no TOML: "),
        (GOOD + "nmae = 'cn'", "ldap.corp.nmae: there is no such key; did you mean name?"),
        ("[ldap.corp]\nurl = 'ldaps://x'", "ldap.corp.people: this is needed"),
        (GOOD + "timeout = 0", "ldap.corp.timeout: input should be greater than or equal to 1"),
        (GOOD + "connections = 'many'", "ldap.corp.connections: input should be a valid integer"),
        (GOOD.replace("ldaps:", "http:"), "ldap.corp.url: this must be ldaps://HOST[:PORT]"),
        (GOOD + "ca_file = '/nowhere.pem'", "ldap.corp.ca_file: /nowhere.pem cannot be used: No such file"),
        (GOOD + "person_filter = '(uid=name)'", "ldap.corp.person_filter: this must be a filter in parentheses"),
        (GOOD + "group_filter = '(member={dn}'", "ldap.corp.group_filter: this must be a filter in parentheses"),
        (GOOD + "bind_dn = 'cn=x'", "ldap.corp: bind_dn and bind_password need each other"),
        (GOOD + "member_of = 'memberOf'\ngroups = 'ou=g'", "ldap.corp: member_of and groups exclude each other"),
        (GOOD + "subject = 'a b'", "ldap.corp.subject: string should match pattern"),
        (GOOD + "bind_password_file = '/nowhere'", "ldap.corp.bind_password_file: /nowhere cannot be read: No such"),
        (GOOD + "bind_password_file = 1", "ldap.corp.bind_password_file: this must be the name of a file"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(file: Path, text: str, line: str) -> None:
    assert refusal(file, text).startswith(line)


def test_a_file_that_is_no_text_is_told(file: Path) -> None:
    file.write_bytes(b"\xff")
    with pytest.raises(DirectoriesError, match="not UTF-8"):
        read_directories(file, file)


def test_a_secret_may_come_from_a_file_and_is_never_shown(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    text = GOOD + f"bind_dn = 'cn=x'\nbind_password_file = '{secret}'\n"
    file.write_text(text)
    found = read_directories(None, file)
    password = found.ldap["corp"].bind_password
    assert password is not None
    assert password.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(found)
    assert "keep one of them" in refusal(file, text + "bind_password = 'other'")
    for wrong in ("bind_dn = ''", "bind_password = ['s3cret']", "bind_dn = 'cn=x'\nurl2 = 's3cret'"):
        assert "s3cret" not in refusal(file, GOOD + "bind_password = 's3cret'\n" * ("word" not in wrong) + wrong)
    secret.write_text("\n")
    assert refusal(file, text) == f"ldap.corp.bind_password_file: {secret} is empty"


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_documented(kind: str) -> None:
    section = DOCS.read_text().split(f"## All keys of `[{kind}.NAME]`\n", 1)[1].split("\n## ", 1)[0]
    documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(documented) == sorted(KINDS[kind].model_fields)


TRUST = """
[trust.gha]
issuer = "https://id.example.org"
audience = "https://proget.example.org"
[[trust.gha.rules]]
claims = { repository = "acme/app" }
role = "writer"
on = "dmc/acme/*"
"""


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ('audience = "https://proget.example.org"', "", "trust.gha.audience: this is needed"),
        ('"acme/app"', '"*"', "trust.gha.rules.0.claims: must name at least one claim and a value other than *"),
        ('"writer"', '"owner"', "trust.gha.rules.0.role: must be reader, writer or maintainer"),
        ("on = ", "onn = ", "trust.gha.rules.0.on: this is needed"),
        ('"writer"', '"writer"\nmore = 1', "trust.gha.rules.0.more: there is no such key"),
        ("https://id", "http://id", "trust.gha: issuer and origins must begin with https:// unless"),
    ],
)
def test_a_trusted_issuer_that_is_not_safe_stops_the_start(file: Path, before: str, after: str, line: str) -> None:
    file.write_text(TRUST)
    assert read_directories(file, file).trust["gha"].rules[0].on == "dmc/acme/*"
    assert refusal(file, TRUST.replace(before, after)).startswith(line)
