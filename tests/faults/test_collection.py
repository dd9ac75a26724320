"""Collection gives back what nothing needs, and nothing else, while everything goes on."""

import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.process.client import Client, digest_of, manifest
from tests.process.server import Launcher, Running, every

LEASE = 2
"""Seconds for which what a HEAD found is safe."""

MEGABYTE = 1 << 20


def used(folder: Path) -> int:
    """Return the bytes that a folder's files take on the disk, as `du` counts them."""
    done = subprocess.run(["du", "-s", "--block-size=1", str(folder)], check=True, capture_output=True)
    return int(done.stdout.split()[0])


def collect_until_freed(launch: Launcher) -> dict[str, Any]:
    """Collect until the leases have passed and something came free."""
    for _ in every(60, 0.3):
        found = launch.collect()
        if found["blobs"]:
            return found
    raise AssertionError


def test_a_deletion_and_a_collection_shrink_the_disk_by_what_they_say(launch: Launcher) -> None:
    running = launch("--lease", "1", "--collect-every", "0")
    shared, kept, gone = (os.urandom(8 * MEGABYTE) for _ in range(3))
    with running.client() as client:
        client.create()
        client.push("kept", shared, kept)
        digest = client.push("gone", shared, gone)
        before = used(launch.data / "blobs")
        assert client.ask("DELETE", f"manifests/{digest}").status == 202
        found = collect_until_freed(launch)
        assert (found["blobs"], found["freed"]) == (1, len(gone))
        assert len(gone) <= before - used(launch.data / "blobs") < len(gone) + MEGABYTE // 4
        stored = len(shared) + len(kept) + len(b"{}")
        assert found["usage"].pop("quota")["used"] == stored
        assert found["usage"] == {"stored": stored, "linked": stored, "trash": 0, "waiting": 0, "uploads": 0}
        client.pull("kept")
        assert client.ask("GET", f"blobs/{digest_of(gone)}").status == 404
        client.push("gone", shared, gone)
        client.pull("gone")


def test_the_server_collects_by_itself_and_says_so(launch: Launcher) -> None:
    running = launch("--lease", "1", "--collect-every", "1")
    with running.client() as client:
        client.create()
        client.push("kept", b"kept")
        digest = client.push_blob(os.urandom(MEGABYTE))
        abandoned = client.begin()
        assert client.append(abandoned, 0, os.urandom(MEGABYTE)).status == 202
        for _ in every(60):
            gone = client.ask("GET", f"blobs/{digest}").status, client.ask("GET", abandoned).status
            if gone == (404, 404) and used(launch.data / "blobs") < MEGABYTE:
                break
        client.pull("kept")
    assert running.stop() == 0
    assert '"event":"collected"' in running.err.read_text()


def test_what_is_freed_from_the_trash_leaves_the_disk_by_itself(launch: Launcher) -> None:
    running = launch("--lease", "1", "--collect-every", "1")
    with running.client() as client:
        client.create()
        client.keep(14)
        client.push("kept", b"kept")
        digest = client.push("gone", os.urandom(MEGABYTE))
        time.sleep(2)
        assert client.ask("DELETE", f"manifests/{digest}").status == 202
        time.sleep(2)
        assert client.ask("GET", f"manifests/{digest}").status == 404
        assert used(launch.data / "blobs") > MEGABYTE
        (entry,) = json.loads(client.ask("GET", "/api/v1/registries/dmc/deleted").body)["items"]
        place = f"/api/v1/registries/dmc/repositories/app/-/deleted/{entry['id']}"
        assert client.ask("POST", f"{place}/restore").status == 200
        client.pull("gone")
        assert client.ask("DELETE", f"manifests/{digest}").status == 202
        assert client.ask("DELETE", "/api/v1/registries/dmc/deleted").status == 200
        for _ in every(60):
            if used(launch.data / "blobs") < MEGABYTE:
                break
        client.pull("kept")
    assert logged(running, "a job failed") == []


@pytest.mark.parametrize("seconds", [8, pytest.param(60, marks=pytest.mark.clients)])
def test_collections_beside_pushes_and_deletions_lose_nothing(launch: Launcher, seconds: int) -> None:
    running = launch("--lease", str(LEASE), "--collect-every", "1")
    with running.client() as client:
        client.create()
    done = threading.Event()
    pushers = [Pusher(running, f"dmc/app{number}", done) for number in range(3)]
    threads = [threading.Thread(target=pusher.run) for pusher in pushers]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    freed = 0
    for _ in every(seconds + 60):
        freed += launch.collect()["freed"]
        if time.monotonic() > end and freed + sum(line["freed"] for line in logged(running, "collected")):
            break
    done.set()
    for thread in threads:
        thread.join()
    assert [error for pusher in pushers for error in pusher.errors] == []
    for pusher in pushers:
        with running.client(pusher.repository) as client:
            for tag in pusher.kept:
                client.pull(tag)
    assert logged(running, "a request failed") + logged(running, "a job failed") == []


def logged(running: Running, event: str) -> list[dict[str, Any]]:
    """Return the lines that a server has logged of one kind."""
    lines = [json.loads(line) for line in running.err.read_text().splitlines() if line.endswith("}")]
    return [line for line in lines if line["event"] == event]


class Pusher:
    """Pushes images of layers that others push and delete at the same time, and remembers which it kept."""

    def __init__(self, running: Running, repository: str, done: threading.Event) -> None:
        self.repository = repository
        self.kept: set[str] = set()
        self.errors: list[object] = []
        self._running = running
        self._done = done

    def run(self) -> None:
        with self._running.client(self.repository) as client:
            turn = 0
            while not self._done.is_set() and not self.errors:
                turn += 1
                self._turn(client, turn)

    def _turn(self, client: Client, turn: int) -> None:
        # The same few contents again and again, each just as its lease ends and a collection may be taking it.
        now = int(time.monotonic() / 0.8) % 5
        layers = [bytes([now]) * 20_000, bytes([now + 1]) * 30_000]
        begun = time.monotonic()
        for content in (b"{}", *layers):
            # As docker does: what a HEAD finds isn't pushed again.
            if client.ask("HEAD", f"blobs/{digest_of(content)}").status == 404:
                client.push_blob(content)
        answer = client.put(f"tag{turn}", manifest(*layers, note=f"{self.repository} {turn}"))
        if answer.status != 201:
            # On a machine that had no time for us they were let go rightly.
            if time.monotonic() - begun <= LEASE:
                self.errors.append(answer)
            return
        old, self.kept = self.kept, {f"tag{turn}"}
        client.pull(f"tag{turn}")
        for tag in old:
            digest = client.ask("HEAD", f"manifests/{tag}").headers["docker-content-digest"]
            assert client.ask("DELETE", f"manifests/{digest}").status == 202
