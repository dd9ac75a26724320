"""What a route does not know is refused and never ignored: parameters of the query, fields of a body, a body at all."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import httpx

from moorage.app.services import SYSTEM
from moorage.domain.name import parse_repository
from moorage.metastore.tables import metadata
from tests.management.test_activity import BODIES
from tests.management.world import PASSWORD
from tests.permissions.askers import NOBODY, basic
from tests.permissions.house import Asker, Cell, House

ADMIN = Asker("admin", basic("admin", PASSWORD))
COLUMNS = sorted({column.name for table in metadata.tables.values() for column in table.columns})
USUAL = ("sort", "order", "filter", "fields", "include", "limit", "offset", "page", "q", "N", "after[]", "", "password")
EACH = 12
"""How many names each operation is asked for; all of them together are asked for every name."""


@dataclass(frozen=True)
class Operation:
    """What the OpenAPI document says of one."""

    cell: Cell
    query: frozenset[str]
    fields: frozenset[str] | None
    """Of the body; None where it takes none."""

    body: object
    """One that is as it must be."""


async def operations(house: House) -> list[Operation]:
    document = (await house.http.get("/api/v1/openapi.json")).json()
    image = await house.services.catalog.image(SYSTEM, parse_repository(house.names["name"]), "1")
    of_fields = {
        frozenset({"role"}): {"role": "writer"},
        frozenset({"digest", "how", "override"}): {"digest": image.digest},
    }
    found = []
    for path, method, said in ((path, *one) for path, methods in document["paths"].items() for one in methods.items()):
        cell, fields = Cell(method.upper(), path, "management"), _fields(document, said)
        row = (cell.method, path.removeprefix("/api/v1").replace("{repository}", "{repository:path}"))
        found.append(Operation(cell, _query(said), fields, BODIES.get(row, of_fields.get(fields or frozenset()))))
    return found


def _query(said: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(item["name"] for item in said.get("parameters", ()) if item["in"] == "query")


def _fields(document: Mapping[str, Any], said: Mapping[str, Any]) -> frozenset[str] | None:
    if "requestBody" not in said:
        return None
    name = said["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return frozenset(document["components"]["schemas"][name]["properties"])


async def test_a_parameter_that_a_route_does_not_know_is_refused(house: House) -> None:
    before, names = house.state(), cycle([*COLUMNS, *USUAL])
    every = await operations(house)
    assert len(every) * EACH > 5 * (len(COLUMNS) + len(USUAL))
    for operation in every:
        for name in {"password_hash", *islice(names, EACH)} - operation.query:
            answer = await house.ask(operation.cell, ADMIN, body=_sent(operation), query=f"{name}=1")
            assert answer.status_code == 400, (operation.cell, name, answer.text)
            assert answer.json()["errors"] == [{"field": name, "message": "there is no such parameter"}]
    assert house.state() == before


async def test_a_parameter_that_is_there_twice_is_refused(house: House) -> None:
    for operation in await operations(house):
        for name in operation.query:
            answer = await house.ask(operation.cell, ADMIN, query=f"{name}=1&{name}=2")
            assert answer.status_code == 400, (operation.cell, name)


async def test_a_field_that_a_route_does_not_know_is_refused(house: House) -> None:
    before = house.state()
    with_body = [operation for operation in await operations(house) if operation.fields is not None]
    for operation in with_body:
        for wrong in _with_one_more(operation):
            answer = await house.ask(operation.cell, ADMIN, body=wrong)
            assert answer.status_code == 400, (operation.cell, wrong, answer.text)
    assert house.state() == before
    for operation in with_body:
        answer = await house.ask(operation.cell, ADMIN, body=operation.body)
        assert answer.status_code in {200, 201, 409}, (operation.cell, answer.text)


async def test_a_body_is_refused_where_none_is_wanted(house: House) -> None:
    before = house.state()
    for operation in await operations(house):
        if operation.fields is None and operation.cell.method != "GET":
            answer = await house.ask(operation.cell, ADMIN, body={"role": "owner"})
            assert (answer.status_code, answer.json()["code"]) == (400, "VALUE_INVALID"), operation.cell
    assert house.state() == before


async def test_who_may_not_ask_at_all_is_not_told_what_a_route_knows(house: House) -> None:
    for operation in await operations(house):
        plain, wrong = [await house.ask(operation.cell, NOBODY, query=query) for query in ("", "nonsense=1")]
        if plain.status_code == 401:
            assert wrong.content == plain.content


async def test_no_page_is_sorted_or_narrowed_by_what_it_does_not_know(house: House) -> None:
    session = await house.session("owner")
    unknown = [f"{name}={column}" for name in ("sort", "order", "unknown") for column in ("password_hash", "digest")]
    for cell in house.cells:
        if cell.is_page and cell.method == "GET" and {"registry", "path"} >= {*cell.names}:
            plain = await house.ask(cell, session)
            for query in unknown:
                assert shown(await house.ask(cell, session, query=query)) == shown(plain), (cell, query)


def shown(answer: httpx.Response) -> tuple[int, list[str]]:
    """Return what a page leads to, in its order, whatever it goes on asking there."""
    return answer.status_code, re.findall(r'href="(/(?!-/static)[^"?#]*)', answer.text)


def _sent(operation: Operation) -> object:
    return None if operation.fields is None else operation.body


def _with_one_more(operation: Operation) -> Iterator[Mapping[str, object]]:
    assert operation.fields is not None
    assert isinstance(operation.body, dict)
    for name in {*COLUMNS, "nonsense", "__proto__", ""} - operation.fields:
        yield {**operation.body, name: 1}
        yield {**operation.body, name: None}
