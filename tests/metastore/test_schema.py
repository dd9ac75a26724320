"""The migrations make the tables that the statements are written for, in both databases."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from moorage.metastore.tables import WORDS, metadata


def test_the_migrations_make_the_tables(connection: Connection) -> None:
    # Of an index that goes downwards SQLite doesn't tell so.
    downwards = {"manifests_by_time", "tags_by_time"} if connection.dialect.name == "sqlite" else set()
    options = {"include_object": lambda _object, name, *_: name not in downwards}
    assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


@pytest.mark.servers
@pytest.mark.parametrize("connection", ["postgresql"], indirect=True)
def test_all_text_is_in_byte_order(connection: Connection) -> None:
    found = inspect(connection)
    for table in metadata.tables.values():
        # A migration can only put a column behind those that are there.
        made = {column["name"]: column["type"] for column in found.get_columns(table.name)}
        for column in table.columns:
            if column.type is WORDS:
                assert getattr(made[column.name], "collation", None) == "C", f"{table.name}.{column.name}"
