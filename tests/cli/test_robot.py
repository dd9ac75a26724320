"""`moorage robot`."""

import time

import pytest

from moorage.app.services import SYSTEM, Services
from moorage.domain.errors import ErrorCode, MoorageError
from tests.cli.conftest import Terminal


@pytest.mark.parametrize("whose", [(), ("--registry", "DMC")])
def test_a_robot_is_made_kept_out_let_in_and_deleted(moorage: Terminal, whose: tuple[str, ...]) -> None:
    moorage("registry", "create", "DMC")
    made = moorage.json("robot", "create", "ci", *whose)
    for word, is_disabled in (("disable", True), ("disable", True), ("enable", False)):
        assert moorage.json("robot", word, "ci", *whose) == {**made, "is_disabled": is_disabled}
        assert moorage.json("robot", "list", *whose) == [{**made, "is_disabled": is_disabled}]
    assert moorage("robot", "disable", "ci", *whose) == 0
    assert moorage.out == "ci can't sign in now\n"
    assert moorage("robot", "enable", "ci", *whose) == 0
    assert moorage.out == "ci can sign in again\n"
    assert moorage("robot", "delete", "ci", *whose) == 0
    assert moorage("robot", "disable", "ci", *whose) == 1
    assert "no robot" in moorage.err


def test_a_disabled_robot_opens_nothing(moorage: Terminal) -> None:
    moorage("robot", "create", "ci")
    secret = moorage.json("token", "create", "ci", "one")["secret"]

    async def sign_in(services: Services) -> None:
        await services.callers.by_password("ci", secret, time.time(), address="")

    moorage.do(sign_in)
    moorage("robot", "disable", "ci")
    with pytest.raises(MoorageError) as refused:
        moorage.do(sign_in)
    assert refused.value.error is ErrorCode.UNAUTHORIZED
    moorage("robot", "enable", "ci")
    moorage.do(sign_in)


def test_a_robot_is_no_person(moorage: Terminal) -> None:
    made = moorage.json("robot", "create", "ci")
    assert moorage("user", "disable", "ci") == 1
    assert moorage.json("robot", "list") == [made]


@pytest.fixture
def registries(moorage: Terminal) -> Terminal:
    """Return a terminal on a server with the registries DMC and Other."""

    async def story(services: Services) -> None:
        await services.registries.create(SYSTEM, "DMC")
        await services.registries.create(SYSTEM, "Other")

    moorage.do(story)
    return moorage


def names(registries: Terminal, *words: str) -> list[str]:
    return [robot["name"] for robot in registries.json("robot", "list", *words)]


def test_a_robot_belongs_to_the_server_or_to_a_registry(registries: Terminal) -> None:
    assert registries("robot", "create", "mirror") == 0
    assert registries.json("robot", "create", "dmc-ci", "--registry", "DMC")["name"] == "dmc-ci"
    assert names(registries) == ["mirror"]
    assert names(registries, "--registry", "dmc") == ["dmc-ci"]
    assert names(registries, "--registry", "Other") == []
    assert registries("robot", "list", "--registry", "DMC") == 0
    assert registries.out.splitlines()[1].split()[:2] == ["dmc-ci", "active"]


def test_the_next_commands_are_told_and_work(registries: Terminal) -> None:
    registries("robot", "create", "dmc-ci", "--registry", "DMC")
    first, second = registries.out.splitlines()
    grant = first.partition("moorage ")[2].split()
    create = second.partition("moorage ")[2].replace("NAME", "pipeline").split()
    assert grant == ["registry", "grant", "DMC", "dmc-ci", "writer"]
    assert registries(*grant) == 0, registries.err
    assert registries(*create) == 0, registries.err


def test_a_deleted_robot_is_gone_with_its_tokens(registries: Terminal) -> None:
    registries("robot", "create", "dmc-ci", "--registry", "DMC")
    registries("token", "create", "dmc-ci", "pipeline")
    assert registries("robot", "delete", "dmc-ci") == 1
    assert registries("robot", "delete", "dmc-ci", "--registry", "Other") == 1
    assert "no robot of other is called dmc-ci" in registries.err
    assert registries.json("robot", "delete", "dmc-ci", "--registry", "DMC") == {"deleted": "dmc-ci"}
    assert names(registries, "--registry", "DMC") == []
    assert registries("token", "list", "dmc-ci") == 1


def test_a_name_is_plain(registries: Terminal) -> None:
    for name in ("Robot", "a$b", "a..b", "a b", ""):
        assert registries("robot", "create", name) == 1, name
    assert names(registries) == []


def test_a_person_s_name_is_no_robot_s_and_a_robot_is_in_no_list_of_people(registries: Terminal) -> None:
    registries("user", "add", "mara", "--generate")
    assert registries("robot", "create", "mara") == 1
    assert registries("robot", "create", "mirror") == 0
    assert registries("user", "add", "mirror", "--generate") == 1
    assert [user["name"] for user in registries.json("user", "list")] == ["mara"]
    assert registries("user", "password", "mirror", "--generate") == 1
