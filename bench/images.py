"""Whole images pushed and pulled as clients of registries do it: blob after blob, on one connection of each client."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench import load
from bench.client import HOST, PIECE, Answer, Connection, Endpoint, Unexpected
from bench.content import (
    APP,
    CONFIG_TYPE,
    MEDIUM,
    UPLOADED,
    Content,
    Layered,
    digest,
    make_config,
    make_content,
    make_manifest,
    stamped,
    write_random,
)
from bench.figures import Sample, Storage
from bench.load import Done
from bench.machine import take_from_host
from bench.seed import push, put_manifest
from bench.servers import Running
from bench.work import MEMORY_TAKEN, Round, Subject, rate

LAYERS = 4
OK, REDIRECT = 200, 307
WARM_PULLS = 20
WARM_PUSHES = 10


@dataclass(frozen=True, slots=True)
class Size:
    """How large images are: bytes of each layer, and how many images a client pushes in one sample."""

    name: str
    layer: int
    pushed: int

    @property
    def repository(self) -> str:
        """Where the one lies that is pulled."""
        return f"{APP}-{self.name}"


SMALL = Size("small", 250_000, 25)
LARGE = Size("large", 125_000_000, 1)


def make_images(folder: Path) -> Content:
    """Return new content with an image of each size; their layers are written to the folder."""
    made = {size.repository: layered(folder, size, "0", "pulled") for size in (SMALL, LARGE)}
    return replace(make_content(folder, MEDIUM, 0), layered=made)


def layered(folder: Path, size: Size, name: str, stamp: str) -> Layered:
    """Return an image of layers that nobody has seen: the same for the same stamp.

    Its files, of that name, are made where they aren't there, and are used again for the next stamp.
    """
    paths = [folder / f"{size.name}-{name}-{layer}" for layer in range(LAYERS)]
    layers = [
        stamped(path if path.exists() else write_random(path, size.layer), f"{stamp} {path.name}") for path in paths
    ]
    config = make_config(f"{stamp} {size.name} {name}")
    return Layered(make_manifest(config, [(layer.digest, layer.size) for layer in layers]), config, tuple(layers))


def fill(running: Running, given: Content) -> None:
    """Give an empty server an image of tiny layers, and one of each size; raise Unexpected where it refuses."""
    with Connection(running.endpoint, running.password()) as connection:
        push(connection, APP, given.image, "latest")
        for repository, image in given.layered.items():
            push_layered(connection, repository, image, "latest")


def push_layered(connection: Connection, repository: str, image: Layered, tag: str) -> None:
    """Push an image as docker does: look for each blob, send what isn't there in one stream, then the manifest."""
    blobs = f"/v2/{repository}/blobs"
    for layer in image.layers:
        connection.request("HEAD", f"{blobs}/{layer.digest}").expect(404)
        load.upload(connection, repository, layer, is_patched=True)
    kind = {"content-type": "application/octet-stream"}
    connection.request("HEAD", f"{blobs}/{digest(image.config)}").expect(404)
    location = connection.request("POST", f"{blobs}/uploads/").expect(202).location
    location = connection.request("PATCH", location, image.config, headers=kind).expect(202).location
    mark = "&" if "?" in location else "?"
    connection.request("PUT", f"{location}{mark}digest={digest(image.config)}").expect(201)
    put_manifest(connection, repository, image.manifest, tag)


@dataclass(slots=True)
class Puller:
    """Somebody who pulls one image again and again, from a server that must, or must not, send them to the store."""

    client: Connection
    repository: str
    is_redirected: bool
    store: Connection | None = None
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(PIECE)))

    def pull(self, tag: str = "latest", *, is_checked: bool = False) -> int:
        """Pull it and return its bytes; those that are not what their digest says are Unexpected, if it is checked."""
        body = self.client.request("GET", f"/v2/{self.repository}/manifests/{tag}").expect(200).body
        document = json.loads(body)
        pulled = len(body)
        for descriptor in (document["config"], *document["layers"]):
            hasher = hashlib.sha256() if is_checked else None
            pulled += self._fetch(descriptor, hasher)
            if hasher and f"sha256:{hasher.hexdigest()}" != descriptor["digest"]:
                raise Unexpected(f"{descriptor['digest']} comes back as other bytes")
        return pulled

    def close(self) -> None:
        """Close its connections."""
        self.client.close()
        if self.store:
            self.store.close()

    def _fetch(self, descriptor: Mapping[str, Any], hasher: Any) -> int:  # noqa: ANN401  hashlib names no type
        path = f"/v2/{self.repository}/blobs/{descriptor['digest']}"
        if not self.is_redirected:
            return self.client.fetch(path, self.buffer, hasher)
        answer = self.client.request("GET", path)
        if answer.status == OK and descriptor["mediaType"] == CONFIG_TYPE:
            # What is about as long as a redirect may come instead of it.
            if hasher:
                hasher.update(answer.body)
            return len(answer.body)
        return self._store(answer.expect(REDIRECT)).fetch(answer.location, self.buffer, hasher)

    def _store(self, answer: Answer) -> Connection:
        if self.store is None:
            port = urlsplit(answer.headers["location"]).port
            if port is None:
                raise Unexpected(f"sent to {answer.headers['location']}")
            # Without the credentials for the server, and with the name that the signature is made for.
            self.store = Connection(Endpoint(port, None), {"host": f"{HOST}:{port}"})
        return self.store


@dataclass(frozen=True, slots=True)
class Pushes:
    """Pushes of images that nobody has seen, to a server with an empty bucket."""

    size: Size
    clients: int

    def check(self, subject: Subject) -> None:
        """Nothing: each new server is warmed up by itself, and what was pushed is pulled afterwards."""

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure bytes a second, and pull the first image."""
        warm = self._images(subject, replace(SMALL, name="warm", pushed=WARM_PUSHES), turn.stamp)
        made = self._images(subject, self.size, turn.stamp)
        with subject.empty() as other:
            self._push(other, warm)
            if subject.storage is Storage.DISK:
                # What others left unwritten must not be written in this one's time.
                os.sync()
            take_from_host(MEMORY_TAKEN * sum(image.size for images in made for image in images))
            sample = rate(other, lambda: self._push(other, made))
            with other.client(UPLOADED) as client:
                Puller(client, UPLOADED, is_redirected=False).pull(digest(made[0][0].manifest), is_checked=True)
        return sample

    def _images(self, subject: Subject, size: Size, stamp: str) -> list[list[Layered]]:
        """Return as many as each client pushes."""
        return [
            [layered(subject.scratch, size, f"{client}-{number}", stamp) for number in range(size.pushed)]
            for client in range(self.clients)
        ]

    def _push(self, subject: Subject, images: Sequence[Sequence[Layered]]) -> Done:
        def one(client: int, connection: Connection) -> int:
            for image in images[client]:
                push_layered(connection, UPLOADED, image, f"v{digest(image.manifest)[-12:]}")
            return sum(image.size for image in images[client])

        headers = subject.client(UPLOADED).headers
        return load.together([Connection(subject.running.endpoint, headers) for _ in images], one)


@dataclass(frozen=True, slots=True)
class Pulls:
    """Pulls of one image; who `is_redirected` gets its blobs from the store itself."""

    size: Size
    clients: int
    is_redirected: bool

    def check(self, subject: Subject) -> None:
        """Pull it once and hash its blobs; a manifest that is not what was pushed is Unexpected."""
        repository = self.size.repository
        with self._server(subject) as server, server.client(repository) as client:
            body = client.request("GET", f"/v2/{repository}/manifests/latest").expect(200).body
            if body != subject.content.layered[repository].manifest:
                raise Unexpected("not the manifest that was pushed")
            Puller(client, repository, self.is_redirected).pull(is_checked=True)

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure bytes a second."""
        with self._server(subject) as server:
            headers = server.client(self.size.repository).headers
            self._pull(server, headers, WARM_PULLS if self.size is SMALL else 1, 0)
            return rate(server, lambda: self._pull(server, headers, 1, turn.seconds))

    def _pull(self, server: Subject, headers: Mapping[str, str], least: int, seconds: float) -> Done:
        """Pull so many times on each connection at least, and until the time is over."""

        def one(_client: int, connection: Connection) -> int:
            puller = Puller(connection, self.size.repository, self.is_redirected)
            with contextlib.closing(puller):
                deadline = time.perf_counter() + seconds
                pulled = sum(puller.pull() for _ in range(least))
                while time.perf_counter() < deadline:
                    pulled += puller.pull()
            return pulled

        return load.together([Connection(server.running.endpoint, headers) for _ in range(self.clients)], one)

    @contextlib.contextmanager
    def _server(self, subject: Subject) -> Iterator[Subject]:
        if self.is_redirected:
            with subject.redirecting() as other:
                yield other
        else:
            yield subject
