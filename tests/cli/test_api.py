"""What commands make of a server's answers, and of options that don't fit together."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from moorage import __version__
from moorage.cli import app
from moorage.cli.remote import parse_url
from moorage.settings import Address

PROBLEM = "application/problem+json"
NOWHERE = (404, PROBLEM, {"detail": "there is nothing at this address, or you may not see it"})


class Stub:
    """A server that answers what it is told to, by method and target."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str, Any]] = {}
        self.asked: list[str] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(self.path)
                status, media_type, body = stub.answers.get(f"{self.command} {self.path}", NOWHERE)
                content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_DELETE(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def run(self, *words: str) -> Result:
        return CliRunner(env={"MOORAGE_USER": "mara", "MOORAGE_PASSWORD": "x"}).invoke(
            app, [*words, "--server", self.url]
        )

    def knows(self, *paths: str) -> None:
        document = {"info": {"version": "0.0.7"}, "paths": {path: {"get": {}} for path in paths}}
        self.answers["GET /api/v1/openapi.json"] = (200, "application/json", document)


@pytest.fixture
def stub() -> Iterator[Stub]:
    stub = Stub()
    thread = threading.Thread(target=stub.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub
    stub.server.shutdown()
    thread.join()
    stub.server.server_close()


def refusal(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_list_is_followed_page_by_page(stub: Stub) -> None:
    first, second = "/api/v1/users?n=1000", "/api/v1/users?n=1000&after=kim"
    stub.answers[f"GET {first}"] = (200, "application/json", {"items": [{"name": "kim"}], "next": second})
    stub.answers[f"GET {second}"] = (200, "application/json", {"items": [{"name": "mara"}], "next": None})
    assert json.loads(stub.run("user", "list", "--json").stdout) == [{"name": "kim"}, {"name": "mara"}]


def test_a_server_that_is_older_is_told_from_a_thing_that_is_not_there(stub: Stub) -> None:
    stub.knows("/api/v1/registries/{registry}/grants/users/{user}/{pattern}")
    said = refusal(stub.run("registry", "revoke", "DMC", "mara"))
    assert "runs Moorage 0.0.7, which can't do this" in said
    assert __version__ in said
    stub.knows("/api/v1/registries/{registry}/repositories")
    assert "there is nothing at this address" in refusal(stub.run("repository", "list", "DMC"))


@pytest.mark.parametrize(
    "answer",
    [
        (502, "text/html", "<h1>Bad gateway"),
        (200, "application/json", "{"),
        (200, "application/json", "[]"),
        (301, "text/plain", ""),
    ],
)
def test_what_is_no_moorage_server_is_told(stub: Stub, answer: tuple[int, str, Any]) -> None:
    stub.answers["GET /api/v1/users?n=1000"] = answer
    assert re.search("no Moorage server|no JSON", refusal(stub.run("user", "list")))


@pytest.mark.parametrize("answer", [{}, {"items": [{}], "next": None}])
def test_an_answer_of_another_version_is_told(stub: Stub, answer: object) -> None:
    stub.answers["GET /api/v1/users?n=1000"] = (200, "application/json", answer)
    assert "another version" in refusal(stub.run("user", "list"))


def test_what_a_server_says_does_not_move_the_cursor(stub: Stub) -> None:
    stub.answers["GET /api/v1/users?n=1000"] = (403, PROBLEM, {"detail": "no\n\x1b[2J\u202e!"})
    assert refusal(stub.run("user", "list")) == "moorage: no \\u001b[2J\\u202e!\n"


def test_a_name_stays_in_its_place(stub: Stub) -> None:
    refusal(stub.run("repository", "list", "a/../b?c#d"))
    assert stub.asked[0] == "/api/v1/registries/a%2F..%2Fb%3Fc%23d/repositories?n=1000"
    assert "empty" in refusal(stub.run("repository", "list", ""))


@pytest.mark.parametrize(
    "words",
    [
        ("--server", "proget", "--data", "/srv"),
        ("--server", "proget", "--config", "/etc/moorage.toml"),
        ("--server", "ftp://proget"),
        ("--server", "https://proget/path"),
        ("--server", "https://mara@proget"),
        ("--server", "http://proget"),
        ("--ca-file", "ca.crt"),
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["user", "list", *words])
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize(
    ("text", "scheme", "address"),
    [
        ("proget", "https", Address("proget", 443)),
        ("proget:5443", "https", Address("proget", 5443)),
        ("HTTPS://proget:5443/", "https", Address("proget", 5443)),
        ("http://[::1]", "http", Address("::1", 80)),
        ("https://[::1]:5443", "https", Address("::1", 5443)),
    ],
)
def test_a_server_is_named_as_people_name_it(text: str, scheme: str, address: Address) -> None:
    assert parse_url(text) == (scheme, address)


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"moorage {__version__}\n")
