"""A server whose database or store fails, in every way they have: nothing is lost, and it says when to come back."""

import contextlib
import http.client
import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from tests.database_proxy import DatabaseProxy, database_proxy
from tests.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.fleet import settings_of
from tests.postgres import Cluster
from tests.process.client import MANIFEST, Answer, Client, digest_of, manifest
from tests.process.server import Launcher, Running, every
from tests.s3_servers import S3Server, s3_server

pytestmark = pytest.mark.servers

LONGEST = 10
"""Seconds that a client waits for an answer; 5 are promised. And those in which the server must be well again."""

LONGEST_OF_SEVERAL = 30
"""The same for one that may meet several faults, one after the other."""

ONE_STATEMENT_IN, ONE_REQUEST_IN = 60, 12
"""Of how many statements to the database, or requests to the store, one goes wrong under load: a push has many of the
first."""

IMAGES = 4
LARGE = (8 << 20) + 1
OVER = (OSError, http.client.HTTPException)


@dataclass(frozen=True, slots=True)
class Place:
    """A server, and what stands between it and its database and its store."""

    running: Running
    database: DatabaseProxy
    store: FaultProxy

    def client(self, repository: str = "dmc/app", longest: float = LONGEST) -> Client:
        client = self.running.client(repository)
        client.connection.timeout = longest
        return client


@pytest.fixture(scope="module")
def place(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory, bytecode: Path) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("faults")
    launcher = Launcher(folder, bytecode)
    with (
        s3_server("versitygw", folder / "store") as store,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(fault_proxy(store.endpoint)) as before_store,
        portal.wrap_async_context_manager(database_proxy(postgres.port)) as before_database,
    ):
        url = postgres.empty().replace(f":{postgres.port}/", f":{before_database.port}/")
        launcher.settings = settings_of(url, S3Server("", before_store.endpoint, folder), "faults")
        running = launcher()
        try:
            with running.client() as client:
                client.create()
            yield Place(running, before_database, before_store)
        finally:
            launcher.close()


@pytest.fixture(params=["database", "store"])
def failing(request: pytest.FixtureRequest, place: Place) -> Iterator[DatabaseProxy | FaultProxy]:
    proxy: DatabaseProxy | FaultProxy = getattr(place, request.param)
    yield proxy
    proxy.always(None)


@dataclass(slots=True)
class Load:
    """People who push and pull at once, and go on when they are told to come back.

    `images` are those that were acknowledged, by repository; `wrong` is what nobody should be answered.
    """

    place: Place
    images: dict[str, list[str]] = field(default_factory=dict)
    wrong: list[object] = field(default_factory=list)

    def run(self) -> None:
        repositories = [f"dmc/{os.urandom(4).hex()}" for _ in range(3)]
        self.images = {name: [] for name in repositories}
        done = threading.Event()
        with ThreadPoolExecutor() as threads:
            pulls = [threads.submit(self._pull, name, done) for name in repositories]
            for push in [threads.submit(self._push, name) for name in repositories]:
                push.result()
            done.set()
            for pull in pulls:
                pull.result()

    def _push(self, repository: str) -> None:
        for number in range(IMAGES):
            layers = [os.urandom(size) for size in ((LARGE, 100) if number == 0 else (20_000, 100))]
            for content in (b"{}", *layers):
                self._insist(repository, partial(push_blob, content))
            body = manifest(*layers, note=str(number))
            self._insist(repository, partial(put_image, str(number), body))
            self.images[repository].append(digest_of(body))

    def _insist(self, repository: str, steps: Callable[[Client], Iterator[Answer]]) -> None:
        """Take the steps until all of them are answered well; each is told to come back, or is wrong."""
        for _ in every(60):
            with self.place.client(repository, LONGEST_OF_SEVERAL) as client:
                answers = list(steps(client))
            if all(answer.status < 300 for answer in answers):
                return
            self._note(answers[-1])

    def _pull(self, repository: str, done: threading.Event) -> None:
        while not done.is_set():
            for image in self.images[repository][-3:]:
                with self.place.client(repository, LONGEST_OF_SEVERAL) as client:
                    self._pull_one(client, image)

    def _pull_one(self, client: Client, image: str) -> None:
        answer = client.ask("GET", f"manifests/{image}")
        if answer.status != 200:
            self._note(answer)
            return
        for layer in json.loads(answer.body)["layers"]:
            try:
                blob = client.ask("GET", f"blobs/{layer['digest']}")
            except OVER:
                # Bytes that can't be had end the answer early, which no client takes for all of them.
                client.connection.close()
                continue
            if blob.status != 200:
                self._note(blob)
            elif digest_of(blob.body) != layer["digest"]:
                self.wrong.append(layer)

    def _note(self, answer: Answer) -> None:
        if not is_busy(answer):
            self.wrong.append(answer)


def put_image(tag: str, body: bytes, client: Client) -> Iterator[Answer]:
    """Push a manifest, and yield the answer."""
    yield client.put(tag, body)


def push_blob(content: bytes, client: Client) -> Iterator[Answer]:
    """Push a blob in a stream, and yield the answers until one is not good."""
    begun = client.ask("POST", "blobs/uploads/")
    yield begun
    if begun.status == 202:
        sent = client.ask("PATCH", begun.headers["location"], content)
        yield sent
        if sent.status == 202:
            yield client.finish(begun.headers["location"], digest_of(content))


def is_busy(answer: Answer) -> bool:
    """Return whether an answer tells a client, in JSON, to come back."""
    if answer.status != 503 or "retry-after" not in answer.headers:
        return False
    # The answer to a HEAD has no body.
    return not answer.body or json.loads(answer.body)["errors"][0]["code"] == "UNAVAILABLE"


def await_health(place: Place) -> None:
    """Wait until an image can be pushed and pulled."""
    for _ in every(LONGEST):
        with place.client() as client, contextlib.suppress(AssertionError):
            client.pull(client.push("well", os.urandom(1000)))
            break


def test_faults_at_random_lose_nothing_and_break_nothing(place: Place, failing: DatabaseProxy | FaultProxy) -> None:
    chance = random.Random(5)  # noqa: S311  the same at each run, as far as threads go
    faults, one_in = list(Fault), ONE_STATEMENT_IN if failing is place.database else ONE_REQUEST_IN
    happened: list[Fault] = []

    def choose(*_: object) -> Fault | None:
        if chance.randrange(one_in):
            return None
        happened.append(chance.choice(faults))
        return happened[-1]

    failing.choose = choose
    load = Load(place)
    load.run()
    failing.always(None)
    await_health(place)
    assert load.wrong == []
    assert len(happened) > 5
    for repository, images in load.images.items():
        with place.client(repository) as client:
            assert len(images) == IMAGES
            assert [digest_of(client.pull(image)) for image in images] == images
            tags = json.loads(client.ask("GET", "tags/list").body)["tags"]
            assert sorted(digest_of(client.pull(tag)) for tag in tags) == sorted(images)


LAYER = os.urandom(20_000)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a push or a pull; `{}` stands for an upload's location. `is_stored` when it goes to the store."""

    method: str
    path: str
    body: bytes | None = None
    is_stored: bool = False


REQUESTS = [
    Asked("HEAD", "manifests/there"),
    Asked("GET", "manifests/there"),
    Asked("HEAD", f"blobs/{digest_of(LAYER)}", is_stored=True),
    Asked("GET", f"blobs/{digest_of(LAYER)}", is_stored=True),
    Asked("GET", "tags/list"),
    Asked("POST", "blobs/uploads/"),
    Asked("PATCH", "{}", LAYER, is_stored=True),
    Asked("PATCH", "{}", bytes(LARGE), is_stored=True),
    Asked("PUT", f"{{}}?digest={digest_of(LAYER)}", LAYER, is_stored=True),
    Asked("PUT", "manifests/another", manifest(LAYER, note="another")),
]


@pytest.mark.parametrize("fault", list(Fault))
def test_while_it_fails_clients_are_told_to_come_back_and_then_all_is_well(
    place: Place, failing: DatabaseProxy | FaultProxy, fault: Fault
) -> None:
    with place.client() as client:
        client.push("there", LAYER)
        paths = [asked.path.format(client.begin()) for asked in REQUESTS]

    def ask(asked: Asked, path: str) -> Answer | None:
        with place.client() as client:
            try:
                return client.ask(asked.method, path, asked.body, content_type=MANIFEST)
            except http.client.IncompleteRead:
                return None

    failing.always(fault)
    with ThreadPoolExecutor(len(REQUESTS)) as threads:
        answers = list(threads.map(ask, REQUESTS, paths))
    failing.always(None)
    for asked, answer in zip(REQUESTS, answers, strict=True):
        if failing is place.database or (asked.is_stored and fault is not Fault.TRUNCATED):
            assert answer is not None, asked
            assert is_busy(answer), (asked, answer)
        elif not asked.is_stored:
            assert answer is not None, asked
            assert answer.status < 300, (asked, answer)
    await_health(place)
