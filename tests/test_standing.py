"""A body that stands still: nobody waits for it for ever."""

import asyncio
import json
from contextlib import suppress

import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.served import Served


def standing(*, ends: bool = False) -> Receive:
    """Return a connection that sends a piece and then nothing, unless the piece ends the body."""
    messages = iter([{"type": "http.request", "body": b"piece", "more_body": not ends}])

    async def receive() -> Message:
        for message in messages:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    return receive


def test_a_body_that_stands_still_is_given_up_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while True:
            await receive()

    monkeypatch.setattr("moorage.telemetry.front.IDLE_SECONDS", 0.05)
    served = Served(app)
    start, body = served.request({"method": "PUT"}, receive=standing())
    assert start["status"] == 408
    assert json.loads(body["body"])["errors"][0]["message"]
    (line,) = served.lines()
    assert (line["event"], line["status"]) == ("request", 408)


def test_an_application_may_give_a_body_up_earlier_and_say_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                await receive()
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body"})

    monkeypatch.setattr("moorage.telemetry.front.IDLE_SECONDS", 5)
    assert Served(app).request({"method": "PUT"}, receive=standing())[0]["status"] == 418


def test_a_client_may_wait_for_its_answer_longer_than_a_body_may_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        gone = asyncio.create_task(_awaited(receive))
        await asyncio.sleep(0.1)
        assert not gone.done()
        gone.cancel()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    monkeypatch.setattr("moorage.telemetry.front.IDLE_SECONDS", 0.01)
    assert Served(app).request({"method": "PUT"}, receive=standing(ends=True))[0]["status"] == 200


async def _awaited(receive: Receive) -> Message:
    return await receive()
