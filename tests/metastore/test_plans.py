"""Lists go by an index: however much there is, a page reads what it shows, or a window of what it is looked for in.

Both databases are asked how they would run each list; PostgreSQL, which goes by how much there is, with much of it.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.dialects import sqlite as sqlite_dialect

from bench.lists.fill import fill_postgres, fill_sqlite
from bench.lists.world import LARGE, Scale, World
from moorage.metastore import activity, collect, contents, deletions, letting_go, pages, repositories, tables
from moorage.metastore.connections import SESSION
from moorage.metastore.migrations import migrate
from moorage.metastore.prepared import PreparedStatements
from tests.metastore.lists import NO_LISTS, in_the_code, lists
from tests.metastore.plans import GROWING, nodes, plan_of, rows_read
from tests.postgres import Cluster

WORLD = World(
    Scale(
        repositories=3_000,
        tags=75_000,
        registries=10,
        activity=40_000,
        people=200,
        groups=10,
        robots=20,
        grants=100,
        tokens=2,
        referrers=100,
        untagged=100,
        moves=20_000,
    )
)
LISTS = lists(WORLD)

MOST_READ = max(activity.WINDOW, pages.TAGS_SEEN) + 100
"""Rows of a growing table that one statement reads: a window, and some for what is shown of its rows."""

ONE = {"repository_id": LARGE, "digest": WORLD.image(4).digest, "some": [WORLD.image(4).layer], "most": 1}
ROWS_OF_ONE = 20
NAMED_BY_ONE = {"repository_id": LARGE, "some": [WORLD.image(4).digest]}

SORTED = re.compile(
    r"images, untagged|activity, .*\['|a group's members|a directory's groups|(further )?deleted registries"
    r"|grants, |members$"
)
"""What SQLite sorts: the rows of a window that fit, not known to be in order; who is in a group or has a role; deleted
registries."""


def test_every_list_of_the_code_has_its_plan_looked_at() -> None:
    looked_at = [statement for statement, _ in LISTS.values()]
    left = {key for key, statement in in_the_code() if not any(statement is one for one in looked_at)}
    assert left == set(NO_LISTS)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("plans") / "moorage.db"
    migrate(path)
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def steps_of(connection: sqlite3.Connection, statement: Any, given: Mapping[str, Any]) -> list[str]:  # noqa: ANN401
    """Return what SQLite would do, a line for each step."""
    prepared = PreparedStatements(sqlite_dialect.dialect(paramstyle="named")).prepare(statement, given)
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", dict(prepared.bind(given)))]


@pytest.mark.parametrize("name", LISTS)
def test_sqlite_goes_by_an_index_and_finds_a_list_in_order(sqlite: sqlite3.Connection, name: str) -> None:
    steps = steps_of(sqlite, *LISTS[name])
    # A subquery is what was found before; an index in its own order is a list that shows the whole table, and a window
    # is its beginning.
    may = re.compile(r"SCAN (anon_|seen$|\w+ USING (COVERING )?INDEX|users USING INDEX)")
    assert [step for step in steps if step.startswith("SCAN ") and not may.match(step)] == []
    is_sorted = any("TEMP B-TREE" in step for step in steps)
    assert not is_sorted or SORTED.match(name)
    assert any("USING" in step for step in steps)


@pytest.mark.parametrize("statement", [letting_go.POINTING, deletions.MORE_HERE, deletions.HERE, deletions.ELSEWHERE])
def test_sqlite_looks_at_one_image_and_not_through_its_repository(sqlite: sqlite3.Connection, statement: Any) -> None:  # noqa: ANN401
    steps = steps_of(sqlite, statement, ONE)
    assert [step for step in steps if "SCAN" in step or "(repository_id=?)" in step] == []


@pytest.mark.parametrize("statement", [contents.TARGETS, letting_go.TARGETS])
def test_sqlite_finds_what_an_image_names_by_the_image(sqlite: sqlite3.Connection, statement: Any) -> None:  # noqa: ANN401
    steps = steps_of(sqlite, statement, NAMED_BY_ONE)
    assert [step for step in steps if "SCAN" in step or "(repository_id=?)" in step] == []


@pytest.mark.parametrize("statement", [collect.STORED, collect.WAITING])
def test_what_is_stored_is_told_without_looking_through_all_blobs(sqlite: sqlite3.Connection, statement: Any) -> None:  # noqa: ANN401
    assert [step for step in steps_of(sqlite, statement, {}) if re.match("SCAN (blobs|links)", step)] == []


def test_a_plan_without_an_index_shows(sqlite: sqlite3.Connection) -> None:
    described = repositories.REPOSITORIES.order_by(tables.repositories.c.description)
    steps = steps_of(sqlite, described, {})
    assert any(step.startswith("SCAN repositories") for step in steps)
    assert any("TEMP B-TREE" in step for step in steps)


@pytest.fixture(scope="module")
def filled(postgres: Cluster) -> Iterator[psycopg.Connection[Any]]:
    """Return a PostgreSQL with much in it, as a server has it open."""
    url = postgres.database()
    fill_postgres(url, WORLD, lambda _: None)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SESSION, prepare=False)
        yield connection


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["generic", "custom"])
@pytest.mark.parametrize("name", LISTS)
def test_postgresql_goes_by_an_index_and_sorts_no_more_than_a_page(
    filled: psycopg.Connection[Any], name: str, kind: str
) -> None:
    plan = plan_of(filled, kind, *LISTS[name])
    scans = [node for node in nodes(plan) if node["Node Type"].endswith("Seq Scan")]
    assert {node["Relation Name"] for node in scans} & GROWING == set()
    sorts = [node for node in nodes(plan) if node["Node Type"].endswith("Sort")]
    assert max((node["Plans"][0]["Actual Rows"] for node in sorts), default=0) <= 1000
    assert rows_read(plan) <= MOST_READ


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["generic", "custom"])
@pytest.mark.parametrize("statement", [letting_go.POINTING, deletions.MORE_HERE])
def test_postgresql_looks_at_one_image_and_not_through_its_repository(
    filled: psycopg.Connection[Any],
    kind: str,
    statement: Any,  # noqa: ANN401
) -> None:
    assert rows_read(plan_of(filled, kind, statement, ONE)) <= ROWS_OF_ONE


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["generic", "custom"])
@pytest.mark.parametrize("statement", [contents.TARGETS, letting_go.TARGETS])
def test_postgresql_finds_what_an_image_names_by_the_image(
    filled: psycopg.Connection[Any],
    kind: str,
    statement: Any,  # noqa: ANN401
) -> None:
    assert rows_read(plan_of(filled, kind, statement, NAMED_BY_ONE)) <= ROWS_OF_ONE


@pytest.mark.servers
def test_a_plan_that_reads_a_whole_table_shows(filled: psycopg.Connection[Any]) -> None:
    described = repositories.REPOSITORIES.order_by(tables.repositories.c.description)
    plan = plan_of(filled, "custom", described, {})
    assert any(node["Node Type"].endswith("Sort") for node in nodes(plan))
    assert rows_read(plan) > MOST_READ


def test_the_world_of_the_plans_fits_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "moorage.db"
    migrate(path)
    fill_sqlite(
        path,
        World(Scale(repositories=10, tags=100, registries=5, activity=20, people=30, groups=2, robots=4, grants=5)),
        lambda _: None,
    )
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert connection.execute("SELECT count(*) FROM tags").fetchone() == (100,)
    connection.close()
