"""What it costs to look for what can go where nothing can: `python -m bench.resting --data DIR --fill`.

1,000,000 blobs are all needed, by 100,000 images with tags in 1,000 repositories of a registry with rules.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.lists.fill import fill_postgres, fill_sqlite
from moorage.app.services import SYSTEM, Services, open_services
from moorage.domain.retention import Rule
from moorage.metastore.migrations import migrate
from moorage.services.retention_records import RuleChanges
from moorage.settings import load

REPOSITORIES, IMAGES, LAYERS = 1_000, 100, 10
"""In the registry, in each repository, in each image: no two share a layer."""
SIZE = 1_000_000
SAMPLES = 7
MOST = 1.0
"""Seconds that a round may take."""

ADDRESS = "rested"
RULES = {"Newest": Rule(newest=IMAGES), "Releases": Rule(tags=("v*",), newest=IMAGES)}
START = 1_700_000_000.0
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

Rows = Iterator[tuple[Any, ...]]


class Needed:
    """The rows of each table."""

    def __init__(self) -> None:
        self.tables: dict[str, Callable[[], Rows]] = {
            "registries": lambda: iter([(1, "Rested", ADDRESS, "", "private", "", START, "admin")]),
            "repositories": self._repositories,
            "manifests": self._manifests,
            "edges": lambda: (
                (repository, image, layer) for repository, image in _images() for layer in _layers(image)
            ),
            "tags": self._tags,
            "blobs": lambda: ((layer, SIZE, None, None) for _, image in _images() for layer in _layers(image)),
            "links": lambda: (
                (repository, layer, SIZE, None) for repository, image in _images() for layer in _layers(image)
            ),
        }

    def _repositories(self) -> Rows:
        for number in range(1, REPOSITORIES + 1):
            yield number, 1, f"{ADDRESS}/app-{number:04d}", "", START, START, "admin", 0, 1, None

    def _manifests(self) -> Rows:
        for number, (repository, image) in enumerate(_images(), 1):
            what = (number, repository, image, MANIFEST, None, None, False, None, "{}", "linux/amd64")
            yield *what, LAYERS * SIZE, 2, START + number, "admin", b"{}"

    def _tags(self) -> Rows:
        for number, (repository, image) in enumerate(_images(), 1):
            yield repository, f"v{number}", image, START + number, "admin"


def _images() -> Iterator[tuple[int, str]]:
    for repository in range(1, REPOSITORIES + 1):
        for number in range(IMAGES):
            yield repository, _digest(f"{repository} {number}")


def _layers(image: str) -> Iterator[str]:
    return (_digest(f"{image} {number}") for number in range(LAYERS))


def _digest(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def main() -> int:
    """Measure, print, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.resting", description=__doc__, epilog="Exit 0: every median is below 1 s; 1: it is not."
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the server's folder")
    parser.add_argument("--database-url", metavar="URL", help="a PostgreSQL database; without it, SQLite in DIR")
    parser.add_argument("--fill", action="store_true", help="fill the database first, which must be new")
    options = parser.parse_args()
    if options.fill:
        _fill(options.data, options.database_url)
    medians = asyncio.run(_measure(options.data, options.database_url))
    with tempfile.TemporaryDirectory() as folder:
        migrate(Path(folder) / "moorage.db")
        start = _command(Path(folder), None)
    whole = _command(options.data, options.database_url)
    print(f"moorage gc: {whole * 1000:.1f} ms, and {start * 1000:.1f} ms where there is nothing at all")
    medians["moorage gc, beyond the start of its process"] = max(whole - start, 0.0)
    for what, median in medians.items():
        print(f"{what}: {median * 1000:.1f} ms")
    return 1 if max(medians.values()) >= MOST else 0


def _fill(data: Path, url: str | None) -> None:
    data.mkdir(parents=True, exist_ok=True)
    if url is None:
        migrate(data / "moorage.db")
        fill_sqlite(data / "moorage.db", Needed(), _tell)
        return
    # Imported here: it needs the driver.
    from moorage.metastore.migrations.postgres import migrate_postgres  # noqa: PLC0415

    migrate_postgres(url)
    fill_postgres(url, Needed(), _tell, is_counted=False)


async def _measure(data: Path, url: str | None) -> dict[str, float]:
    given = {"data": data} | ({"database_url": url} if url else {})
    async with open_services(load(given, {})) as services:
        keeping = services.keeping
        await _rule(services)
        # The first run goes through all there is, since the rules are new.
        began = time.perf_counter()
        await keeping.letting_go.run()
        _tell(f"the first run of retention: {time.perf_counter() - began:.1f} s")
        return {
            "collection": await _median(services.collect.collect),
            "emptying the trash": await _median(services.collect.empty_trash),
            "retention": await _median(keeping.letting_go.run),
            "what is stored": await _median(lambda: services.collect.usage(SYSTEM)),
        }


async def _rule(services: Services) -> None:
    rules = services.keeping.retention
    if await rules.list(SYSTEM, ADDRESS):
        return
    for name, rule in RULES.items():
        made = await rules.create(SYSTEM, ADDRESS, name, rule)
        async for _ in await rules.preview(SYSTEM, ADDRESS, made.id):
            break
        await rules.change(SYSTEM, ADDRESS, made.id, RuleChanges(is_paused=False))


async def _median(work: Callable[[], Awaitable[object]]) -> float:
    seconds = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        await work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _command(data: Path, url: str | None) -> float:
    environment = os.environ | ({"MOORAGE_DATABASE_URL": url} if url else {})
    program = str(Path(sys.executable).with_name("moorage"))
    seconds = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        subprocess.run([program, "gc", "--data", str(data)], check=True, capture_output=True, env=environment)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
