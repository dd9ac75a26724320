"""Backups of other versions, and how a manifest is kept."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from moorage.domain.backup import parse_manifest, write_manifest
from moorage.domain.digest import Digest, digest_of
from moorage.domain.errors import MoorageError
from moorage.metastore.migrations import upgrade
from moorage.settings import Settings
from tests.backup.places import back_up, file_of, restored
from tests.moving.places import rows_of


async def test_a_backup_of_a_newer_moorage_is_refused(
    source: Settings, place: Settings, folder: Path, there: Settings
) -> None:
    made = await back_up(source, place)
    file = folder / "backups" / f"{made.manifest.name}.json"
    file.write_bytes(write_manifest(made.manifest.model_copy(update={"schema_version": "9999"})))
    with pytest.raises(MoorageError, match=r"the backup was written by a newer Moorage \(schema 9999"):
        await restored(place, there)
    file.write_bytes(write_manifest(made.manifest.model_copy(update={"format": 2})))
    with pytest.raises(MoorageError, match="was written by a newer Moorage"):
        await restored(place, there)


async def test_a_backup_of_an_older_moorage_is_brought_up_to_date(
    source: Settings, place: Settings, folder: Path, there: Settings
) -> None:
    """The first tables had no `redirects`: what is in them is restored, and gets what a migration gives it."""
    made = await back_up(source, place)
    before = await rows_of(source)
    columns = older_columns(folder / "first.db")
    tables = []
    for table in made.manifest.tables:
        if table.name in columns:
            pieces = [await rewritten(folder, piece.digest, columns[table.name]) for piece in table.pieces]
            changed = [
                piece.model_copy(update={"digest": digest, "size": size})
                for piece, (digest, size) in zip(table.pieces, pieces, strict=True)
            ]
            tables.append(table.model_copy(update={"pieces": changed}))
    manifest = made.manifest.model_copy(update={"schema_version": "0001", "tables": tables})
    (folder / "backups" / f"{manifest.name}.json").write_bytes(write_manifest(manifest))
    await restored(place, there)
    after = await rows_of(there)
    assert after["tags"] == before["tags"]
    assert after["users"] == before["users"]
    assert [row[:8] for row in after["registries"]] == [row[:8] for row in before["registries"]]
    assert {row[8] for row in after["registries"]} == {"server"}


def older_columns(file: Path) -> dict[str, set[str]]:
    """Return what the first version of the tables had."""
    upgrade({"sqlalchemy.url": f"sqlite:///{file}"}, "0001")
    with closing(sqlite3.connect(file)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: {row[1] for row in database.execute(f"PRAGMA table_info({table})")} for table in tables}


async def rewritten(folder: Path, digest: str, columns: set[str]) -> tuple[Digest, int]:
    """Write a piece of rows again with these columns alone, and return its digest and size in bytes."""
    lines = gzip.decompress(file_of(folder, Digest(digest)).read_bytes()).splitlines()
    rows = [{name: value for name, value in json.loads(line).items() if name in columns} for line in lines]
    content = gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode(), mtime=0)
    file = file_of(folder, digest_of(content))
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    return digest_of(content), len(content)


async def test_a_manifest_is_read_as_it_was_written(source: Settings, place: Settings, folder: Path) -> None:
    made = await back_up(source, place)
    content = (folder / "backups" / f"{made.manifest.name}.json").read_bytes()
    assert parse_manifest(made.manifest.name, content) == made.manifest
    with pytest.raises(MoorageError, match="is damaged"):
        parse_manifest("20000101T000000Z", content)
