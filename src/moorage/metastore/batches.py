"""One statement for many who ask: the statement of one, run for each row of what all of them ask.

SELECT asked.number, (what stands still), found.*
FROM unnest(:repository, :reference) WITH ORDINALITY AS asked(repository, reference, number)
LEFT JOIN LATERAL (the statement, with asked.repository for :repository …) AS found ON true

For one who asks alone it needs no lists, which take a while to write and to read.

SELECT 1 AS number, (what stands still), found.*
FROM (SELECT 1) AS asked LEFT JOIN LATERAL (the statement) AS found ON true
"""

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Integer,
    Select,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import FromClause
from sqlalchemy.sql.visitors import ExternallyTraversible

from moorage.metastore.tables import STANDING

SNAPSHOT = func.pg_current_snapshot().cast(Text)
"""Names the transactions whose work is seen, as `812:815:813`: while it is the same nothing else can be.

https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
"""

MOMENT = select(STANDING.label("standing"), SNAPSHOT.label("snapshot"))


def batch_of(statement: Select[Any], names: Sequence[str]) -> Select[Any]:
    """Return a statement that finds a row at most for each of those in the lists that are its parameters.

    The one that is given says what it selects from first. The rows have besides: `number`, from 1, `is_found`, and the
    moment that all of them are of.
    """
    types = {
        part.key: part.type for part in visitors.iterate(statement) if isinstance(part, BindParameter) and part.required
    }
    lists = [bindparam(name, type_=ARRAY(types[name])) for name in names]
    columns = [column(name, types[name]) for name in names]
    asked = func.unnest(*lists).table_valued(*columns, with_ordinality="number").render_derived("asked")

    def of_all(element: ExternallyTraversible, **_: object) -> ExternallyTraversible | None:
        return asked.c[element.key] if isinstance(element, BindParameter) and element.key in names else None

    found = _found(cast("Select[Any]", visitors.replacement_traverse(statement, {}, of_all)))
    return select(asked.c.number, *MOMENT.selected_columns, *found.c).select_from(asked.outerjoin(found, true()))


def batch_of_one(statement: Select[Any]) -> Select[Any]:
    """Return what `batch_of` does for one who asks, by the statement's own parameters."""
    asked = select(literal_column("1", Integer).label("number")).subquery("asked")
    found = _found(statement)
    return select(asked.c.number, *MOMENT.selected_columns, *found.c).select_from(asked.outerjoin(found, true()))


def _found(statement: Select[Any]) -> FromClause:
    # A limit keeps the planner from joining in another way than by looking up each.
    return statement.add_columns(true().label("is_found")).limit(1).lateral("found")
