"""The migrations make the tables that the statements are written for, in both databases."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.pool import NullPool

from moorage.metastore.migrations import migrate
from moorage.metastore.tables import WORDS, metadata


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """Return a connection to a database that was migrated."""
    if request.param == "sqlite":
        path = tmp_path / "moorage.db"
        migrate(path)
        engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path), poolclass=NullPool)
    else:
        url = request.getfixturevalue("postgres").database()
        engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


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
        for column, made in zip(table.columns, found.get_columns(table.name), strict=True):
            if column.type is WORDS:
                assert getattr(made["type"], "collation", None) == "C", f"{table.name}.{column.name}"
