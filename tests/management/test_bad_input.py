"""Whatever is sent, the answer is a problem that says what is wrong, and never a 500."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage.management.errors import MEDIA_TYPE
from moorage.management.front import LARGEST_BODY
from tests.management.world import World

JSON = {"x-caller": "admin", "content-type": "application/json"}
REGISTRIES = "/api/v1/registries"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"DMC"',
        b"\xff\xfe",
        b"[" * 20_000,
        b'{"name": NaN}',
        b'{"name": "x", "description": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"name": 1}',
        b'{"name": ' + b"9" * 5_000 + b"}",
        b'{"name": "x", "visibility": "secret"}',
        b'{"name": "x", "created_by": "somebody else"}',
    ],
)
async def test_a_body_that_is_none_is_refused(world: World, body: bytes) -> None:
    answer = await world.http.post(REGISTRIES, content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert len((await world.ask("GET", "/registries")).json()["items"]) == 1


async def test_a_problem_says_which_field_and_why(world: World) -> None:
    answer = await world.ask("POST", "/registries", {"nam": "DMC", "visibility": "secret"})
    problem = answer.json()
    assert problem["status"] == answer.status_code == 400
    assert problem["code"] == "VALUE_INVALID"
    assert problem["type"] == "/api/docs#VALUE_INVALID"
    assert problem["request_id"] == "request-7"
    assert {error["field"] for error in problem["errors"]} == {"name", "nam", "visibility"}
    assert "'private', 'internal' or 'public'" in problem["detail"]


async def test_a_body_beyond_the_limit_is_not_read(world: World) -> None:
    body = json.dumps({"name": "x", "description": "y" * LARGEST_BODY}).encode()
    answer = await world.http.post(REGISTRIES, content=body, headers=JSON)
    assert answer.status_code == 413
    assert str(LARGEST_BODY) in answer.json()["detail"]


async def test_a_body_that_is_packed_is_refused(world: World) -> None:
    packed, headers = gzip.compress(b'{"name": "Packed"}'), {**JSON, "content-encoding": "gzip"}
    for method, path in (("POST", "registries"), ("PATCH", "registries/dmc"), ("POST", "storage/collect")):
        answer = await world.http.request(method, f"/api/v1/{path}", content=packed, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED")
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["request_id"] == "request-7"


async def test_a_body_that_stands_still_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def standing() -> AsyncIterator[bytes]:
        yield b'{"name": '
        await asyncio.Event().wait()

    monkeypatch.setattr("moorage.management.front.IDLE_SECONDS", 0.05)
    answer = await asyncio.wait_for(world.http.post(REGISTRIES, content=standing(), headers=JSON), 10)
    assert (answer.status_code, answer.headers["content-type"]) == (408, MEDIA_TYPE)
    assert "stood still" in answer.json()["detail"]


async def test_a_form_is_no_json(world: World) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        headers = {**JSON, "content-type": content_type}
        assert (await world.http.post(REGISTRIES, content=b'{"name": "x"}', headers=headers)).status_code == 400


@pytest.mark.parametrize("n", ["-1", "0", "1001", "9223372036854775808", "٣", "1_0", "+5", " 5", "5.0", "x", ""])
async def test_a_page_has_a_size_that_is_a_number(world: World, n: str) -> None:
    for path in ("registries", "users", "registries/dmc/repositories/team/app/-/tags"):
        answer = await world.http.get(f"/api/v1/{path}", params={"n": n}, headers=JSON)
        assert answer.status_code == 400
        assert answer.json()["errors"] == [{"field": "n", "message": "must be a whole number, 1 to 1000"}]


async def test_an_address_without_a_route_is_a_problem_too(world: World) -> None:
    for path in ("/", "/registries/", "/nothing", "/registries/dmc/nothing"):
        answer = await world.ask("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_wrong_method_names_the_right_ones(world: World) -> None:
    answer = await world.ask("PUT", "/registries/dmc")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH"


async def test_head_is_get_without_the_body(world: World) -> None:
    get, head = [await world.ask(method, "/registries/dmc") for method in ("GET", "HEAD")]
    assert head.content == b""
    assert head.headers == get.headers


async def test_answers_are_neither_stored_nor_guessed_at(world: World) -> None:
    for answer in (await world.ask("GET", "/registries"), await world.ask("GET", "/nothing")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(body=st.dictionaries(st.sampled_from(["name", "password", "description", "visibility", "role"]), anything))
async def test_no_body_breaks_the_server(world: World, body: dict[str, object]) -> None:
    content = json.dumps(body).encode()
    for method, path in (("POST", "users"), ("PATCH", "registries/dmc"), ("PUT", "registries/dmc/members/x")):
        answer = await world.http.request(method, f"/api/v1/{path}", content=content, headers=JSON)
        assert answer.status_code < 500


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(part=st.text(st.characters(codec="utf-8"), min_size=1), after=st.text(st.characters(codec="utf-8")))
async def test_no_address_breaks_the_server(world: World, part: str, after: str) -> None:
    one = quoted(part)
    for path in (f"registries/{one}", f"registries/dmc/repositories/{one}/-/tags", f"users/{one}"):
        answer = await world.http.get(f"/api/v1/{path}", params={"after": after}, headers=JSON)
        assert answer.status_code < 500


def quoted(part: str) -> str:
    return "".join(f"%{byte:02x}" for byte in part.encode())
