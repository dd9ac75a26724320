"""What the OpenAPI document says of every operation holds, whatever is sent: schemathesis asks.

The same requests are made each time. A failure shows the request as a `curl` command.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
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
from moorage.settings import load
from tests.management.world import PEOPLE, World

EXAMPLES = 5
"""For each operation, caller, and way to make up values."""

EXACT = frozenset({"registries", "grants", "repositories", "storage", "keys"})
"""Nouns of which the document says all there is to say: what it allows is accepted, what it forbids is refused."""

THERE = {"registry": "dmc", "repository": "team/app", "user": "reader", "tag": "1"}
"""Names that lead somewhere; any other parameter is made up."""

TO_READ = {"reference": "1"}
"""Likewise, where a tag does for a digest."""


class Asked:
    """The server, asked by one caller without an event loop of the test's own."""

    def __init__(self, world: World, runner: asyncio.Runner, caller: str) -> None:
        self._world = world
        self._runner = runner
        self._caller = caller
        self.document: dict[str, Any] = runner.run(world.http.get("/api/v1/openapi.json")).json()

    def send(self, case: Case[Any]) -> httpx.Response:
        """Make a request that was made up."""
        made = requests.Request(**case.as_transport_kwargs(base_url="https://proget:5443")).prepare()
        headers = {name: str(value) for name, value in made.headers.items() if name.lower() != "authorization"}
        body = made.body.encode() if isinstance(made.body, str) else made.body
        assert made.method
        assert made.url
        assert body is None or isinstance(body, bytes)
        headers["x-caller"] = self._caller
        return self._runner.run(self._world.http.request(made.method, made.url, content=body, headers=headers))


@pytest.fixture(params=["admin", "nobody"])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Asked]:
    async def fill(stack: AsyncExitStack) -> World:
        world = World(await stack.enter_async_context(open_services(load({"data": tmp_path / "data"}, {}))))
        await stack.enter_async_context(world.http)
        await world.services.registries.create(SYSTEM, "DMC")
        await world.image("dmc/team/app", "1")
        for name in PEOPLE:
            await world.person(name)
        return world

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield Asked(runner.run(fill(stack)), runner, request.param)
        runner.run(stack.aclose())


def ask_all(asked: Asked, cases: SearchStrategy[Case[Any]]) -> None:
    """Ask what was made up."""

    @seed(4)
    @settings(
        max_examples=EXAMPLES,
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
    noun = asked.document["paths"][path][method.lower()]["tags"][0]
    return [] if noun in EXACT else [positive_data_acceptance]


def test_every_answer_is_as_the_document_says(asked: Asked) -> None:
    schema = schemathesis.openapi.from_dict(asked.document)
    # Any text may stand in If-Match, and hardly any is the ETag.
    schema.config.checks.positive_data_acceptance.expected_statuses.append("412")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == sum(len(methods) for methods in asked.document["paths"].values())
    # What deletes comes last, so that the others still find something to be answered with.
    for operation in sorted(operations, key=lambda operation: operation.method == "delete"):
        there = {**THERE, **TO_READ} if operation.method == "get" else THERE
        names = {item.name: there[item.name] for item in operation.path_parameters if item.name in there}
        ask_all(asked, operation.as_strategy(path_parameters=names or None))
        ask_all(asked, operation.as_strategy())
        # Where everything that can be sent is right there is nothing wrong to send.
        with suppress(Unsatisfiable):
            ask_all(asked, operation.as_strategy(GenerationMode.NEGATIVE))
