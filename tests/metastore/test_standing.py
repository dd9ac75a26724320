"""What is cached of who may do what: whatever changes it moves `standing`, and nothing else does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, select, text
from sqlalchemy.sql import visitors

from moorage.app.services import open_services
from moorage.metastore.cache import AccessCache
from moorage.metastore.tables import STANDING, metadata
from moorage.settings import load

UNWATCHED = {("access_tokens", "last_used_at")}
"""Columns that decide nothing, and that change too often."""


async def cached_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the tables that the caches of a whole server read, as their statements say."""
    stories: list[Callable[[Any], Any]] = []
    init = AccessCache.__init__

    def noted(self: AccessCache[Any, Any], database: Any, steps: Callable[[Any], Any], *more: Any) -> None:  # noqa: ANN401
        stories.append(steps)
        init(self, database, steps, *more)

    monkeypatch.setattr(AccessCache, "__init__", noted)
    async with open_services(load({"data": tmp_path / "data"}, {})):
        pass
    found: set[str] = set()
    for steps in stories:
        story = steps((0, 0))
        statement, _ = next(story)
        found |= {part.name for part in visitors.iterate(statement) if isinstance(part, Table)}
        with pytest.raises(StopIteration):
            story.send([])
    assert len(stories) > 5
    return found


def watched_on_sqlite(connection: Connection) -> set[tuple[str, str]]:
    """Return which columns of which tables have a trigger, and `` where rows that come or go have one."""
    rows = connection.execute(
        text("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'standing%'")
    ).all()
    found: set[tuple[str, str]] = set()
    for table, sql in rows:
        event = sql.partition(" AFTER ")[2].partition(f" ON {table}")[0]
        kind, _, columns = event.partition(" OF ")
        found |= {(table, column) for column in columns.split(", ")} if columns else {(table, kind)}
    return found


def watched_on_postgresql(connection: Connection) -> set[tuple[str, str]]:
    """Return the same."""
    columns = connection.execute(
        text(
            "SELECT event_object_table, event_object_column FROM information_schema.triggered_update_columns"
            " WHERE trigger_name LIKE 'standing%'"
        )
    ).all()
    events = connection.execute(
        text(
            "SELECT event_object_table, event_manipulation FROM information_schema.triggers"
            " WHERE event_manipulation <> 'UPDATE' AND trigger_name LIKE 'standing%'"
        )
    ).all()
    return {(table, what) for table, what in (*columns, *events)}


async def test_all_that_is_cached_of_who_may_do_what_has_its_triggers(
    connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = await cached_tables(tmp_path, monkeypatch)
    watched = watched_on_sqlite if connection.dialect.name == "sqlite" else watched_on_postgresql
    columns = {(name, column.name) for name in tables for column in metadata.tables[name].columns}
    events = {(name, event) for name in tables for event in ("INSERT", "DELETE")}
    assert watched(connection) == (columns - UNWATCHED) | events
    assert "users" in tables


@pytest.mark.servers
@pytest.mark.parametrize("connection", ["postgresql"], indirect=True)
def test_rows_that_all_go_at_once_move_it_too(connection: Connection) -> None:
    before = connection.execute(select(STANDING)).scalar()
    connection.execute(text("TRUNCATE signing_keys"))
    assert connection.execute(select(STANDING)).scalar() != before
