"""What it costs to be asked who one is, and who else pays for somebody who guesses."""

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from bench import load
from bench.client import Connection, Unexpected
from bench.content import APP, digest
from bench.crowd import Crowd, crowded
from bench.figures import Sample
from bench.seed import push
from bench.servers import Running, basic
from bench.work import Round, Subject, rate

PATH = f"/v2/{APP}/manifests/latest"
REGISTRY = APP.partition("/")[0]
HIDDEN, ABSENT = "hidden/image", "absent/image"
STRANGER = "who knows nothing"
REFUSALS = 200


class Who(Enum):
    """What a client presents. Servers that ask nobody get nothing."""

    NOBODY = "anonymous"
    BEARER = "Bearer"
    BASIC = "Basic with an access token"


@dataclass(frozen=True, slots=True)
class GetsAs:
    """GETs of a manifest by wrk, by the anonymous where anybody may pull, or by somebody."""

    who: Who
    connections: int

    def check(self, subject: Subject) -> None:
        """Let anybody pull, and get it once."""
        let_anybody_pull(subject.running)
        with Connection(subject.running.endpoint, self._headers(subject)) as client:
            found = client.request("GET", PATH).expect(200).body
        if digest(found) != subject.content.image.digest:
            raise Unexpected(f"GET {PATH}: not the bytes that were pushed")

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure requests a second."""
        endpoint, headers = subject.running.endpoint, self._headers(subject)
        return rate(subject, lambda: load.wrk(endpoint, PATH, headers, self.connections, turn.seconds))

    def _headers(self, subject: Subject) -> Mapping[str, str]:
        accept = {"accept": subject.client(APP).headers["accept"]}
        if self.who is Who.NOBODY:
            return accept
        if self.who is Who.BEARER:
            return accept | subject.running.token(APP)
        return accept | access_token(subject.running)


@dataclass(frozen=True, slots=True)
class Patience:
    """The time that 99 of 100 pulls of a manifest take at most, beside a crowd or alone."""

    connections: int
    crowd: Crowd

    def check(self, subject: Subject) -> None:
        """Nothing: another row has looked at the answers."""

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure seconds."""
        endpoint, headers = subject.running.endpoint, subject.client(APP).headers
        with crowded(endpoint, self.crowd):
            return Sample(load.wrk(endpoint, PATH, headers, self.connections, turn.seconds).p99)


@dataclass(frozen=True, slots=True)
class Refusal:
    """By how much longer a stranger waits to be told that there is no image where there is somebody else's.

    The difference of two medians: asked in turns, so that what is busy now and not then is busy for both.
    """

    def check(self, subject: Subject) -> None:
        """Make the stranger and the image, and compare the two answers."""
        if subject.running.server.user:
            with Connection(subject.running.endpoint, subject.running.password()) as connection:
                made = b'{"name": "stranger", "password": "%s"}' % STRANGER.encode()
                kind = {"content-type": "application/json"}
                connection.request("POST", "/api/v1/users", made, headers=kind).expect(201, 409)
                push(connection, HIDDEN, subject.content.image, "latest")
        with Connection(subject.running.endpoint, self._headers(subject)) as client:
            answers = [client.request("GET", path(name)).expect(404) for name in (HIDDEN, ABSENT)]
        if len({answer.body.replace(b"absent", b"hidden") for answer in answers}) != 1:
            raise Unexpected("a stranger is told the difference between what is hidden and what is not there")

    def take(self, subject: Subject, turn: Round) -> Sample:
        """Measure seconds."""
        del turn
        times: dict[str, list[float]] = {HIDDEN: [], ABSENT: []}
        with Connection(subject.running.endpoint, self._headers(subject)) as client:
            for _ in range(REFUSALS):
                for name, taken in times.items():
                    began = time.perf_counter()
                    client.request("GET", path(name)).expect(404)
                    taken.append(time.perf_counter() - began)
        return Sample(statistics.median(times[HIDDEN]) - statistics.median(times[ABSENT]))

    def _headers(self, subject: Subject) -> Mapping[str, str]:
        return basic("stranger", STRANGER) if subject.running.server.user else {}


def path(repository: str) -> str:
    """Return where an image of a repository is."""
    return f"/v2/{repository}/manifests/latest"


def let_anybody_pull(running: Running) -> None:
    """Make the registry public, where there is such a thing."""
    if running.server.user:
        with Connection(running.endpoint, running.password()) as connection:
            body, kind = b'{"visibility": "public"}', {"content-type": "application/json"}
            connection.request("PATCH", f"/api/v1/registries/{REGISTRY}", body, headers=kind).expect(200)


def access_token(running: Running) -> dict[str, str]:
    """Return the headers of a client that presents a new access token as its password."""
    if not running.server.user:
        return {}
    with Connection(running.endpoint, running.password()) as connection:
        body, kind = b'{"name": "bench-%d"}' % time.time_ns(), {"content-type": "application/json"}
        path = f"/api/v1/users/{running.server.user}/tokens"
        made = connection.request("POST", path, body, headers=kind).expect(201).json()
    return basic(running.server.user, made["secret"])
