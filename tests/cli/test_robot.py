"""`moorage robot`."""

import time

import pytest

from moorage.app.services import Services
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
