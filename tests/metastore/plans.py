"""What PostgreSQL did for a statement, as it tells."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.dialects.postgresql import psycopg as postgres_dialect

from moorage.metastore.prepared import PreparedStatements

GROWING = {"tags", "manifests", "edges", "links", "blobs", "repositories", "activity", "tag_moves"}


def plan_of(connection: psycopg.Connection[Any], kind: str, statement: Any, given: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return what PostgreSQL did, as its tree of nodes, with a plan of a kind."""
    dialect = postgres_dialect.dialect()  # type: ignore[no-untyped-call]
    prepared = PreparedStatements(dialect).prepare(statement, given)
    bound, order = prepared.bind(given), list[str]()

    def place(match: re.Match[str]) -> str:
        if match[1] not in order:
            order.append(match[1])
        return f"${order.index(match[1]) + 1}"

    text = re.sub(r"%\((\w+)\)s", place, prepared.sql).replace("%%", "%")
    values = sql.SQL(", ").join(sql.Literal(bound[name]) for name in order)
    connection.execute(f"SET plan_cache_mode = force_{kind}_plan; DEALLOCATE ALL".encode())
    connection.execute(f"PREPARE one AS {text}".encode())
    execute = sql.SQL("EXECUTE one ({})" if order else "EXECUTE one").format(values)
    ((found,),) = connection.execute(sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) {}").format(execute)).fetchall()
    return found[0]["Plan"]


def nodes(plan: Any) -> Iterator[Any]:  # noqa: ANN401  as JSON has it
    """Return a node and all below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def rows_read(plan: Any) -> int:  # noqa: ANN401  likewise
    """Return how many rows of growing tables were read."""
    scans = [node for node in nodes(plan) if node.get("Relation Name") in GROWING]
    return sum(
        int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]) for node in scans
    )
