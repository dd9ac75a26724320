"""The whole server as one application: which addresses answer which methods."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from starlette.types import Message

from moorage.app.services import open_services
from moorage.app.worker import build
from moorage.settings import load
from moorage.telemetry import Metrics

OWN = ["/livez", "/readyz", "/metrics", "/ca.crt"]
ELSEWHERE = ["/api/docs", "/api/v1/openapi.json", "/", "/-/sign-in"]

Answer = tuple[int, dict[bytes, bytes], bytes]
Ask = Callable[[str, str], Awaitable[Answer]]


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Ask]:
    """Send a request, and return status, headers and the bytes that a server would be given to send."""
    authority, settings = tmp_path / "ca.crt", load({"data": tmp_path / "data"}, {})
    authority.write_bytes(b"a certificate")
    async with open_services(settings) as services:
        web = build(settings, services, Metrics(None), authority)

        async def ask(method: str, path: str) -> Answer:
            sent: list[Message] = []

            async def receive() -> Message:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: Message) -> None:
                sent.append(message)

            scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
            more = {"scheme": "https", "client": ("10.0.0.7", 4711), "server": ("proget", 5443), "root_path": ""}
            await web({**scope, **more, "state": {}}, receive, send)
            body = b"".join(message.get("body", b"") for message in sent[1:])
            return sent[0]["status"], dict(sent[0]["headers"]), body

        yield ask


@pytest.mark.parametrize("path", OWN)
async def test_head_is_get_without_the_body(ask: Ask, path: str) -> None:
    status, headers, body = await ask("GET", path)
    assert (status, headers[b"content-length"]) == (200, b"%d" % len(body))
    head_status, head_headers, head_body = await ask("HEAD", path)
    assert (head_status, head_headers.keys(), head_body) == (status, headers.keys(), b"")
    assert int(head_headers[b"content-length"]) > 0


@pytest.mark.parametrize("path", [*OWN, *ELSEWHERE])
@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PURGE"])
async def test_a_method_that_an_address_does_not_know_is_answered_by_those_it_knows(
    ask: Ask, method: str, path: str
) -> None:
    status, headers, _ = await ask(method, path)
    assert status == 405
    known = [b"GET", b"HEAD", b"POST"] if path == "/-/sign-in" else [b"GET", b"HEAD"]
    assert headers[b"allow"].split(b", ") == known


async def test_a_method_may_be_known_at_one_page_and_not_at_its_neighbour(ask: Ask) -> None:
    allowed = {path: (await ask("PUT", path))[1][b"allow"] for path in ("/dmc", "/dmc/-/settings", "/dmc/app")}
    assert allowed == {"/dmc": b"GET, HEAD", "/dmc/-/settings": b"GET, HEAD, POST", "/dmc/app": b"GET, HEAD"}
    for path in OWN:
        assert (await ask("POST", path))[0] == 405
