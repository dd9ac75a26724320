"""Requests that no proper client sends, byte by byte: each is answered or cut off, none hangs or is taken for two."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.process.client import Client, basic, digest_of
from tests.process.server import PASSWORD, Running

SECONDS = 20
"""A hang is what takes longer than this."""

ADMIN = "\r\n".join(f"{name}: {value}" for name, value in basic("admin", PASSWORD).items())


class Line:
    """A connection to write any bytes to."""

    def __init__(self, server: Running) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.http), timeout=SECONDS)
        self.buffer = b""

    def send(self, content: bytes) -> bool:
        """Send bytes; False when the server has hung up."""
        try:
            self.socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def ask(self, head: str, body: bytes = b"") -> None:
        """Send a request; `head` is its lines without the usual ones."""
        first, *rest = head.split("\n")
        self.send("\r\n".join([first, "Host: localhost", *rest, "", ""]).encode() + body)

    def status(self) -> int | None:
        """Return the status of the next answer whose body has a length, or None when the connection ends instead."""
        with suppress(ConnectionResetError):
            while b"\r\n\r\n" not in self.buffer and (piece := self.socket.recv(65_536)):
                self.buffer += piece
        head, end, self.buffer = self.buffer.partition(b"\r\n\r\n")
        if not end:
            assert not head
            return None
        status = int(head.split()[1])
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        self.take(int(fields.get(b"content-length", b"0")) if status >= 200 else 0)
        return status

    def take(self, length: int) -> bytes:
        """Return so many bytes of a body."""
        while len(self.buffer) < length and (piece := self.socket.recv(65_536)):
            self.buffer += piece
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def is_over(self) -> bool:
        """Wait for the end of the connection."""
        with suppress(ConnectionResetError):
            return not self.buffer and not self.socket.recv(1)
        return True


@pytest.fixture
def line(server: Running) -> Iterator[Line]:
    line = Line(server)
    yield line
    line.socket.close()


@pytest.fixture(scope="module", autouse=True)
def registry(server: Running) -> None:
    with server.client() as client:
        client.create()


SMUGGLED = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 5\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\nContent-Length: 5",
        "Content-Length: 5\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
    ],
)
def test_a_body_of_two_lengths_is_no_second_request(server: Running, line: Line, head: str) -> None:
    line.ask(f"POST /v2/dmc/app/blobs/uploads/ HTTP/1.1\n{ADMIN}\n{head}", SMUGGLED)
    answers = [line.status()]
    while answers[-1] is not None:
        answers.append(line.status())
    assert answers in ([None], [400, None], [202, None]), answers
    assert "/smuggled" not in server.err.read_text()


@pytest.mark.parametrize(
    "head",
    [
        "GET /v2/ HTTP/1.1\nX: " + "x" * (1 << 20),
        "GET /v2/ HTTP/1.1\n" + "\n".join(f"X-{number}: x" for number in range(10_000)),
        "GET /v2/" + "x" * (1 << 20) + " HTTP/1.1",
        "GET /v2/ HTTP/9.9",
        "GET",
        "GET /v2/\0 HTTP/1.1",
        "G\u00c4T /v2/ HTTP/1.1",
    ],
    ids=["long header", "many headers", "long path", "version", "short", "control", "method"],
)
def test_a_head_that_is_too_much_or_too_odd_is_refused(line: Line, head: str) -> None:
    line.ask(head)
    assert line.status() in {None, 400, 414, 431, 505}
    assert line.is_over()


@pytest.mark.parametrize(
    "start", [b"GET /v2/ HTTP/1.1\r\nHos", b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
def test_half_a_request_does_not_keep_others_waiting(line: Line, client: Client, start: bytes) -> None:
    line.send(start)
    assert client.ask("GET", "/v2/").status == 200


def test_a_client_that_waits_for_100_continue_gets_it(line: Line, client: Client) -> None:
    content = b"hello"
    location = client.begin()
    target = f"{location}?digest={digest_of(content)}"
    line.ask(f"PUT {target} HTTP/1.1\n{ADMIN}\nContent-Length: 5\nExpect: 100-continue")
    assert line.status() == 100
    line.send(content)
    assert line.status() == 201


def test_a_client_that_waits_for_100_continue_is_refused_before_it_sends(line: Line) -> None:
    line.ask("PUT /v2/dmc/app/blobs/uploads/x HTTP/1.1\nContent-Length: 5000000000\nExpect: 100-continue")
    assert line.status() == 401


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("PATCH /v2/dmc/app/blobs/uploads/none HTTP/1.1", 401),
        (f"PATCH /v2/dmc/app/blobs/uploads/none HTTP/1.1\n{ADMIN}", 404),
        (f"PUT /v2/dmc/app/manifests/latest HTTP/1.1\n{ADMIN}", 413),
        (f"PUT /nowhere HTTP/1.1\n{ADMIN}", 405),
        (f"POST /api/v1/registries HTTP/1.1\n{ADMIN}\nContent-Type: application/json", 413),
        (f"POST /token HTTP/1.1\n{ADMIN}\nContent-Type: application/x-www-form-urlencoded", 413),
        ("POST /-/sign-in HTTP/1.1\nContent-Type: application/x-www-form-urlencoded", 413),
    ],
)
@pytest.mark.parametrize("length", ["Content-Length: 1073741824", "Transfer-Encoding: chunked"])
def test_a_body_of_a_gigabyte_is_refused_early(line: Line, head: str, status: int, length: str) -> None:
    line.ask(f"{head}\n{length}")
    sent, piece = 0, b"x" * (1 << 20)
    chunk = b"%x\r\n%s\r\n" % (len(piece), piece) if "chunked" in length else piece
    while sent < 1 << 30 and line.send(chunk):
        sent += len(piece)
    assert line.status() == status
    assert sent < 64 << 20


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/", 200),
        ("/v2/dmc/app/manifests/none", 404),
        ("/v2/dmc/none/tags/list", 405),
        ("/api/v1/registries", 200),
        ("/", 303),
        ("/livez", 200),
        ("/metrics", 200),
        ("/ca.crt", 200),
    ],
)
def test_the_answer_to_a_head_has_no_body(line: Line, path: str, status: int) -> None:
    line.ask(f"HEAD {path} HTTP/1.1\n{ADMIN}")
    line.ask(f"GET /livez HTTP/1.1\n{ADMIN}\nConnection: close")
    while piece := line.socket.recv(65_536):
        line.buffer += piece
    first, _, rest = line.buffer.partition(b"\r\n\r\n")
    assert int(first.split()[1]) == status
    assert rest.startswith(b"HTTP/1.1 200")


def test_a_connection_is_kept_after_errors(line: Line) -> None:
    for path, status in [("/v2/dmc/app/manifests/none", 404), ("/v2/dmc/app/manifests/!", 400), ("/v2/_catalog", 200)]:
        line.ask(f"GET {path} HTTP/1.1\n{ADMIN}")
        assert line.status() == status
    line.ask(f"PUT /v2/dmc/app/manifests/latest HTTP/1.1\n{ADMIN}\nContent-Length: 2", b"{}")
    assert line.status() == 400
    line.ask(f"GET /v2/ HTTP/1.1\n{ADMIN}")
    assert line.status() == 200


def test_requests_sent_in_one_go_are_answered_in_order(line: Line) -> None:
    paths = [("/v2/", 200), ("/v2/dmc/app/manifests/none", 404), ("/livez", 200)]
    line.send("".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n{ADMIN}\r\n\r\n" for path, _ in paths).encode())
    assert [line.status() for _ in paths] == [status for _, status in paths]
