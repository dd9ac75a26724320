"""Lists go by an index: however much there is, a page reads what it shows, or a batch of what it is looked for in."""

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Executable
from sqlalchemy.dialects import sqlite as dialects

from moorage.metastore import catalog, manifests, names, registries, repositories, tables, totals
from moorage.metastore.migrations import migrate
from moorage.metastore.prepared import PreparedStatements

LISTS: dict[str, tuple[Executable, set[str]]] = {
    "reach": (names.REACH, {"visible", "user_id"}),
    "names": (names.NAMES, {"start", "end", "limit"}),
    "repositories": (repositories.NAMED, {"names"}),
    "registries": (registries.EVERY, set()),
    "readable registries": (registries.READABLE, {"visible", "user_id"}),
    "tags by name": (catalog.TAGS_BY_NAME, {"repository_id", "matching", "after", "limit"}),
    "newest tags": (catalog.NEWEST_TAGS, {"repository_id", "matching", "limit"}),
    "older tags": (catalog.OLDER_TAGS, {"repository_id", "matching", "after", "at", "limit"}),
    "newest images": (catalog.NEWEST_IMAGES[False], {"repository_id", "limit"}),
    "older images": (catalog.OLDER_IMAGES[False], {"repository_id", "after", "at", "limit"}),
    "newest untagged images": (catalog.NEWEST_IMAGES[True], {"repository_id", "limit"}),
    "older untagged images": (catalog.OLDER_IMAGES[True], {"repository_id", "after", "at", "limit"}),
    "an index's children": (catalog.CHILDREN, {"repository_id", "digest"}),
    "tag names": (manifests.TAGS, {"repository_id", "after", "limit"}),
    "what a total looks through": (totals.LYING_IN, {"start", "end"}),
}
MANY = {"visible", "names"}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("plans") / "moorage.db"
    migrate(path)
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def steps_of(connection: sqlite3.Connection, statement: Executable, parameters: set[str]) -> list[str]:
    """Return what SQLite would do, a line for each step."""
    sample = {name: ["a", "b"] if name in MANY else 1 for name in parameters}
    prepared = PreparedStatements(dialects.dialect(paramstyle="named")).prepare(statement, sample)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", dict(prepared.bind(sample)))
    return [row[3] for row in rows]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_goes_by_an_index_and_is_in_order_already(empty: sqlite3.Connection, name: str) -> None:
    steps = steps_of(empty, *LISTS[name])
    # A subquery is what was found before; an index in its own order is a list that shows the whole table.
    may = ("SCAN anon_", "SCAN registries USING INDEX")
    bad = [step for step in steps if step.startswith("SCAN ") and not step.startswith(may)]
    assert bad == []
    assert [step for step in steps if "TEMP B-TREE" in step] == []
    assert any("USING" in step for step in steps)


def test_a_plan_without_an_index_shows(empty: sqlite3.Connection) -> None:
    described = repositories.REPOSITORIES.order_by(tables.repositories.c.description)
    steps = steps_of(empty, described, set())
    assert any(step.startswith("SCAN repositories") for step in steps)
    assert any("TEMP B-TREE" in step for step in steps)
