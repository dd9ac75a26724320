"""Every route of the three interfaces lets through whom docs/ lets through, however they present themselves."""

import runpy
from collections.abc import AsyncIterable, Callable
from pathlib import Path

import httpx
import pytest

from moorage.app.services import SYSTEM
from moorage.domain.access import ROLE_MAY, Role
from tests.management.world import PEOPLE
from tests.permissions.askers import (
    NOBODY,
    TOKENS,
    Expectation,
    Outcomes,
    Token,
    dead,
    machine,
    of_nobody,
    people,
    with_token,
)
from tests.permissions.house import Asker, Cell, House
from tests.permissions.rules import roles, routes

TOOL = Path(__file__).parents[2] / "tools" / "permissions.py"
OTHERWISE = frozenset({"/api/v1/access", "/-/sign-in/{directory}/back"})
"""What answers a bare GET with what else it wants to know, even to those who may."""


def code_of(answer: httpx.Response) -> str:
    if "json" not in answer.headers.get("content-type", "") or not answer.content:
        return ""
    document = answer.json()
    return str(document["errors"][0]["code"] if "detail" not in document else document["code"])


def refusal_of(cell: Cell, answer: httpx.Response) -> int | None:
    """Return with which status it was refused, None if it was not; being sent to sign in is 401."""
    if answer.status_code == 303 and answer.headers["location"].startswith("/-/sign-in?next="):
        return 401
    if answer.status_code == 429 and "html" not in answer.headers["content-type"]:
        return 429
    is_absent = answer.status_code == 404 and code_of(answer) in {"", "NAME_UNKNOWN", "NOT_FOUND"}
    if cell.is_page and cell.method == "POST" and cell.place == "server":
        # Nothing of the server is hidden: what is not there is what was to be changed.
        is_absent = False
    return answer.status_code if is_absent or answer.status_code in {401, 403} else None


async def judge(house: House, cell: Cell, asker: Asker, expect: Expectation) -> None:
    if cell.ends_session and asker.account and None in expect(cell):
        asker = await house.session(asker.account)
    answer = await house.ask(cell, asker)
    assert answer.status_code < 500, (asker.name, cell, answer.text)
    assert refusal_of(cell, answer) in expect(cell), (asker.name, cell, answer.status_code, answer.text)
    if None in expect(cell) and cell.method in {"GET", "HEAD"} and cell.path not in OTHERWISE:
        assert answer.status_code < 400, (asker.name, cell, answer.status_code, answer.text)


async def judge_all(house: House, askers: AsyncIterable[tuple[Asker, Expectation]]) -> None:
    """Let each ask for everything: what is refused changes nothing at all; what ends things comes at last."""
    known = [pair async for pair in askers]
    before = house.state()
    for asker, expect in known:
        await judge_some(house, asker, expect, lambda _, right: None not in right)
    assert house.state() == before
    for asker, expect in known:
        await judge_some(house, asker, expect, lambda cell, right: None in right and not cell.ends)
    await judge_some(house, *known[-1], lambda cell, right: None in right and cell.ends)


async def judge_some(house: House, asker: Asker, expect: Expectation, wanted: Callable[[Cell, Outcomes], bool]) -> None:
    for cell in house.cells:
        if wanted(cell, expect(cell)):
            await judge(house, cell, asker, expect)


async def test_every_route_has_its_rule_in_the_documents(house: House) -> None:
    served = {(cell.method, cell.path) for cell in house.cells if cell.method != "HEAD" or cell.part == "distribution"}
    assert served == set(routes())
    assert {cell.needs for cell in house.cells} >= {action for may in roles().values() for action in may}


async def test_nobody_gets_through_where_one_must_sign_in(house: House) -> None:
    async def nobody() -> AsyncIterable[tuple[Asker, Expectation]]:
        yield NOBODY, of_nobody

    await judge_all(house, nobody())


@pytest.mark.parametrize("name", [*PEOPLE, "admin"])
async def test_those_who_may_get_through_and_nobody_else(house: House, name: str) -> None:
    await judge_all(house, people(house, [name]))


@pytest.mark.parametrize("shown", TOKENS, ids=lambda shown: f"{shown.account} {' '.join(sorted(shown.actions))}")
async def test_an_access_token_reaches_no_further_however_it_is_presented(house: House, shown: Token) -> None:
    await judge_all(house, with_token(house, shown))


async def test_a_machine_does_what_its_rules_give(house: House) -> None:
    await judge_all(house, machine(house))


async def test_what_is_expired_revoked_or_deleted_opens_nothing(house: House) -> None:
    for name in ("late", "suspended", "deleted", "changed", "parted"):
        await house.world.person(name)
        await house.services.registries.set_member(SYSTEM, "dmc", name, Role.OWNER)
    await house.services.registries.set_member(SYSTEM, "dmc", "ci", Role.OWNER)
    await judge_all(house, dead(house))


def test_the_documented_table_is_the_one_that_decides() -> None:
    tool = runpy.run_path(str(TOOL))
    page = tool["PAGE"].read_text()
    assert page == tool["written"](), f"write the table anew: .venv/bin/python {TOOL.parent.name}/{TOOL.name}"
    assert {role: roles()[role] for role in Role} == {role: {*ROLE_MAY[role]} for role in Role}
