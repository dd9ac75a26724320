"""The kinds of work a row can ask for: each checks a server's answers once, then measures it as often as told."""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bench import load
from bench.client import Connection, Source, Unexpected
from bench.content import APP, AT_ONCE, MANIFEST_TYPE, PUSHED, UPLOADED, Content, digest
from bench.engines import Backing, Engines, free_port
from bench.figures import Sample, Storage
from bench.load import Done
from bench.machine import take_from_host
from bench.seed import push, put_manifest
from bench.servers import Running, running

WARM = 300
ACCEPT = {"accept": f"{MANIFEST_TYPE}, application/vnd.docker.distribution.manifest.v2+json"}
WARM_UPLOAD = 32_000_000
MEMORY_TAKEN = 2
"""Times the bytes of an upload: they are sent from memory, and land in it."""
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Subject:
    """A server that runs with everything `seed` gave it, and the content it was given."""

    running: Running
    content: Content
    storage: Storage
    scratch: Path
    engines: Engines | None = None

    def client(self, repository: str = APP) -> Connection:
        """Return a client that may pull from and push to the repository."""
        return Connection(self.running.endpoint, self.running.token(repository) | ACCEPT)

    @contextlib.contextmanager
    def empty(self) -> Iterator["Subject"]:
        """Run another server of this kind on an empty folder, for what would fill the disk."""
        folder = self.running.place.folder
        name = f"{folder.name}-empty"
        backing = self.engines.backing(name) if self.engines else None
        try:
            with self._beside(folder.with_name(name), backing) as other:
                with Connection(other.running.endpoint, other.running.password()) as connection:
                    push(connection, UPLOADED, self.content.image, "latest")
                yield other
        finally:
            if self.engines:
                self.engines.drop(name)

    @contextlib.contextmanager
    def redirecting(self) -> Iterator["Subject"]:
        """Run another server of this kind with the same content, which sends clients to the store for blobs."""
        place = self.running.place
        folder = place.folder.with_name(f"{place.folder.name}-redirecting")
        with self._beside(folder, place.backing, is_redirecting=True) as other:
            yield other

    @contextlib.contextmanager
    def _beside(self, folder: Path, backing: Backing | None, *, is_redirecting: bool = False) -> Iterator["Subject"]:
        """Run another server of this kind on a folder, which is removed at the end."""
        place = replace(
            self.running.place, folder=folder, port=free_port(), backing=backing, is_redirecting=is_redirecting
        )
        try:
            with running(self.running.server, place) as other:
                yield replace(self, running=other)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def cpu(self) -> float:
        """Return the CPU seconds spent so far, by the server and by the database, which nobody else asks meanwhile."""
        return self.running.usage().cpu + (self.engines.database_cpu() if self.engines else 0.0)


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of a row: `stamp` is the same for every server in the same turn, and never comes again."""

    stamp: str
    seconds: int


class Work(Protocol):
    """What a row measures."""

    def check(self, subject: Subject) -> None:
        """Warm the server up; raise Unexpected when it doesn't answer as it should."""

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure once; raise Unexpected when something else than what was asked for happened."""


@dataclass(frozen=True, slots=True)
class Gets:
    """GETs of one path by wrk; `accepts` tells whether a body is the right one."""

    path: str
    connections: int
    accepts: Callable[[bytes], bool]
    repository: str = APP

    def check(self, subject: Subject) -> None:
        """Get it some hundred times, and look at each body."""
        with subject.client(self.repository) as client:
            deadline = time.perf_counter() + SETTLE_SECONDS
            for _ in range(WARM):
                if not self.accepts(client.request("GET", self.path).expect(200).body):
                    raise Unexpected(f"GET {self.path}: not the bytes that were pushed")
                if time.perf_counter() > deadline:
                    break

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure requests a second."""
        endpoint, headers = subject.running.endpoint, subject.client(self.repository).headers
        return rate(subject, lambda: load.wrk(endpoint, self.path, headers, self.connections, turn.seconds))


@dataclass(frozen=True, slots=True)
class Heads:
    """HEADs of one path."""

    path: str
    connections: int
    digest: str

    def check(self, subject: Subject) -> None:
        """Ask some hundred times, and look at each digest."""
        with subject.client() as client:
            for _ in range(WARM):
                found = client.request("HEAD", self.path).expect(200).headers.get("docker-content-digest")
                if found != self.digest:
                    raise Unexpected(f"HEAD {self.path}: {found} instead of {self.digest}")

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure requests a second."""
        endpoint, headers = subject.running.endpoint, subject.client().headers
        return rate(subject, lambda: load.heads(endpoint, self.path, headers, self.connections, turn.seconds))


@dataclass(frozen=True, slots=True)
class Downloads:
    """GETs of one blob, read to its end."""

    source: Source
    connections: int

    @property
    def _path(self) -> str:
        return f"/v2/{APP}/blobs/{self.source.digest}"

    def check(self, subject: Subject) -> None:
        """Get it once and hash it."""
        with subject.client() as client:
            found = client.digest_of(self._path)
        if found != self.source.digest:
            raise Unexpected(f"GET {self._path}: bytes of another digest, {found}")

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure bytes a second."""
        endpoint, headers = subject.running.endpoint, subject.client().headers
        return rate(subject, lambda: load.downloads(endpoint, self._path, headers, self.connections, turn.seconds))


@dataclass(frozen=True, slots=True)
class Uploads:
    """Uploads of large blobs, each to a server with an empty folder."""

    at_once: int
    is_patched: bool

    def check(self, subject: Subject) -> None:
        """Nothing: each new server is warmed up by itself."""

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure bytes a second, and read one blob back."""
        sources = subject.content.stamped(turn.stamp, self.at_once)
        with subject.empty() as other:
            self._warm(other)
            if subject.storage is Storage.DISK:
                # What others left unwritten must not be written in this one's time.
                os.sync()
            take_from_host(MEMORY_TAKEN * sum(source.size for source in sources))
            endpoint, headers = other.running.endpoint, other.client(UPLOADED).headers
            sample = rate(other, lambda: load.uploads(endpoint, UPLOADED, headers, sources, is_patched=self.is_patched))
            with other.client(UPLOADED) as client:
                if client.digest_of(f"/v2/{UPLOADED}/blobs/{sources[0].digest}") != sources[0].digest:
                    raise Unexpected("what was uploaded comes back as other bytes")
        return sample

    def _warm(self, other: Subject) -> None:
        path = other.scratch / "warm"
        body = os.urandom(WARM_UPLOAD)
        path.write_bytes(body)
        source = Source(path, len(body), digest(body))
        with other.client(UPLOADED) as client:
            load.upload(client, UPLOADED, source, is_patched=self.is_patched)


@dataclass(frozen=True, slots=True)
class TagPuts:
    """PUTs of manifests under new tags of a repository that has thousands."""

    connections: int
    is_new_image: bool

    def check(self, subject: Subject) -> None:
        """Put some tags on one connection."""
        with subject.client(PUSHED) as client:
            for number in range(WARM):
                put_manifest(client, PUSHED, subject.content.image.manifest, f"warm{number}")

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure tags a second, and look where one of them leads."""
        manifest = subject.content.image.manifest
        template = manifest if self.is_new_image else manifest.replace(b"@COUNT@", turn.stamp.encode())
        file = subject.scratch / "manifest.json"
        file.write_bytes(template)
        arguments = [str(file), MANIFEST_TYPE, f"{turn.stamp}-"]
        with subject.client(PUSHED) as client:
            done = 0.0

            def put() -> Done:
                nonlocal done
                found = load.wrk(
                    subject.running.endpoint,
                    f"/v2/{PUSHED}/manifests/",
                    client.headers,
                    self.connections,
                    turn.seconds,
                    script="put.lua",
                    arguments=arguments,
                )
                done = found.work
                return found

            sample = rate(subject, put)
            # Not the last: wrk leaves while the last ones are under way.
            tag = f"{turn.stamp}-{int(done) // 2 + 1}"
            found = client.request("GET", f"/v2/{PUSHED}/manifests/{tag}").expect(200).body
            if found != template.replace(b"@COUNT@", tag.encode()):
                raise Unexpected(f"the tag {tag} does not lead to what was put")
        return sample


@dataclass(frozen=True, slots=True)
class Start:
    """The seconds from the start of the process to its first answer, over the data of the other rows."""

    def check(self, subject: Subject) -> None:
        """Nothing: it starts once before it is measured."""

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Stop the server and start it."""
        del turn
        subject.running.stop()
        return Sample(subject.running.start())


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of a server and all its processes: just started, or after some of each kind of work."""

    is_worked: bool

    def check(self, subject: Subject) -> None:
        """Nothing: each measurement starts the server anew."""

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Start the server, let it work if it is to, and look."""
        if self.is_worked:
            with subject.empty() as other:
                self._work(other, turn)
                return self._look(other)
        subject.running.stop()
        subject.running.start()
        return self._look(subject)

    def _look(self, subject: Subject) -> Sample:
        time.sleep(SETTLE_SECONDS)
        return Sample(subject.running.usage().resident)

    def _work(self, subject: Subject, turn: Round) -> None:
        endpoint, given = subject.running.endpoint, subject.content
        with subject.client(UPLOADED) as client:
            for source in (given.medium, given.large):
                load.upload(client, UPLOADED, source, is_patched=False)
        headers = client.headers
        load.wrk(endpoint, f"/v2/{UPLOADED}/manifests/latest", headers, 32, turn.seconds)
        load.downloads(endpoint, f"/v2/{UPLOADED}/blobs/{given.medium.digest}", headers, 8, turn.seconds)
        load.downloads(endpoint, f"/v2/{UPLOADED}/blobs/{given.large.digest}", headers, 1, turn.seconds)
        load.uploads(endpoint, UPLOADED, headers, given.stamped(turn.stamp, AT_ONCE), is_patched=True)


def rate(subject: Subject, do: Callable[[], Done]) -> Sample:
    """Return work a second, with the CPU time for it and the server's memory afterwards."""
    before = subject.cpu()
    done = do()
    return Sample(done.work / done.seconds, done.work, subject.cpu() - before, subject.running.usage().resident)


def is_body(expected: bytes) -> Callable[[bytes], bool]:
    """Return a test for exactly these bytes."""
    mark = hashlib.sha256(expected).digest()
    return lambda body: hashlib.sha256(body).digest() == mark
