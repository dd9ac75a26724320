"""`moorage user`."""

from datetime import UTC, datetime, timedelta

from moorage.app.services import Services
from tests.cli.conftest import Terminal

PASSWORD = "correct horse battery"


def can_sign_in(moorage: Terminal, name: str, password: str) -> bool:
    found: list[bool] = []

    async def look(services: Services) -> None:
        found.append(await services.accounts.authenticate(name, password) is not None)

    moorage.do(look)
    return found[0]


def test_a_person_is_added_with_a_password_from_input(moorage: Terminal) -> None:
    assert moorage("user", "add", "mara", "--password-stdin", given=f"{PASSWORD}\nmore\n") == 0
    assert PASSWORD not in moorage.out
    assert can_sign_in(moorage, "mara", PASSWORD)
    assert not can_sign_in(moorage, "mara", "")


def test_a_generated_password_is_printed_once_and_works(moorage: Terminal) -> None:
    made = moorage.json("user", "add", "mara", "--admin", "--generate")
    assert made["is_admin"] is True
    assert can_sign_in(moorage, "mara", made["password"])
    moorage("user", "password", "mara", "--generate")
    again = moorage.out.splitlines()[1].removeprefix("Password: ")
    assert not can_sign_in(moorage, "mara", made["password"])
    assert can_sign_in(moorage, "mara", again)


def test_a_password_that_is_too_short_is_refused(moorage: Terminal) -> None:
    for given in ("short\n", "\n", ""):
        assert moorage("user", "add", "mara", "--password-stdin", given=given) == 1
    assert moorage.json("user", "list") == []


def test_a_disabled_person_is_kept_out_until_enabled(moorage: Terminal) -> None:
    moorage("user", "add", "mara", "--password-stdin", given=PASSWORD)
    assert moorage("user", "disable", "mara") == 0
    assert not can_sign_in(moorage, "mara", PASSWORD)
    moorage("user", "list")
    assert moorage.out.splitlines()[1].split()[:3] == ["mara", "user", "disabled"]
    assert moorage("user", "enable", "mara") == 0
    assert can_sign_in(moorage, "mara", PASSWORD)


def test_the_last_administrator_is_not_disabled(moorage: Terminal) -> None:
    moorage("user", "add", "root", "--admin", "--generate")
    assert moorage("user", "disable", "root") == 1
    moorage("user", "add", "second", "--admin", "--generate")
    assert moorage("user", "disable", "root") == 0


def test_no_list_shows_a_hash(moorage: Terminal) -> None:
    moorage("user", "add", "mara", "--generate")
    (person,) = moorage.json("user", "list")
    assert set(person) == {"name", "is_admin", "is_disabled", "created_at", "password_expires_at"}


def test_a_person_is_linked_to_a_directory_and_parted_again(moorage: Terminal) -> None:
    moorage("user", "add", "mara", "--generate")
    assert moorage("user", "link", "mara", "corp", "1") == 1
    assert "no directory is called corp; there are none yet" in moorage.err
    (moorage.data / "directories.toml").write_text('[ldap.corp]\nurl = "ldaps://127.0.0.1"\npeople = "dc=x"\n')
    assert moorage.json("user", "link", "mara", "corp", "1") == {"name": "mara", "directory": "corp", "subject": "1"}
    assert moorage.json("user", "identities", "mara") == [{"directory": "corp", "subject": "1"}]
    assert moorage("user", "identities", "mara") == 0
    assert moorage.out.splitlines()[1].split() == ["corp", "1"]
    assert moorage.json("user", "unlink", "mara", "corp") == {"name": "mara", "directory": "corp"}
    assert moorage.json("user", "identities", "mara") == []
    assert moorage("user", "unlink", "mara", "corp") == 1


def test_a_bad_file_of_directories_is_told_in_one_line(moorage: Terminal) -> None:
    (moorage.data / "directories.toml").write_text("[ldap.corp]\n")
    assert moorage("user", "list") == 1
    assert moorage.err == f"moorage: {moorage.data}/directories.toml: ldap.corp.url: this is needed\n"


def test_administrators_are_made_and_unmade(moorage: Terminal) -> None:
    moorage("user", "add", "mara", "--generate")
    moorage("user", "add", "root", "--generate", "--admin")
    assert moorage("user", "promote", "mara") == 0
    assert moorage("user", "demote", "root") == 0
    assert {user["name"]: user["is_admin"] for user in moorage.json("user", "list")} == {"mara": True, "root": False}
    for words in (("demote",), ("delete", "--yes"), ("disable",)):
        assert moorage("user", *words, "mara") == 1
        assert "mara is the last administrator" in moorage.err


def test_a_person_is_deleted(moorage: Terminal) -> None:
    moorage("user", "add", "mara", "--generate")
    assert moorage("user", "delete", "mara") == 2, "nobody is there to be asked"
    assert moorage("user", "delete", "mara", "--yes") == 0
    assert moorage.json("user", "list") == []
    assert moorage("user", "delete", "mara", "--yes") == 1


def test_who_is_invited_has_a_week_to_choose_a_password(moorage: Terminal) -> None:
    made = moorage.json("user", "invite", "mara")
    left = datetime.fromisoformat(made["password_expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    assert made["is_admin"] is False
    assert can_sign_in(moorage, "mara", made["password"])
    assert moorage("user", "invite", "kim", "--admin") == 0
    assert "Password: " in moorage.out
    assert "expires in 7 days" in moorage.out
    assert "/-/account" in moorage.out
    (kim, _) = moorage.json("user", "list")
    assert (kim["name"], kim["is_admin"]) == ("kim", True)


def test_a_chosen_password_does_not_expire_and_a_made_up_one_always_does(moorage: Terminal) -> None:
    moorage("user", "add", "mara", "--password-stdin", given=PASSWORD)
    assert moorage.json("user", "list")[0]["password_expires_at"] is None
    assert moorage.json("user", "password", "mara", "--generate")["password_expires_at"] is not None
    assert moorage("user", "password", "mara", "--password-stdin", given=PASSWORD) == 0
    assert moorage.json("user", "list")[0]["password_expires_at"] is None


def test_no_password_is_made_up_beside_a_given_one(moorage: Terminal) -> None:
    assert moorage("user", "add", "mara", "--password-stdin", "--generate", given=PASSWORD) == 2
    assert moorage("user", "add", "mara") == 2
    assert moorage.json("user", "list") == []
