"""Collection every second beside pushes, deletions and restorations: nothing that must stay ever goes."""

import json
import threading
import time
from typing import Any

import pytest

from tests.process.client import Client, digest_of, manifest
from tests.process.server import Launcher, Running

CONTENTS = 5
"""Layers are the same few again and again, each just as its lease ends and a collection may be taking it."""

CONFIG = b"{}"

LONG = 60
"""Seconds after which something has come free, however slow the machine is."""


def test_collection_beside_pushes_deletions_and_restorations_loses_nothing(launch: Launcher, soak: float) -> None:
    running = launch("--lease", "2", "--collect-every", "1")
    with running.client() as client:
        client.create()
        assert client.keep(14).status == 200
    done = threading.Event()
    people = [Person(running, f"dmc/app{number}", done) for number in range(3)]
    threads = [threading.Thread(target=person.run) for person in people]
    for thread in threads:
        thread.start()
    time.sleep(soak)
    done.set()
    for thread in threads:
        thread.join()
    assert [person.failure for person in people if person.failure is not None] == []
    assert min(person.restored for person in people) > 0
    for person in people:
        with running.client(person.repository) as client:
            person.check(client)
    events = [json.loads(line) for line in running.err.read_text().splitlines() if line.endswith("}")]
    assert [event for event in events if event["event"] in {"a request failed", "a job failed"}] == []
    if soak >= LONG:
        assert any(event["event"] == "collected" and event["blobs"] for event in events)


class Person:
    """Pushes an image and its signature, deletes the one before, and restores or frees what was deleted."""

    def __init__(self, running: Running, repository: str, done: threading.Event) -> None:
        self.repository = repository
        self.failure: Exception | AssertionError | None = None
        self.restored = 0
        self._running = running
        self._done = done
        self._kept: dict[str, str] = {}
        """Tags that must be there, with the digest of their signature."""

    def run(self) -> None:
        turn = 0
        try:
            with self._running.client(self.repository) as client:
                while not self._done.is_set():
                    turn += 1
                    self._turn(client, turn)
        except (AssertionError, OSError) as failure:
            self.failure = failure

    def check(self, client: Client) -> None:
        """Fail unless every image that must be there is, with its signature."""
        for tag, signature in self._kept.items():
            image = client.pull(tag)
            listed = json.loads(client.ask("GET", f"referrers/{digest_of(image)}").body)["manifests"]
            assert [entry["digest"] for entry in listed] == [signature]
            client.pull(signature)

    def _turn(self, client: Client, turn: int) -> None:
        before = next(iter(self._kept), None)
        self._kept[f"tag{turn}"] = self._push(client, turn)
        self.check(client)
        if before is None:
            return
        signature = self._kept.pop(before)
        assert client.ask("DELETE", f"manifests/{digest_of(client.pull(before))}").status == 202
        assert client.ask("GET", f"manifests/{before}").status == 404
        entry = self._newest_entry(client)
        place = f"/api/v1/registries/dmc/repositories/{self.repository.partition('/')[2]}/-/deleted/{entry['id']}"
        if turn % 3 == 0:
            # Long enough for its leases to pass: what lies in the trash is kept by that alone.
            time.sleep(2.5)
            answer = client.ask("POST", f"{place}/restore")
            assert answer.status == 200, answer
            self.restored += 1
            self._kept[before] = signature
            self.check(client)
        elif turn % 3 == 1:
            answer = client.ask("DELETE", place)
            assert answer.status == 200, answer

    def _push(self, client: Client, turn: int) -> str:
        now = int(time.monotonic() / 0.8) % CONTENTS
        layers = [bytes([now]) * 20_000, bytes([now + 1]) * 30_000]
        for content in (CONFIG, *layers):
            # As docker does: what a HEAD finds isn't pushed again.
            if client.ask("HEAD", f"blobs/{digest_of(content)}").status == 404:
                client.push_blob(content)
        image = manifest(*layers, note=f"{self.repository} {turn}")
        answer = client.put(f"tag{turn}", image)
        assert answer.status == 201, answer
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


@pytest.fixture(params=[20.0, pytest.param(0.0, marks=pytest.mark.clients)])
def soak(request: pytest.FixtureRequest) -> float:
    """Return for how many seconds: a little, or as long as `--soak` says."""
    seconds: float = request.param or request.config.getoption("--soak")
    return seconds
