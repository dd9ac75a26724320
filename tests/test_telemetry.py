"""What the server tells about itself: true, complete, in one shape, and never a secret."""

import asyncio
import io
import json
import logging
import os
import pty
import re

import pytest
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moorage.services.tally import Tally
from moorage.telemetry import (
    Front,
    Metrics,
    RequestIds,
    RequestLog,
    configure,
)
from moorage.telemetry.logs import Format, Level
from tests.served import Served, a_scope

NASTY = 'a"b\\c\n\x1b[2J\x00\x7f\x9b é 😀'


def answering(status: int, *pieces: bytes, **state: object) -> ASGIApp:
    """Return an application that reads the body and answers with these pieces, leaving `state` behind."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"].update(state)
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": status, "headers": SHARED_HEADERS})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    return app


SHARED_HEADERS = [(b"content-length", b"11")]


def id_in(answer: list[Message]) -> str:
    return str(dict(answer[0]["headers"])[b"x-request-id"].decode())


def test_a_request_leaves_one_line_with_the_id_that_is_in_the_answer() -> None:
    served = Served(answering(200, b"hello ", b"world", user="ann", route="blob"))
    answer = served.request({"path": "/v2/dmc/ubuntu"})
    (line,) = served.lines()
    assert line.pop("timestamp")
    assert line.pop("seconds") is not None
    assert line == {
        "level": "info",
        "event": "request",
        "request_id": id_in(answer),
        "method": "GET",
        "path": "/v2/dmc/ubuntu",
        "status": 200,
        "bytes_sent": 11,
        "client": "10.0.0.7",
        "user": "ann",
        "user_agent": "docker/24",
    }
    assert SHARED_HEADERS == [(b"content-length", b"11")]


def test_the_answer_passes_through_unchanged_but_for_the_id() -> None:
    served = Served(answering(201, b"hello ", b"world"))
    first, *rest = served.request()
    assert first["status"] == 201
    assert first["headers"][:-1] == SHARED_HEADERS
    assert b"".join(message.get("body", b"") for message in rest) == b"hello world"


def test_no_id_is_given_twice_or_taken_from_the_client() -> None:
    served = Served(answering(200))
    sent = {"headers": [(b"x-request-id", b"mine")]}
    ids = {id_in(served.request(sent)) for _ in range(50)}
    assert len(ids) == 50
    assert "mine" not in ids
    assert len({ids() for ids in (RequestIds(), RequestIds()) for _ in range(100)}) == 200


def test_two_requests_never_share_their_state() -> None:
    shared: dict[str, object] = {"from": "lifespan"}
    seen = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["state"])

    served = Served(app)
    served.request({"state": shared})
    served.request({"state": shared})
    assert seen[0]["request_id"] != seen[1]["request_id"]
    assert shared == {"from": "lifespan"}


def test_an_unexpected_exception_becomes_a_500_that_names_the_id_and_tells_nothing() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        message = "the cat is on the cable"
        raise LookupError(message)

    served = Served(app)
    start, body = served.request()
    assert start["status"] == 500
    (error,) = json.loads(body["body"])["errors"]
    assert error["code"] == "UNKNOWN"
    assert id_in([start]) in error["message"]
    assert "cat" not in error["message"]
    failure, request = served.lines()
    assert failure["request_id"] == request["request_id"] == id_in([start])
    assert "LookupError: the cat is on the cable" in str(failure["exception"])
    assert request["status"] == 500


def test_an_answer_that_broke_off_is_not_ended_as_if_it_were_whole() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise OSError

    served = Served(app)
    with pytest.raises(OSError, match=r"^$"):
        served.request()
    assert [line["status"] for line in served.lines()[1:]] == [500]


def test_a_request_the_client_broke_off_is_logged_too() -> None:
    async def cancelled(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise asyncio.CancelledError

    async def silent(_scope: Scope, _receive: Receive, _send: Send) -> None:
        pass

    served = Served(cancelled)
    with pytest.raises(asyncio.CancelledError):
        served.request()
    assert [line["status"] for line in served.lines()] == [499]
    served = Served(silent)
    served.request()
    assert [line["status"] for line in served.lines()] == [499]


def test_a_client_that_goes_away_stops_the_stream_it_was_sent() -> None:
    messages: list[Message] = [{"type": "http.disconnect"}, {"type": "http.request", "body": b"", "more_body": False}]

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"piece", "more_body": True})

    async def receive() -> Message:
        return messages.pop()

    async def send(_message: Message) -> None:
        await asyncio.sleep(0)

    stream = io.StringIO()
    log = configure("info", "json", stream)
    asyncio.run(Front(app, log, RequestIds(), Metrics(), Tally().refused)(a_scope(), receive, send))
    log.close()
    assert json.loads(stream.getvalue())["status"] == 499


@pytest.mark.parametrize(
    ("status", "known", "is_row"),
    [
        (401, {"user": "tom"}, True),
        (403, {"user": "tom"}, True),
        (404, {"user": "tom", "hidden": True}, True),
        (404, {"user": "tom", "hidden": False}, False),
        (404, {"user": "tom"}, False),
        (429, {"user": "tom"}, True),
        (403, {}, False),
        (400, {"user": "tom"}, False),
        (200, {"user": "tom"}, False),
    ],
)
def test_what_somebody_known_is_refused_is_told_with_their_access_token(
    status: int, known: dict[str, object], *, is_row: bool
) -> None:
    served = Served(answering(status, **known, token="laptop"))
    served.request({"path": "/v2/dmc/app/manifests/1", "method": "PUT"})
    rows, _ = served.tally.take(0)
    assert [(row.who, row.token, row.target) for row in rows] == [("tom", "laptop", "/v2/dmc")] * is_row


def test_other_scopes_are_left_alone() -> None:
    seen = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    served = Served(app)
    served.request({"type": "lifespan"})
    assert seen == ["lifespan"]
    assert served.lines() == []


@pytest.mark.parametrize(("level", "lines"), [("debug", 2), ("info", 1), ("warning", 0)])
def test_probes_are_for_those_who_debug(level: Level, lines: int) -> None:
    served = Served(answering(200), level)
    served.request({"path": "/livez"})
    served.request({"path": "/v2/"})
    assert [line["event"] for line in served.lines()].count("request") == lines


def test_neither_credentials_nor_the_query_are_logged() -> None:
    served = Served(answering(200), "debug")
    served.request({"query_string": b"token=canary-1&password=canary-2", "headers": [(b"authorization", b"canary-3")]})
    assert "canary" not in served.stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_nothing_a_client_sends_can_write_outside_its_line(form: Format) -> None:
    served = Served(answering(200, user=NASTY), form=form)
    agent = NASTY.encode()
    served.request({"path": NASTY, "headers": [(b"user-agent", agent)], "client": (NASTY, 1), "method": NASTY})
    structlog.get_logger().info(NASTY, path=NASTY)
    logging.getLogger("library").warning(NASTY)
    text = served.stream.getvalue()
    assert len(re.findall("\n", text)) == 3
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text) is None
    if form == "json":
        request, own, library = served.lines()
        assert (request["path"], request["user"]) == (NASTY, NASTY)
        assert own["event"] == library["event"] == NASTY


def test_endless_paths_and_agents_are_cut() -> None:
    served = Served(answering(200))
    served.request({"path": "/" + "a" * 1_000_000, "headers": [(b"user-agent", b"b" * 1_000_000)]})
    assert len(served.stream.getvalue()) < 2000


def test_all_lines_have_one_shape() -> None:
    served = Served(answering(200))
    served.request()
    structlog.get_logger().info("started", doors=2)
    logging.getLogger("library").info("hello %s", "you")
    request, own, library = served.lines()
    assert list(request)[:3] == list(own)[:3] == list(library)[:3] == ["timestamp", "level", "event"]
    assert own["doors"] == 2
    assert library["event"] == "hello you"
    stamps = {re.sub("[0-9]", "0", str(line["timestamp"])) for line in (request, own, library)}
    assert stamps == {"0000-00-00T00:00:00.000000Z"}


def test_lines_are_readable_on_a_terminal_and_json_elsewhere() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        configure("info", "auto", terminal)
        structlog.get_logger().info("started")
        terminal.flush()
        assert b"started" in (seen := os.read(ours, 1000))
        assert not seen.startswith(b"{")
    os.close(ours)
    stream = io.StringIO()
    configure("info", "auto", stream)
    structlog.get_logger().info("started")
    assert json.loads(stream.getvalue())["event"] == "started"


def sign_in(password: str) -> None:
    raise ValueError(len(password))


def test_a_traceback_shows_no_local_variables() -> None:
    stream = io.StringIO()
    configure("info", "text", stream)
    parts = ["canary", "7f3a"]
    try:
        sign_in("-".join(parts))
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: 11" in stream.getvalue()
    assert "canary-7f3a" not in stream.getvalue()


class Pieces(io.StringIO):
    """A stream that remembers how it was written to."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.written = asyncio.Event()

    def write(self, text: str) -> int:
        self.written.set()
        self.pieces.append(text)
        return super().write(text)


def log_requests(log: RequestLog, number: int) -> None:
    for index in range(number):
        log(
            method="GET",
            path=f"/v2/dmc/{index}",
            status=200,
            seconds=0.001,
            bytes_sent=5,
            client="10.0.0.7",
            user_agent="docker/24",
            request_id="a-1",
            user=None,
        )


def test_lines_are_written_together_within_a_moment_and_never_torn() -> None:
    stream = Pieces()
    log = configure("info", "json", stream)

    async def run() -> None:
        log_requests(log, 100)
        assert stream.pieces == []
        await asyncio.wait_for(stream.written.wait(), 5)
        log_requests(log, 1)
        log.close()

    asyncio.run(run())
    assert [json.loads(line)["path"] for line in stream.getvalue().splitlines()[:100:99]] == ["/v2/dmc/0", "/v2/dmc/99"]
    assert len(stream.getvalue().splitlines()) == 101
    assert all(piece.endswith("\n") and len(piece) <= 4096 for piece in stream.pieces)
    assert len(stream.pieces) < 15


def test_requests_are_counted_by_method_route_and_status() -> None:
    served = Served(answering(201, b"12345", route="blob"))
    served.request({"method": "PUT"}, b"abc", b"de")
    served.request({"method": "PUT"})
    assert served.number("moorage_requests_total", method="PUT", route="blob", status="201") == 2
    assert served.number("moorage_request_seconds_count", route="blob") == 2
    assert served.number("moorage_bytes_received_total") == 5
    assert served.number("moorage_bytes_sent_total") == 10


def test_a_file_sent_by_the_server_counts_with_its_length() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"123456")]})
        await send({"type": "http.response.pathsend", "path": "/blob"})

    served = Served(app)
    served.request()
    assert served.number("moorage_bytes_sent_total") == 123456
    assert served.lines()[0]["status"] == 200


def test_invented_methods_and_paths_make_no_new_rows() -> None:
    served = Served(answering(404))
    for index in range(20):
        served.request({"method": f"M{index}", "path": f"/{index}"})
    assert served.number("moorage_requests_total", method="other", route="other", status="404") == 20
