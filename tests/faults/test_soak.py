"""Collection every second beside pushes, deletions and restorations: nothing that must stay ever goes."""

import json
import random
import threading
import time
from http.client import HTTPException
from typing import Any

import pytest

from tests.process.client import Client, digest_of, manifest
from tests.process.server import Launcher, Running

CONTENTS = 16
"""Layers are the same few again and again, some just as their lease ends and a collection may be taking them: more than
all people hold at once, so that there is always something to take."""

LEASE = 2
"""Seconds for which what a HEAD found is safe."""

KEPT = 2
"""Tags that a person has at a time."""

CONFIG = b"{}"

LONG = 60
"""Seconds after which something has come free, however slow the machine is."""


def test_collection_beside_pushes_deletions_and_restorations_loses_nothing(launch: Launcher) -> None:
    loses_nothing([launch], 20)


@pytest.mark.clients
@pytest.mark.servers
def test_it_loses_nothing_for_as_long_as_asked_for_here_and_beside_a_database_and_a_bucket(
    launch: Launcher, afar: Launcher, request: pytest.FixtureRequest
) -> None:
    loses_nothing([launch, afar], request.config.getoption("--soak"))


def loses_nothing(launchers: list[Launcher], seconds: float) -> None:
    servers = [launcher("--lease", str(LEASE), "--collect-every", "1") for launcher in launchers]
    for running in servers:
        with running.client() as client:
            client.create()
            assert client.keep(14).status == 200
    done = threading.Event()
    people = [Person(running, f"dmc/app{number}", done) for running in servers for number in range(3)]
    threads = [threading.Thread(target=person.run) for person in people]
    for thread in threads:
        thread.start()
    done.wait(seconds)
    done.set()
    for thread in threads:
        thread.join()
    assert [person.failure for person in people if person.failure is not None] == []
    assert min(person.restored for person in people) > 0
    for person in people:
        with person.client() as client:
            person.check(client)
    for running in servers:
        events = [json.loads(line) for line in running.err.read_text().splitlines() if line.endswith("}")]
        assert [event for event in events if event["event"] in {"a request failed", "a job failed"}] == []
        if seconds >= LONG:
            assert any(event["event"] == "collected" and event["blobs"] for event in events)


class Person:
    """Pushes an image and its signature, deletes older ones, and restores, leaves or frees what was deleted."""

    def __init__(self, running: Running, repository: str, done: threading.Event) -> None:
        self.repository = repository
        self.failure: Exception | AssertionError | None = None
        self.restored = 0
        self._running = running
        self._done = done
        self._random = random.Random(repository)  # noqa: S311
        self._kept: dict[str, str] = {}
        """Tags that must be there, with the digest of their signature."""
        self._left: list[str] = []
        """Where the deletions are that lie in the trash."""

    def client(self) -> Client:
        """Return somebody who talks to the server about the repository."""
        return self._running.client(self.repository)

    def run(self) -> None:
        turn = 0
        try:
            with self.client() as client:
                while not self._done.is_set():
                    turn += 1
                    self._turn(client, turn)
        except (AssertionError, OSError, HTTPException) as failure:
            self.failure = failure

    def check(self, client: Client) -> None:
        """Fail unless every image that must be there is, with its signature."""
        for tag, signature in self._kept.items():
            image = client.pull(tag)
            listed = json.loads(client.ask("GET", f"referrers/{digest_of(image)}").body)["manifests"]
            assert [entry["digest"] for entry in listed] == [signature]
            client.pull(signature)

    def _turn(self, client: Client, turn: int) -> None:
        self._kept[f"tag{turn}"] = self._push(client, turn)
        self.check(client)
        while len(self._kept) > KEPT:
            tag = next(iter(self._kept))
            signature = self._kept.pop(tag)
            self._left.append(self._delete(client, tag))
            if turn % 3 == 0 and len(self._kept) == KEPT:
                self._restore(client, self._left.pop())
                self._kept[tag] = signature
                self.check(client)
                return
        while len(self._left) > turn % 3:
            answer = client.ask("DELETE", self._left.pop(0))
            assert answer.status == 200, answer

    def _delete(self, client: Client, tag: str) -> str:
        assert client.ask("DELETE", f"manifests/{digest_of(client.pull(tag))}").status == 202
        assert client.ask("GET", f"manifests/{tag}").status == 404
        entry = self._newest_entry(client)
        return f"/api/v1/registries/dmc/repositories/{self.repository.partition('/')[2]}/-/deleted/{entry['id']}"

    def _restore(self, client: Client, place: str) -> None:
        # Long enough for its leases to pass: what lies in the trash is kept by that alone.
        time.sleep(LEASE + 0.5)
        answer = client.ask("POST", f"{place}/restore")
        assert answer.status == 200, answer
        self.restored += 1

    def _push(self, client: Client, turn: int) -> str:
        layers = [bytes([self._random.randrange(CONTENTS)]) * size for size in (20_000, 30_000)]
        image = manifest(*layers, note=f"{self.repository} {turn}")
        while True:
            begun = time.monotonic()
            for content in (CONFIG, *layers):
                # As docker does: what a HEAD finds isn't pushed again.
                if client.ask("HEAD", f"blobs/{digest_of(content)}").status == 404:
                    client.push_blob(content)
            answer = client.put(f"tag{turn}", image)
            if answer.status == 201:
                break
            # On a machine that had no time for us they were let go rightly, and are pushed once more.
            assert time.monotonic() - begun > LEASE, answer
        signature = signature_of(image)
        answer = client.put(digest_of(signature), signature)
        assert answer.status == 201, answer
        return digest_of(signature)

    def _newest_entry(self, client: Client) -> dict[str, Any]:
        entries = json.loads(client.ask("GET", "/api/v1/registries/dmc/deleted").body)["items"]
        mine: list[dict[str, Any]] = [entry for entry in entries if entry["name"] == self.repository]
        return mine[0]


def signature_of(image: bytes) -> bytes:
    """Return the manifest of something that refers to an image."""
    document = json.loads(manifest(note="signature"))
    document["subject"] = {"mediaType": document["mediaType"], "digest": digest_of(image), "size": len(image)}
    return json.dumps(document).encode()
