"""A row that is looked up costs a row of each table, however many images its repository has, or repositories a blob."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from moorage.metastore import blobs, manifests, uploads
from moorage.metastore.batches import batch_of, batch_of_one
from moorage.metastore.connections import SESSION
from tests.metastore.plans import plan_of, rows_read
from tests.postgres import Cluster

pytestmark = pytest.mark.servers

ASKED = 3
TABLES = 3
"""Tables that a look goes through at most: the repository, what points, and what is pointed to."""

FILL = """
ALTER TABLE repositories SET (autovacuum_enabled = off);
ALTER TABLE manifests SET (autovacuum_enabled = off);
ALTER TABLE tags SET (autovacuum_enabled = off);
ALTER TABLE links SET (autovacuum_enabled = off);
INSERT INTO registries (name, address, description, visibility, created_at, created_by)
    VALUES ('DMC', 'dmc', '', 'private', 0, '');
INSERT INTO repositories (registry_id, name, description, created_at, pushed_by, pulls, pushes)
    SELECT id, 'dmc/other' || n, '', 0, '', 0, 0 FROM registries, generate_series(1, 500) AS n;
INSERT INTO links (repository_id, digest, size) SELECT id, 'sha256:77', 0 FROM repositories;
INSERT INTO repositories (registry_id, name, description, created_at, pushed_by, pulls, pushes)
    SELECT id, 'dmc/app', '', 0, '', 0, 0 FROM registries;
INSERT INTO manifests (repository_id, digest, media_type, is_index, annotations, platforms, own_size, body_size,
        pushed_at, pushed_by, body)
    SELECT id, 'sha256:' || n, '', false, '{}', '', 0, 0, n, '', '' FROM repositories, generate_series(1, 500) AS n
    WHERE repositories.name = 'dmc/app';
INSERT INTO tags (repository_id, name, digest, pushed_at, pushed_by)
    SELECT id, 't' || n, 'sha256:' || n, n, '' FROM repositories, generate_series(1, 500) AS n
    WHERE repositories.name = 'dmc/app';
INSERT INTO links (repository_id, digest, size)
    SELECT id, 'sha256:' || n, 0 FROM repositories, generate_series(1, 500) AS n
    WHERE repositories.name = 'dmc/app'
"""
LOOKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "an image by its tag": (manifests.BY_TAG, {"repository": "dmc/app", "reference": "t77", "held": ""}),
    "an image by its digest": (manifests.BY_DIGEST, {"repository": "dmc/app", "reference": "sha256:77", "held": ""}),
    "a blob": (blobs.FIND, {"repository": "dmc/app", "digest": "sha256:77", "fresh": 0.0}),
    "an upload": (uploads.FIND, {"id": "none", "repository": "dmc/app"}),
}


@pytest.fixture(scope="module", params=["young", "known"])
def database(postgres: Cluster, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """Return a database whose tables PostgreSQL knows nothing of yet, and one that it has looked at."""
    with psycopg.connect(postgres.database(), autocommit=True) as connection:
        connection.execute(SESSION, prepare=False)
        connection.execute(FILL.encode(), prepare=False)
        if request.param == "known":
            connection.execute("ANALYZE")
        yield connection


@pytest.mark.parametrize("kind", ["generic", "custom"])
@pytest.mark.parametrize("look", LOOKS)
def test_a_look_reads_one_row_of_each_table(database: psycopg.Connection[Any], look: str, kind: str) -> None:
    statement, given = LOOKS[look]
    many = {name: [value] * ASKED for name, value in given.items()}
    plan = plan_of(database, kind, batch_of(statement, tuple(given)), many)
    assert rows_read(plan) <= ASKED * TABLES


@pytest.mark.parametrize("kind", ["generic", "custom"])
@pytest.mark.parametrize("look", LOOKS)
def test_so_does_that_of_one_who_asks_alone(database: psycopg.Connection[Any], look: str, kind: str) -> None:
    statement, given = LOOKS[look]
    assert rows_read(plan_of(database, kind, batch_of_one(statement), given)) <= TABLES
