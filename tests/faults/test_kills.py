"""What was acknowledged survives a kill at any moment, and the next start needs no repair."""

import itertools
import os
import random
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPException

import pytest

from tests.process.client import Client, digest_of, manifest
from tests.process.server import Launcher, Running

NEWEST = 100
"""Of how many one looks after each kill, more than are pushed between two; after the last one at all of them."""


def test_an_upload_goes_on_after_a_kill_from_where_it_was_acknowledged(launch: Launcher) -> None:
    content = os.urandom(3_000_000)
    running = launch()
    with running.client() as client:
        client.create()
        location = client.begin()
        assert client.append(location, 0, content[:1_000_000]).status == 202
        # On its way when the server dies: what came of it was not acknowledged, and counts for nothing.
        client.open("PATCH", location, Content_Length="2000000").send(os.urandom(1_500_000))
        running.kill()
    with launch().client() as client:
        assert client.ask("GET", location).headers["range"] == "0-999999"
        assert client.append(location, 1_500_000, content[1_500_000:]).status == 416
        assert client.append(location, 1_000_000, content[1_000_000:]).status == 202
        assert client.finish(location, digest_of(content)).status == 201
        assert client.ask("GET", f"blobs/{digest_of(content)}").body == content


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.3])
def test_a_first_start_that_is_killed_does_not_spoil_the_second(launch: Launcher, moment: float) -> None:
    running = launch.begin()
    while not (launch.data / "server.lock").exists():
        time.sleep(0.001)
    time.sleep(moment)
    running.kill()
    with launch().client() as client:
        assert client.ask("GET", "/v2/").status == 200


def test_a_dozen_kills_under_load_lose_nothing_acknowledged(launch: Launcher) -> None:
    kill_under_load(launch, 12, ())


@pytest.mark.clients
@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_as_many_kills_as_asked_for_lose_nothing_acknowledged(
    launch: Launcher, flags: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    kill_under_load(launch, request.config.getoption("--kills"), flags)


@pytest.mark.servers
def test_as_many_kills_beside_a_database_and_a_bucket_lose_nothing_acknowledged(
    afar: Launcher, request: pytest.FixtureRequest
) -> None:
    kill_under_load(afar, request.config.getoption("--kills"), ("--workers", "2"), longest=1.0)


@dataclass(slots=True)
class Pusher:
    """Pushes image after image, and remembers what was acknowledged."""

    repository: str
    blobs: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    tag: str = ""
    on_its_way: str = ""
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def push_until_killed(self, running: Running) -> None:
        try:
            with running.client(self.repository) as client:
                while True:
                    self._push(client)
        except (OSError, HTTPException):
            pass

    def _push(self, client: Client) -> None:
        layer = os.urandom(random.choice((100, 10_000, 1_000_000)))  # noqa: S311
        for content in (b"{}", layer):
            self.blobs.append(client.push_blob(content))
        body = manifest(layer, note=str(next(self.numbers)))
        self.on_its_way = digest_of(body)
        answer = client.put("latest", body)
        assert answer.status == 201, answer
        self.images.append(digest_of(body))
        self.tag = digest_of(body)

    def check(self, client: Client, newest: int | None = None) -> None:
        """Fail unless what was acknowledged is there, and the tag shows the last image or the one after it.

        What it shows now it must still show after the next kill: the one after it may have come without its answer.
        `newest` is of how many blobs and images; else it is of all.
        """
        for digest in some(self.blobs, newest):
            assert digest_of(client.ask("GET", f"blobs/{digest}").body) == digest
        for digest in some(self.images, newest):
            assert digest_of(client.pull(digest)) == digest
        if self.tag:
            shown = digest_of(client.pull("latest"))
            assert shown in {self.tag, self.on_its_way}
            self.images.append(shown)
            self.tag = shown


def some(digests: list[str], newest: int | None) -> set[str]:
    """Return the newest of them, and as many others; None means all."""
    if newest is None:
        return set(digests)
    return {*digests[-newest:], *random.sample(digests, min(newest, len(digests)))}


def kill_under_load(launch: Launcher, times: int, flags: tuple[str, ...], longest: float = 0.4) -> None:
    running = launch(*flags)
    with running.client() as client:
        client.create()
    pushers = [Pusher(f"dmc/app{number}") for number in range(3)]
    for _ in range(times):
        threads = [threading.Thread(target=pusher.push_until_killed, args=[running]) for pusher in pushers]
        for thread in threads:
            thread.start()
        time.sleep(random.uniform(0.02, longest))  # noqa: S311
        running.kill()
        for thread in threads:
            thread.join()
        running = launch(*flags)
        check_all(pushers, running, NEWEST)
    check_all(pushers, running)
    assert all(pusher.images for pusher in pushers)


def check_all(pushers: list[Pusher], running: Running, newest: int | None = None) -> None:
    for pusher in pushers:
        with running.client(pusher.repository) as client:
            pusher.check(client, newest)


def test_of_two_pieces_sent_at_once_one_wins_and_the_content_is_right(launch: Launcher) -> None:
    running = launch()
    with running.client() as first, running.client() as second:
        first.create()
        for _ in range(30):
            pieces = [os.urandom(300_000), os.urandom(300_000)]
            location = first.begin()
            for client, piece in ((first, pieces[0]), (second, pieces[1])):
                headers = {"Content-Range": "0-299999", "Content-Length": "300000"}
                client.open("PATCH", location, **headers).send(piece[:100_000])
            for client, piece in ((second, pieces[1]), (first, pieces[0])):
                client.connection.send(piece[100_000:])
            answers = [client.answer().status for client in (first, second)]
            assert sorted(answers) in ([202, 409], [202, 416])
            winner = pieces[answers.index(202)]
            assert first.finish(location, digest_of(winner)).status == 201
            assert first.ask("GET", f"blobs/{digest_of(winner)}").body == winner
