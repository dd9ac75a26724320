"""PostgreSQL: stories side by side that are as good as one after another, and a database that goes away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest
from sqlalchemy import bindparam, func, insert, select, update

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore import connections
from moorage.metastore.duty import SharedDuty
from moorage.metastore.migrations.postgres import migrate_postgres
from moorage.metastore.postgres import MEETINGS, PostgreSQL
from moorage.metastore.steps import NOTHING, Steps
from moorage.metastore.tables import clock, signing_keys
from tests.line import Line, line_to
from tests.postgres import Cluster

pytestmark = pytest.mark.servers

ADD = insert(signing_keys)
COUNT = select(func.count()).select_from(signing_keys)
SECONDS = select(clock.c.seconds)
SET = update(clock).values(seconds=bindparam("new"))
LONGEST = 15
"""Seconds: before PostgreSQL itself gives up a transaction of which it hears nothing."""


def add(key: str) -> Steps[None]:
    yield ADD, {"id": key, "secret": b"secret", "created_at": 0.0}


def count() -> Steps[int]:
    ((found,),) = yield COUNT, NOTHING
    return int(found)


def seconds() -> Steps[float]:
    ((found,),) = yield SECONDS, NOTHING
    return float(found)


def refuse(key: str) -> Steps[None]:
    yield from add(key)
    raise MoorageError(ErrorCode.CONFLICT)


def advance() -> Steps[None]:
    """Add one to what was read, as nobody must between two statements that knows of others."""
    yield SET, {"new": (yield from seconds()) + 1}


def add_to_an_even_number() -> Steps[int]:
    """Add a key, if there is no odd number of them: two at once would each see none."""
    found = yield from count()
    if found % 2 == 0:
        yield from add(f"key {found}")
    return found


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def database(postgres: Cluster, opened: AsyncExitStack) -> PostgreSQL:
    return await started(postgres.database(), opened)


@pytest.fixture
async def far(postgres: Cluster, opened: AsyncExitStack) -> tuple[PostgreSQL, Line]:
    """Return a database at the end of a line."""
    line, port = await opened.enter_async_context(line_to(postgres.port))
    url = postgres.database().replace(f":{postgres.port}/", f":{port}/")
    return await started(url, opened), line


async def started(url: str, opened: AsyncExitStack) -> PostgreSQL:
    database = PostgreSQL(url)
    opened.push_async_callback(database.close)
    await database.start()
    return database


async def taken_over(duty: SharedDuty) -> None:
    """Return when the duty is this one's: PostgreSQL sees in its own time that a connection is gone."""
    while not await duty.is_ours():  # noqa: ASYNC110  there is nothing else to wait for
        await asyncio.sleep(0)


async def test_a_story_that_raises_is_undone(database: PostgreSQL) -> None:
    with pytest.raises(MoorageError):
        await database.write(partial(refuse, "a"))
    assert await database.read(count()) == 0


async def test_what_is_read_is_still_so_when_it_is_written(database: PostgreSQL) -> None:
    await asyncio.gather(*(database.write(advance) for _ in range(30)))
    assert await database.read(seconds()) == 30


async def test_two_stories_are_as_good_as_one_after_the_other(database: PostgreSQL) -> None:
    found = await asyncio.gather(*(database.write(add_to_an_even_number) for _ in range(10)))
    assert sorted(found) == [0, *(9 * [1])]


async def test_a_key_added_twice_is_refused_and_not_tried_for_ever(database: PostgreSQL) -> None:
    told = 0

    def twice() -> Steps[None]:
        nonlocal told
        told += 1
        yield from add("a")

    await database.write(twice)
    with pytest.raises(MoorageError) as refused:
        await database.write(twice)
    assert refused.value.error is ErrorCode.UNAVAILABLE
    assert told == 1 + MEETINGS + 1


async def test_a_story_told_alone_meets_nobody(database: PostgreSQL) -> None:
    events: list[str] = []

    def alone() -> Steps[None]:
        events.append("alone begins")
        yield from add("alone")
        assert (yield from count()) == (yield from count())
        events.append("alone ends")

    def beside(key: str) -> Steps[None]:
        events.append("beside begins")
        yield from add(key)
        events.append("beside ends")

    await asyncio.gather(
        *(database.write(partial(beside, f"early {number}")) for number in range(4)),
        database.write(alone, alone=True),
        *(database.write(partial(beside, f"late {number}")) for number in range(4)),
    )
    first, last = events.index("alone begins"), events.index("alone ends")
    # One that was under way would have gone on meanwhile.
    assert last == first + 1


async def test_a_character_that_no_text_can_hold_is_a_value_that_is_not_allowed(database: PostgreSQL) -> None:
    with pytest.raises(MoorageError) as refused:
        await database.write(partial(add, "a\0b"))
    assert refused.value.error is ErrorCode.VALUE_INVALID


async def test_a_cancelled_writer_waits_until_it_is_written(database: PostgreSQL) -> None:
    writing = asyncio.create_task(database.write(partial(add, "a")))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await database.read(count()) == 1


async def test_connections_that_broke_while_nobody_used_them_are_no_error(far: tuple[PostgreSQL, Line]) -> None:
    database, line = far
    await asyncio.gather(*(database.read(count()) for _ in range(30)))
    line.cut()
    assert await asyncio.gather(*(database.read(count()) for _ in range(30))) == [0] * 30
    line.cut()
    await asyncio.gather(*(database.write(partial(add, f"key {number}")) for number in range(10)))
    assert await database.read(count()) == 10


@pytest.mark.parametrize("lost", [b"BEGIN", b"INSERT", b"COMMIT"])
async def test_what_was_not_committed_when_the_line_broke_is_told_again(
    far: tuple[PostgreSQL, Line], lost: bytes
) -> None:
    database, line = far
    line.lost_request = lost
    if lost == b"COMMIT":
        # Whether it came there, this end can't know.
        with pytest.raises(MoorageError) as refused:
            await database.write(partial(add, "a"))
        assert refused.value.error is ErrorCode.UNAVAILABLE
    else:
        await database.write(partial(add, "a"))
    assert await database.read(count()) == (lost != b"COMMIT")


async def test_a_lost_answer_to_a_commit_is_no_success_and_tells_nothing_again(far: tuple[PostgreSQL, Line]) -> None:
    database, line = far
    told = 0

    def once() -> Steps[None]:
        nonlocal told
        told += 1
        yield from add(f"key {told}")

    line.lost_answer = b"COMMIT"
    with pytest.raises(MoorageError) as refused:
        await database.write(once)
    assert refused.value.error is ErrorCode.UNAVAILABLE
    assert refused.value.detail == {"retry_after": 1}
    assert told == 1
    assert await database.read(count()) == 1


async def test_a_database_that_hangs_is_given_up_and_found_again(
    far: tuple[PostgreSQL, Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, line = far
    monkeypatch.setattr("moorage.metastore.postgres.ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.2)
    line.is_moving.clear()
    for asking in (database.read(count()), database.write(partial(add, "a"))):
        with pytest.raises(MoorageError) as refused:
            await asking
        assert refused.value.error is ErrorCode.UNAVAILABLE
    line.is_moving.set()
    monkeypatch.undo()
    await database.write(partial(add, "b"))
    assert await database.read(count()) == 1


@pytest.mark.parametrize("gone", ["the database", "one answer"])
async def test_a_write_of_which_nothing_comes_any_more_is_given_up(
    far: tuple[PostgreSQL, Line], monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    database, line = far
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.5)

    def interrupted() -> Steps[None]:
        if gone == "the database":
            line.is_moving.clear()
        else:
            line.silent_answer = b"signing_keys"
        yield from add("a")

    with pytest.raises(MoorageError) as refused:
        await asyncio.wait_for(database.write(interrupted, alone=True), LONGEST)
    assert refused.value.error is ErrorCode.UNAVAILABLE
    line.is_moving.set()
    await database.write(partial(add, "b"))
    assert await database.read(count()) == 1


async def test_a_write_is_waited_for_while_the_database_works_on_it(
    database: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.3)

    def slow() -> Steps[None]:
        yield select(func.pg_sleep(1)), NOTHING
        yield from add("a")

    await database.write(slow)
    assert await database.read(count()) == 1


async def test_a_database_that_was_gone_is_found_again_without_a_restart(
    postgres: Cluster, database: PostgreSQL
) -> None:
    await database.check()
    await asyncio.to_thread(postgres.stop)
    try:
        for _ in range(2):
            with pytest.raises(MoorageError) as refused:
                await database.read(count())
            assert refused.value.error is ErrorCode.UNAVAILABLE
            with pytest.raises(MoorageError):
                await database.check()
    finally:
        await asyncio.to_thread(postgres.start)
    await database.check()
    assert await database.read(count()) == 0


async def test_one_server_has_the_duty_and_another_takes_it_over(postgres: Cluster) -> None:
    url = postgres.database()
    one, other = SharedDuty(url), SharedDuty(url)
    assert [await one.is_ours(), await other.is_ours(), await one.is_ours()] == [True, False, True]
    await one.close()
    await taken_over(other)
    assert not await one.is_ours()
    await one.close()
    await other.close()


async def test_a_server_that_lost_the_database_has_lost_the_duty(postgres: Cluster) -> None:
    url = postgres.database()
    async with line_to(postgres.port) as (line, port):
        one, other = SharedDuty(url.replace(f":{postgres.port}/", f":{port}/")), SharedDuty(url)
        assert await one.is_ours()
        line.cut()
        assert not await one.is_ours()
        await taken_over(other)
        assert not await one.is_ours()
        await one.close()
        await other.close()


def test_a_newer_schema_is_refused_in_one_line(postgres: Cluster) -> None:
    url = postgres.database()
    name = url.rpartition("/")[2]
    postgres.ask("UPDATE alembic_version SET version_num = '9999'", name)
    with pytest.raises(MoorageError, match="newer Moorage") as refused:
        migrate_postgres(url)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://u:canary@h:port/x", "postgresql://u:canary@h/x?no=thing"])
def test_a_url_that_is_none_is_refused_without_saying_it(url: str) -> None:
    with pytest.raises(MoorageError) as refused:
        migrate_postgres(url)
    assert "canary" not in str(refused.value)


def test_a_database_that_does_not_hold_every_character_is_refused(postgres: Cluster) -> None:
    postgres.ask("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0")
    with pytest.raises(MoorageError, match="LATIN1"):
        migrate_postgres(postgres.url("latin"))
