"""What a round of verification costs those who pull beside it: `python -m bench.verifying`.

One server, in turns: it reads everything it keeps, as fast as a round that was asked for may, or it does not. A round
by the clock reads a quarter of that at most.
"""

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import load
from bench.access import PATH
from bench.certificate import make_certificate
from bench.client import Connection
from bench.content import APP, MANIFEST_TYPE, digest, make_image
from bench.engines import free_port
from bench.figures import Door
from bench.seed import push
from bench.servers import SERVERS, Place, Running, running

CONNECTIONS = 4
SECONDS = 2
LAYERS, LAYER = 24, 64 * 1024**2
"""What there is to read: enough for a sample, and a wait before it."""

VERIFICATION = "/api/v1/storage/verification"
WAIT = 0.05


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.verifying", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="samples of each (7)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the server keeps its data (a new folder)")
    options = parser.parse_args()
    beside: list[float] = []
    alone: list[float] = []
    with ExitStack() as opened:
        folder = options.folder or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        server = next(server for server in SERVERS if server.name == "moorage")
        place = Place(folder / "data", free_port(), Door.PLAIN, make_certificate(folder))
        found = opened.enter_context(running(server, place))
        connection = opened.enter_context(Connection(found.endpoint, found.password()))
        push(connection, APP, make_image(), "latest")
        for number in range(LAYERS):
            layer = number.to_bytes(8, "big") * (LAYER // 8)
            path, kind = f"/v2/{APP}/blobs/uploads/?digest={digest(layer)}", "application/octet-stream"
            connection.request("POST", path, layer, headers={"content-type": kind}).expect(201)
        for _ in range(options.runs):
            alone.append(_p99(found))
            connection.request("POST", VERIFICATION).expect(202)
            _await(connection, is_reading=True)
            beside.append(_p99(found))
            if not _is_reading(connection):
                raise SystemExit("the round was over before the sample was: there is too little to read")
            _await(connection, is_reading=False)
    pairs = zip(beside, alone, strict=True)
    ratio = statistics.median(one / other for one, other in pairs)
    rounds, quiet = statistics.median(beside) * 1e3, statistics.median(alone) * 1e3
    print(f"99 of 100 pulls of a manifest: beside a round {rounds:.2f} ms, without {quiet:.2f} ms, ×{ratio:.2f}")
    return 0


def _p99(server: Running) -> float:
    headers = server.token(APP) | {"accept": MANIFEST_TYPE}
    return load.wrk(server.endpoint, PATH, headers, CONNECTIONS, SECONDS).p99


def _is_reading(connection: Connection) -> bool:
    """Tell whether a round that was asked for is under way, and has read something."""
    found = connection.request("GET", VERIFICATION).expect(200).json()["open"]
    return found is not None and found["asked_by"] is not None and found["bytes"] > 0


def _await(connection: Connection, *, is_reading: bool) -> None:
    while _is_reading(connection) is not is_reading:
        time.sleep(WAIT)


if __name__ == "__main__":
    sys.exit(main())
