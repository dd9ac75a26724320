"""Fill a database with very much, and measure every list on it: `python -m bench.lists --help`."""

import argparse
import asyncio
import re
import sys
import time
from pathlib import Path

from bench.lists.asked import asked
from bench.lists.fill import fill_postgres, fill_sqlite
from bench.lists.measure import Result, measure, serving
from bench.lists.world import Scale, World
from moorage.metastore.migrations import migrate

MOST = 20.0
"""Milliseconds that a page may take."""


def main() -> int:
    """Do what the arguments ask for; return the exit code."""
    options = _parser().parse_args()
    world = World(Scale())
    options.data.mkdir(parents=True, exist_ok=True)
    if options.fill:
        _fill(options.data, options.database_url, world)
    results = asyncio.run(_measure(options, world))
    slow = [result for result in results if result.figures[0] >= MOST and not result.asked.is_large]
    _tell(f"{len(results)} lists, {len(slow)} of them slower than {MOST:.0f} ms")
    return 1 if slow else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.lists",
        description="Measure each list inside the server: 100,000 repositories, 1,000,000 tags, as much activity.",
        epilog="Exit 0: every median is below 20 ms but for what is noted apart (~); 1: it is not.",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the server's folder")
    parser.add_argument("--database-url", metavar="URL", help="a PostgreSQL database; without it, SQLite in DIR")
    parser.add_argument("--fill", action="store_true", help="fill the database first, which must be new")
    parser.add_argument("--rows", type=re.compile, default=re.compile(""), metavar="PATTERN", help="only these")
    return parser


def _fill(data: Path, url: str | None, world: World) -> None:
    if url is None:
        migrate(data / "moorage.db")
        fill_sqlite(data / "moorage.db", world, _tell)
        return
    # Imported here: it needs the driver.
    from moorage.metastore.migrations.postgres import migrate_postgres  # noqa: PLC0415

    migrate_postgres(url)
    fill_postgres(url, world, _tell)


async def _measure(options: argparse.Namespace, world: World) -> list[Result]:
    wanted = [one for one in asked(world) if options.rows.search(f"{one.route} {one.title} {one.who.name}")]
    print("| route | what | who | median ms | worst | after a write | worst |\n|---|---|---|---|---|---|---|")
    async with serving(options.data, options.database_url) as server:
        return await measure(server, wanted, _show)


def _show(result: Result) -> None:
    one, figures = result.asked, " | ".join(f"{figure:.1f}" for figure in result.figures)
    print(
        f"| {'~ ' if one.is_large else ''}{one.route} | {one.title} | {one.who.name.lower()} | {figures} |", flush=True
    )


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
