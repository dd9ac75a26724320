"""Three servers on one PostgreSQL and one bucket are one Moorage, whichever of them is asked."""

import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest

from tests.fleet import Fleet, fleet, settings_of
from tests.postgres import Cluster
from tests.process.client import Answer, Client, digest_of, manifest
from tests.process.server import Running, every
from tests.s3_servers import s3_server

pytestmark = pytest.mark.servers

T = TypeVar("T")

PART = 8 << 20
ATTEMPTS = 5
"""How often docker sends a layer before it gives a push up."""


@pytest.fixture(scope="module")
def servers(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory, bytecode: Path) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with s3_server("versitygw", folder / "store") as store:
        shared = settings_of(postgres.empty(), store, "fleet") | {"MOORAGE_COLLECT_EVERY": "1", "MOORAGE_LEASE": "60"}
        with fleet(folder, bytecode, shared) as servers:
            with servers.client() as client:
                client.create()
            yield servers


@pytest.fixture
def abc(servers: Fleet) -> Iterator[list[Client]]:
    """Somebody at each of the three, past nginx."""
    clients = [running.client() for running in servers.servers]
    yield clients
    for client in clients:
        client.connection.close()


def do(client: Client, method: str, path: str, body: object = None) -> Answer:
    """Ask the management API for what must be done."""
    sent = None if body is None else json.dumps(body).encode()
    answer = client.ask(method, f"/api/v1/{path}", sent, content_type="application/json")
    assert answer.status < 300, answer
    return answer


def test_an_upload_begun_on_one_is_appended_on_another_and_finished_on_the_third(abc: list[Client]) -> None:
    a, b, c = abc
    for sizes in ((5, 7, 0), (PART + 1, 3, 2 * PART), (100_000, PART, 1)):
        pieces = [os.urandom(size) for size in sizes]
        location, digest = a.begin(), digest_of(b"".join(pieces))
        assert a.append(location, 0, pieces[0]).status == 202
        assert b.append(location, sizes[0], pieces[1]).status == 202
        assert c.ask("GET", location).headers["range"] == f"0-{sizes[0] + sizes[1] - 1}"
        assert c.finish(location, digest, pieces[2]).status == 201
        for client in abc:
            assert digest_of(client.ask("GET", f"blobs/{digest}").body) == digest


def test_what_one_acknowledged_every_other_shows_on_its_next_read(abc: list[Client]) -> None:
    for number in range(60):
        pushing = abc[number % 3]
        body = manifest(note=str(number))
        pushing.push_blob(b"{}")
        assert pushing.put("moving", body).status == 201
        assert {other.ask("GET", "manifests/moving").body for other in abc} == {body}
        if number % 6 == 0:
            assert pushing.ask("DELETE", "manifests/moving").status == 202
            assert {other.ask("HEAD", "manifests/moving").status for other in abc} == {404}


@dataclass(frozen=True, slots=True)
class Lost:
    """A way to lose what one may, and what an image's reader and pusher is answered from then on."""

    method: str
    path: str
    body: object
    pull: int
    push: int


LOSSES = {
    "a revoked token": Lost("DELETE", "users/{name}/tokens/laptop", None, 401, 401),
    "a disabled account": Lost("PATCH", "users/{name}", {"is_disabled": True}, 401, 401),
    "a lowered role": Lost("PUT", "registries/dmc/members/{name}", {"role": "reader"}, 200, 403),
    "a role taken away": Lost("DELETE", "registries/dmc/members/{name}", None, 404, 404),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("secret", ["password", "access token", "bearer"])
def test_what_somebody_may_no_longer_do_stops_everywhere(abc: list[Client], loss: str, secret: str) -> None:
    lost, name = LOSSES[loss], f"{loss} {secret}".replace(" ", "-")
    do(abc[0], "POST", "users", {"name": name, "password": "another horse battery"})
    do(abc[0], "PUT", f"registries/dmc/members/{name}", {"role": "writer"})
    token = json.loads(do(abc[0], "POST", f"users/{name}/tokens", {"name": "laptop"}).body)["secret"]
    abc[0].push("theirs", b"layer")
    shown = "another horse battery" if secret == "password" else token
    theirs = [Client(client.host, client.port, client.repository, (name, shown)) for client in abc]
    headers: dict[str, str] = {}
    if secret == "bearer":
        path = "/token?service=moorage&scope=repository:dmc/app:pull,push"
        with theirs[0] as asking:
            headers["Authorization"] = f"Bearer {json.loads(asking.ask('GET', path).body)['token']}"

    def tried(client: Client) -> tuple[int, int]:
        with client:
            pull = client.ask("GET", "manifests/theirs", None, **headers)
            push = client.ask("POST", "blobs/uploads/", None, **headers)
        return pull.status, push.status

    assert [tried(client) for client in theirs] == [(200, 202)] * 3
    do(abc[1], lost.method, lost.path.format(name=name), lost.body)
    expected = (200, 202) if (loss, secret) == ("a revoked token", "password") else (lost.pull, lost.push)
    assert [tried(client) for client in theirs] == [expected] * 3


def collections(running: Running) -> int:
    """Return how often a server has collected."""
    return running.out.read_text().count("collected") + running.err.read_text().count("collected")


def at_work(servers: Fleet, dead: Sequence[int] = ()) -> int:
    """Wait until a server has run the jobs three times more, and return which; fail if another one has run them too."""
    before = [collections(running) for running in servers.servers]
    more: list[int] = []
    for _ in every(60):
        more = [collections(running) - past for running, past in zip(servers.servers, before, strict=True)]
        if max(more) >= 3:
            break
    (number,) = [number for number, rounds in enumerate(more) if rounds]
    assert number not in dead
    return number


def test_jobs_run_on_one_server_and_move_to_another_when_it_is_killed(servers: Fleet) -> None:
    number = at_work(servers)
    assert at_work(servers) == number
    servers.servers[number].kill()
    another = at_work(servers, [number])
    servers.begin(number)
    servers.servers[number].wait()
    assert at_work(servers) == another


class TryAgainError(Exception):
    """What a client takes for a reason to try again."""


@dataclass(slots=True)
class Pusher:
    """Pushes image after image through nginx, as docker does: what fails on the way is sent again, a few times.

    `images` are those that were acknowledged, `gave_up` why it ended before it was told to.
    """

    servers: Fleet
    repository: str
    images: list[str] = field(default_factory=list)
    gave_up: list[BaseException] = field(default_factory=list)

    def run(self, enough: threading.Event) -> None:
        try:
            for number in count():
                if enough.is_set():
                    break
                layers = [os.urandom(size) for size in (100, 50_000, PART + 1)]
                for content in (b"{}", *layers):
                    self.insist(partial(push_blob, content))
                body = manifest(*layers, note=str(number))
                self.insist(partial(push_latest, body))
                self.images.append(digest_of(body))
        except BaseException as error:  # noqa: BLE001  whatever it was, the test shows it
            self.gave_up.append(error)

    def insist(self, step: Callable[[Client], object]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.servers.client(self.repository) as client:
                    step(client)
                    return
            except (OSError, http.client.HTTPException, TryAgainError):
                if attempt == ATTEMPTS:
                    raise
                time.sleep(attempt / 2)


def push_latest(body: bytes, client: Client) -> None:
    """Push a manifest."""
    accepted(client.put("latest", body), 201)


def push_blob(content: bytes, client: Client) -> None:
    """Push a blob in a stream, as docker does."""
    location = accepted(client.ask("POST", "blobs/uploads/"), 202).headers["location"]
    accepted(client.ask("PATCH", location, content), 202)
    accepted(client.finish(location, digest_of(content)), 201)


def accepted(answer: Answer, status: int) -> Answer:
    """Return the answer when it is the one wanted; fail when it is neither that nor a reason to try again."""
    if answer.status in {502, 503, 504}:
        raise TryAgainError(answer)
    assert answer.status == status, answer
    return answer


def test_a_server_killed_under_load_loses_nothing_and_every_client_gets_through(servers: Fleet) -> None:
    pushers = [Pusher(servers, f"dmc/app{number}") for number in range(4)]
    enough = threading.Event()
    threads = [threading.Thread(target=pusher.run, args=[enough]) for pusher in pushers]
    for thread in threads:
        thread.start()
    try:
        for number in (0, 1, 2):
            await_images(pushers, 2)
            servers.servers[number].kill()
            await_images(pushers, 2)
            servers.begin(number)
            servers.servers[number].wait()
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert [pusher.gave_up for pusher in pushers] == [[]] * len(pushers)
    for pusher in pushers:
        for running in servers.servers:
            with running.client(pusher.repository) as client:
                assert [digest_of(client.pull(image)) for image in pusher.images] == pusher.images
                assert digest_of(client.pull("latest")) == pusher.images[-1]


def await_images(pushers: Sequence[Pusher], more: int) -> None:
    """Wait until each has pushed so many images more, or gave up."""
    wanted = [len(pusher.images) + more for pusher in pushers]
    for _ in every(60):
        if all(len(pusher.images) >= n or pusher.gave_up for pusher, n in zip(pushers, wanted, strict=True)):
            break
