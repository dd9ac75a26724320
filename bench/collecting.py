"""What a collection and a run of retention cost those who pull and push beside them: `python -m bench.collecting`.

Three servers do the same, in turns: images are pushed, pulled and deleted. One collects every second, one lets old
images go by a rule all the time, and one does neither.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import load
from bench.access import PATH
from bench.certificate import make_certificate
from bench.client import Connection
from bench.content import APP, MANIFEST_TYPE, digest, make_config, make_image, make_manifest
from bench.engines import Backing, engines, free_port
from bench.figures import Door
from bench.seed import push, put_manifest
from bench.servers import SERVERS, Launch, Place, Running, running

CONNECTIONS = 4
SECONDS = 3
LAYER = 20_000
CHURNED = "bench/churned"
OLD = "old/images"
RETENTION = f"/api/v1/registries/{OLD.partition('/')[0]}/retention"
ENOUGH = 800
"""Images that are old before a sample begins: more than a rule lets go meanwhile."""

LOOK_SECONDS = 0.2

RULE = {"name": "Old", "rule": {"tags": ["go-*"], "newest": 1}}
COLLECTING, LETTING_GO, RESTING = WORDS = ("a collection each second", "retention all the time", "neither")


@dataclass(slots=True)
class Churn:
    """Pushes an image of bytes nobody has seen and deletes it, again and again; how long each push took, in seconds."""

    server: Running
    pushes: list[float] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Do so while the block runs."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()
            self._done.clear()

    def _run(self) -> None:
        with Connection(self.server.endpoint, self.server.password()) as connection:
            while not self._done.is_set():
                layer, config = os.urandom(LAYER), make_config(str(time.time_ns()))
                manifest = make_manifest(config, [(digest(layer), LAYER)])
                began = time.perf_counter()
                for blob in (config, layer):
                    path = f"/v2/{CHURNED}/blobs/uploads/?digest={digest(blob)}"
                    kind = {"content-type": "application/octet-stream"}
                    connection.request("POST", path, blob, headers=kind).expect(201)
                put_manifest(connection, CHURNED, manifest, "latest")
                self.pushes.append(time.perf_counter() - began)
                connection.request("DELETE", f"/v2/{CHURNED}/manifests/{digest(manifest)}").expect(202)


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.collecting", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="samples of each (7)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the servers keep their data (a new folder)")
    parser.add_argument("--engines", action="store_true", help="on PostgreSQL and a bucket instead of SQLite and files")
    options = parser.parse_args()
    with ExitStack() as opened:
        folder = options.folder or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        shared = opened.enter_context(engines(folder)) if options.engines else None
        servers = [
            opened.enter_context(_server(folder, number, every, shared.backing(f"server{number}") if shared else None))
            for number, every in enumerate(("1", "0", "0"))
        ]
        churns = [Churn(server) for server in servers]
        pulls: list[list[float]] = [[] for _ in WORDS]
        gone = 0
        for _ in range(options.runs):
            for number, server in enumerate(servers):
                headers = server.token(APP) | {"accept": MANIFEST_TYPE}
                beside = _letting_go(server) if WORDS[number] == LETTING_GO else nullcontext([0])
                with beside as let_go, churns[number].going_on():
                    pulls[number].append(load.wrk(server.endpoint, PATH, headers, CONNECTIONS, SECONDS).p99)
                gone += let_go[0]
    print(f"{gone} images were let go by the rule, in {options.runs} × {SECONDS} s and what was left after them")
    _tell("99 of 100 pulls of a manifest", [statistics.median(samples) for samples in pulls])
    _tell("99 of 100 pushes of an image", [_p99(churn.pushes) for churn in churns])
    return 0


@contextmanager
def _server(folder: Path, number: int, every: str, backing: Backing | None) -> Iterator[Running]:
    """Run a server that collects so often, with leases of a second and nothing kept of what is deleted."""
    server = next(server for server in SERVERS if server.name == "moorage")

    def launch(program: str, place: Place) -> Launch:
        usual = server.launch(program, place)
        return Launch([*usual.words, "--lease", "1", "--collect-every", every], usual.environment)

    certificate = make_certificate(folder)
    place = Place(folder / str(number), free_port(), Door.PLAIN, certificate, backing)
    with running(replace(server, launch=launch), place) as found:
        with Connection(found.endpoint, found.password()) as connection:
            push(connection, APP, make_image(), "latest")
            kind = {"content-type": "application/json"}
            path = f"/api/v1/registries/{APP.partition('/')[0]}"
            connection.request("PATCH", path, b'{"trash_days": 0}', headers=kind).expect(200)
            push(connection, OLD, make_image(), "go-0")
            connection.request("POST", f"{RETENTION}/rules", json.dumps(RULE).encode(), headers=kind).expect(201)
            connection.request("GET", f"{RETENTION}/preview?rule=1").expect(200)
            connection.request("PATCH", f"{RETENTION}/rules/1", b'{"is_paused": false}', headers=kind).expect(200)
        yield found


@contextmanager
def _letting_go(server: Running) -> Iterator[list[int]]:
    """Let a rule go through old images while the block runs; how many went stands there when it is over."""
    gone = [0]
    with Connection(server.endpoint, server.password()) as connection:
        for number in range(ENOUGH):
            config = make_config(str(time.time_ns()))
            path = f"/v2/{OLD}/blobs/uploads/?digest={digest(config)}"
            connection.request("POST", path, config, headers={"content-type": "application/octet-stream"}).expect(201)
            put_manifest(connection, OLD, make_manifest(config, []), f"go-{number}")

    def run() -> None:
        with Connection(server.endpoint, server.password()) as connection:
            run = connection.request("POST", f"{RETENTION}/run").expect(202).json()
            while run["ended_at"] is None:
                time.sleep(LOOK_SECONDS)
                run = connection.request("GET", f"{RETENTION}/runs/{run['id']}").expect(200).json()
            gone[0] = run["total"]["images"]

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield gone
    finally:
        thread.join()


def _p99(samples: Sequence[float]) -> float:
    return statistics.quantiles(samples, n=100)[-1]


def _tell(what: str, seconds: Sequence[float]) -> None:
    alone = seconds[WORDS.index(RESTING)]
    pairs = zip(WORDS, seconds, strict=True)
    print(f"{what}: " + " · ".join(f"{word} {value * 1e3:.2f} ms ×{value / alone:.2f}" for word, value in pairs))


if __name__ == "__main__":
    sys.exit(main())
