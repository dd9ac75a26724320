"""Statements that insert a row or change the one that is there: both databases spell them alike, SQLAlchemy does not.

https://www.sqlite.org/lang_upsert.html · https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate


class _Update(OnConflictDoUpdate):
    """What PostgreSQL's compiler looks for besides; naming a constraint is its own way, and not taken here."""

    constraint_target = None


class _Nothing(OnConflictDoNothing):
    """Likewise."""

    constraint_target = None


def insert_or_update(
    table: Table, key: Sequence[str], changed: Sequence[str], where: Callable[[Any], ColumnElement[bool]] | None = None
) -> Insert:
    """Return an INSERT that, where a row of that key is, changes these of its columns to what was to be inserted.

    `where` is told the columns of what was to be inserted, and says which rows are changed.
    """
    statement = insert(table)
    changes = {name: statement.excluded[name] for name in changed}
    return statement.ext(_Update(key, set_=changes, where=where and where(statement.excluded)))


def insert_or_nothing(table: Table, key: Sequence[str]) -> Insert:
    """Return an INSERT that leaves a row of that key as it is."""
    return insert(table).ext(_Nothing(index_elements=key))
