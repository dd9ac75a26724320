"""Groups of stories: one transaction for many, and none pays for its neighbours."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import bindparam, func, insert, select, text

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.migrations import migrate
from moorage.metastore.sqlite import SQLite
from moorage.metastore.steps import NOTHING, Steps
from moorage.metastore.tables import signing_keys

ADD = insert(signing_keys)
COUNT = select(func.count()).select_from(signing_keys)
FIND = select(signing_keys.c.secret).where(signing_keys.c.id.in_(bindparam("ids", expanding=True)))


def add(key: str, secret: bytes = b"secret") -> Steps[None]:
    yield ADD, {"id": key, "secret": secret, "created_at": 0.0}


def refuse(key: str) -> Steps[None]:
    yield from add(key)
    raise MoorageError(ErrorCode.CONFLICT)


def count() -> Steps[int]:
    ((found,),) = yield COUNT, NOTHING
    return int(found)


def find(*ids: str) -> Steps[int]:
    rows = yield FIND, {"ids": ids}
    return len(rows)


def modes_in(folder: Path) -> dict[str, int]:
    """Return the modes of the database's files by name."""
    return {file.name: file.stat().st_mode & 0o777 for file in folder.glob("moorage.db*")}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SQLite]:
    migrate(tmp_path / "moorage.db")
    database = SQLite(tmp_path / "moorage.db")
    await database.start()
    yield database
    await database.close()


async def test_nobody_else_on_the_machine_reads_the_database(tmp_path: Path) -> None:
    migrate(tmp_path / "moorage.db")
    database = SQLite(tmp_path / "moorage.db")
    await database.start()
    await database.write(partial(add, "a"))
    modes = modes_in(tmp_path)
    await database.close()
    assert modes == dict.fromkeys(("moorage.db", "moorage.db-wal", "moorage.db-shm"), 0o600)


async def test_a_story_that_raises_is_undone_alone(database: SQLite) -> None:
    stories = [partial(add, "a"), partial(refuse, "b"), partial(add, "c")]
    outcomes = await asyncio.gather(*map(database.write, stories), return_exceptions=True)
    assert isinstance(outcomes[1], MoorageError)
    assert await database.read(find("a", "b", "c")) == 2


async def test_a_story_that_fails_in_the_database_is_undone_alone(database: SQLite) -> None:
    stories = [partial(add, "a"), partial(add, "a"), partial(add, "c")]
    outcomes = await asyncio.gather(*map(database.write, stories), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(MoorageError) == 1
    assert await database.read(count()) == 2


async def test_who_finds_the_disk_full_does_not_take_others_along(database: SQLite) -> None:
    await database.write(limit_pages)
    huge = partial(add, "huge", b"x" * 4_000_000)
    outcomes = await asyncio.gather(
        *map(database.write, [partial(add, "a"), huge, partial(add, "c")]), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, MoorageError)]
    assert [outcome.error for outcome in refused] == [ErrorCode.DISK_FULL]
    assert await database.read(find("a", "huge", "c")) == 2


async def test_a_cancelled_writer_waits_until_it_is_written(database: SQLite) -> None:
    writing = asyncio.create_task(database.write(partial(add, "a")))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await database.read(count()) == 1


async def test_a_list_of_any_length_finds_what_is_there(database: SQLite) -> None:
    await database.write(partial(add, "a"))
    assert [await database.read(find(*ids)) for ids in ((), ("a",), ("a", "b"), ("b", "c"))] == [0, 1, 1, 0]


async def test_the_generation_moves_with_every_commit_and_only_then(database: SQLite) -> None:
    before = database.generation()
    await asyncio.sleep(0)
    assert database.generation() == before
    await database.write(partial(add, "a"))
    assert database.generation() != before


def limit_pages() -> Steps[None]:
    """Let the file grow no further than it is; the pragma belongs to the writer's connection."""
    yield text("PRAGMA max_page_count = 1"), NOTHING
