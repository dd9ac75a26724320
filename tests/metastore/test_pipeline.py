"""What is looked up on one connection: everybody gets their own rows, and a connection that breaks is made anew."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import BigInteger, Text, bindparam, column, func, select, table

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.pipeline import Pipeline
from moorage.metastore.steps import NOTHING
from tests.line import line_to
from tests.postgres import Cluster

pytestmark = pytest.mark.servers

ECHO = select(bindparam("text", type_=Text).label("text"))
SLOWLY = select(bindparam("text", type_=Text).label("text"), func.pg_sleep(0.3))
DIVIDED = select((100 / bindparam("by", type_=BigInteger)).label("result"))
MISSING = select(column("name", Text)).select_from(table("missing"))
PARTS = select(func.length(bindparam("text", type_=Text)).label("length"), bindparam("text", type_=Text).label("text"))
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'moorage'"


@pytest.fixture
async def pipeline(postgres: Cluster) -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(postgres.empty())
    await pipeline.open()
    yield pipeline
    await pipeline.close()


async def echo(pipeline: Pipeline, text: str) -> str:
    (row,) = await pipeline.ask((ECHO, {"text": text}))
    return str(row.text)


async def test_everybody_who_asks_at_once_gets_their_own_rows(pipeline: Pipeline) -> None:
    texts = [f"number {number}" for number in range(500)]
    assert await asyncio.gather(*(echo(pipeline, text) for text in texts)) == texts


async def test_what_is_larger_than_a_socket_takes_comes_back_whole(pipeline: Pipeline) -> None:
    text = "0123456789" * 1_000_000
    answers = await asyncio.gather(*(pipeline.ask((PARTS, {"text": text})) for _ in range(3)))
    assert [(row.length, row.text == text) for (row,) in answers] == [(len(text), True)] * 3


async def test_who_goes_away_takes_nobody_s_rows_along(pipeline: Pipeline) -> None:
    gone = asyncio.ensure_future(pipeline.ask((SLOWLY, {"text": "gone"})))
    await asyncio.sleep(0.1)
    gone.cancel()
    assert await asyncio.gather(*(echo(pipeline, text) for text in ("one", "two"))) == ["one", "two"]


@pytest.mark.parametrize("is_asking", [False, True])
async def test_a_connection_that_broke_is_made_anew_and_nobody_notices(
    pipeline: Pipeline, postgres: Cluster, *, is_asking: bool
) -> None:
    assert await echo(pipeline, "before") == "before"
    asked = [asyncio.ensure_future(pipeline.ask((SLOWLY, {"text": str(number)}))) for number in range(3 * is_asking)]
    await asyncio.sleep(0.1)
    await asyncio.to_thread(postgres.ask, OTHERS)
    assert [row.text for (row,) in await asyncio.gather(*asked)] == [str(number) for number in range(3 * is_asking)]
    assert await echo(pipeline, "after") == "after"


async def test_a_value_that_has_no_answer_is_an_error_of_whoever_gave_it(pipeline: Pipeline) -> None:
    asked = [asyncio.ensure_future(pipeline.ask((DIVIDED, {"by": by}))) for by in (2, 0, 4)]
    assert await echo(pipeline, "other") == "other"
    with pytest.raises(MoorageError) as refused:
        await asked[1]
    assert refused.value.error is ErrorCode.VALUE_INVALID
    assert [(await answer)[0].result for answer in (asked[0], asked[2])] == [50, 25]


async def test_a_statement_that_could_not_be_prepared_is_prepared_when_it_can(
    pipeline: Pipeline, postgres: Cluster
) -> None:
    for _ in range(2):
        with pytest.raises(MoorageError) as refused:
            await pipeline.ask((MISSING, NOTHING))
        assert refused.value.error is ErrorCode.UNAVAILABLE
    name = (await pipeline.ask((select(func.current_database().label("name")), NOTHING)))[0].name
    postgres.ask("CREATE TABLE missing AS SELECT 'here'::text AS name", name)
    assert [row.name for row in await pipeline.ask((MISSING, NOTHING))] == ["here"]


async def test_a_database_that_says_nothing_is_given_up_and_asked_again_later(
    postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moorage.metastore.pipeline.ANSWER_SECONDS", 0.5)
    async with line_to(postgres.port) as (line, port):
        pipeline = Pipeline(postgres.empty().replace(str(postgres.port), str(port)))
        assert await echo(pipeline, "before") == "before"
        line.is_moving.clear()
        with pytest.raises(MoorageError) as refused:
            await asyncio.wait_for(echo(pipeline, "lost"), 10)
        assert refused.value.error is ErrorCode.UNAVAILABLE
        line.is_moving.set()
        assert await echo(pipeline, "after") == "after"
        await pipeline.close()
