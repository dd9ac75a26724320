"""What the OpenAPI document says of every operation holds, whatever is sent: schemathesis asks.

The same requests are made each time. A failure shows the request as a `curl` command.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from moorage.app.services import SYSTEM, open_services
from moorage.domain.retention import Rule
from moorage.services.names import LONGEST_NAME
from moorage.settings import load
from tests.management.world import PEOPLE, World

THERE = {
    "registry": "dmc",
    "repository": "team/app",
    "user": "reader",
    "tag": "1",
    "group": "ops",
    "robot": "ci",
    "token": "one",
    "directory": "corp",
    "pattern": "team/*",
    "rule": "1",
    "run": "1",
}
"""Names that lead somewhere; any other parameter is made up."""

TO_READ = {"reference": "1"}
"""Likewise, where a tag does for a digest."""

UNSAID = frozenset({"explain_access", "list_tags", "add_retention_rule", "change_retention_rule"})
"""Operations whose parameters depend on each other in ways that the document can't say.

The action and where it is done; the order of a list and the key of its pages; what a rule is about and its clauses.
"""

ENDS = frozenset({"expires_at", "password_expires_at", "until"})


def fitting(field: str, value: Any) -> Any:  # noqa: ANN401  JSON
    """Put in place of what only this server, or its clock, refuses what it takes."""
    if field in ENDS and (value is None or _is_moment(value)):
        return (datetime.now(UTC) + timedelta(days=1)).isoformat()
    if field == "directory" and isinstance(value, str) and 0 < len(value) <= LONGEST_NAME:
        return THERE["directory"]
    if field == "subject" and isinstance(value, str) and not value.isprintable():
        return "".join(letter for letter in value if letter.isprintable()) or "subject"
    return value


def _is_moment(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


class Asked:
    """The server, asked by one caller without an event loop of the test's own."""

    def __init__(self, world: World, runner: asyncio.Runner, caller: str) -> None:
        self._world = world
        self._runner = runner
        self._caller = caller
        self.document: dict[str, Any] = runner.run(world.http.get("/api/v1/openapi.json")).json()

    def send(self, case: Case[Any]) -> httpx.Response:
        """Make a request that was made up."""
        if isinstance(case.body, dict):
            case.body = {field: fitting(field, value) for field, value in case.body.items()}
        made = requests.Request(**case.as_transport_kwargs(base_url="https://proget:5443")).prepare()
        headers = {name: str(value) for name, value in made.headers.items() if name.lower() != "authorization"}
        body = made.body.encode() if isinstance(made.body, str) else made.body
        assert made.method
        assert made.url
        assert body is None or isinstance(body, bytes)
        headers["x-caller"] = self._caller
        return self._runner.run(self._world.http.request(made.method, made.url, content=body, headers=headers))


@pytest.fixture
def asked(caller: str, tmp_path: Path) -> Iterator[Asked]:
    async def fill(stack: AsyncExitStack) -> World:
        world = World(await stack.enter_async_context(open_services(told)))
        await stack.enter_async_context(world.http)
        services = world.services
        await services.registries.create(SYSTEM, "DMC")
        await world.image("dmc/team/app", "1")
        for name in PEOPLE:
            await world.person(name)
        await services.groups.create(SYSTEM, "ops")
        await services.keeping.retention.create(SYSTEM, "dmc", "Ten", Rule(newest=10))
        await world.let_go()
        await services.robots.create(SYSTEM, "ci")
        return world

    (tmp_path / "directories.toml").write_text('[ldap.corp]\nurl = "ldaps://127.0.0.1"\npeople = "dc=corp"\n')
    told = load({"data": tmp_path / "data", "directories": tmp_path / "directories.toml"}, {})
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield Asked(runner.run(fill(stack)), runner, caller)
        runner.run(stack.aclose())


def ask_all(asked: Asked, cases: SearchStrategy[Case[Any]], examples: int) -> None:
    """Ask what was made up."""

    @seed(4)
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=cases)
    def check(case: Case[Any]) -> None:
        case.validate_response(asked.send(case), excluded_checks=checks_left_out(asked, case.operation.label))

    check()


def checks_left_out(asked: Asked, label: str) -> list[CheckFunction]:
    method, path = label.split(" ", 1)
    operation = asked.document["paths"][path][method.lower()]["operationId"]
    return [positive_data_acceptance] if operation in UNSAID else []


def in_order(document: dict[str, Any]) -> list[Any]:
    """Return the operations: what deletes comes last, so that the others still find something to be answered with."""
    schema = schemathesis.openapi.from_dict(document)
    # Any text may stand in If-Match, and hardly any is the ETag.
    schema.config.checks.positive_data_acceptance.expected_statuses.append("412")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == sum(len(methods) for methods in document["paths"].values())
    return sorted(operations, key=lambda operation: operation.method == "delete")


@pytest.mark.parametrize("caller", ["admin"])
def test_every_answer_is_as_the_document_says(asked: Asked) -> None:
    for operation in in_order(asked.document):
        there = {**THERE, **TO_READ} if operation.method == "get" else THERE
        names = {item.name: there[item.name] for item in operation.path_parameters if item.name in there}
        ask_all(asked, operation.as_strategy(path_parameters=names or None), 5)
        ask_all(asked, operation.as_strategy(), 2)
        # Where everything that can be sent is right there is nothing wrong to send.
        with suppress(Unsatisfiable):
            ask_all(asked, operation.as_strategy(GenerationMode.NEGATIVE), 4)


@pytest.mark.parametrize("caller", ["nobody"])
def test_every_refusal_is_as_the_document_says(asked: Asked) -> None:
    for operation in in_order(asked.document):
        ask_all(asked, operation.as_strategy(), 1)
