"""What the command line says."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

from bench.figures import Door, Storage

E = TypeVar("E", bound=Enum)

PROFILES = ("local", "access", "scale")

QUICK = {"runs": 2, "seconds": 1}
FULL = {"runs": 5, "seconds": 1}


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure, and how long: `runs` samples of each server and row, of `seconds` for rates."""

    runs: int
    seconds: int
    storages: tuple[Storage, ...]
    doors: tuple[Door, ...]
    rows: re.Pattern[str]
    servers: tuple[str, ...]
    profile: str
    json: Path | None
    markdown: Path | None


def parse(arguments: Sequence[str], servers: Sequence[str]) -> Options:
    """Return what the command line asks for, of the servers known; wrong usage exits with 2."""
    parser = _parser(servers)
    given = parser.parse_args(arguments)
    chosen = tuple(given.servers.split(",")) if given.servers else tuple(servers)
    unknown = sorted(set(chosen) - set(servers))
    if unknown:
        parser.error(f"no such server: {', '.join(unknown)}; there are {', '.join(servers)}")
    lengths = QUICK if given.quick else FULL
    return Options(
        runs=given.runs or lengths["runs"],
        seconds=given.seconds or lengths["seconds"],
        storages=_chosen(given, Storage, (Storage.TMPFS,) if given.quick else tuple(Storage)),
        doors=_chosen(given, Door, (Door.TLS,) if given.quick else tuple(Door)),
        rows=given.rows,
        servers=tuple(name for name in servers if name in chosen),
        profile=given.profile,
        json=given.json,
        markdown=given.markdown,
    )


def _parser(servers: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure this server and its peers with the same work, in one run, and show the ratios.",
        epilog="Exit 0: measured; 1: something failed or is missing; 2: wrong usage.",
    )
    parser.add_argument("--quick", action="store_true", help="2 runs of a second each, on tmpfs and over TLS only")
    parser.add_argument(
        "--rows",
        type=_pattern,
        default=re.compile(""),
        metavar="PATTERN",
        help="only rows whose name has this regular expression",
    )
    parser.add_argument("--servers", default="", metavar="NAMES", help=f"only these, of {','.join(servers)}")
    parser.add_argument(
        "--profile", choices=PROFILES, default=PROFILES[0], help="which set of rows (default %(default)s)"
    )
    parser.add_argument("--tmpfs", action="store_true", help="with the data on tmpfs; with --disk, too, on both")
    parser.add_argument("--disk", action="store_true", help="with the data on disk (default: both)")
    parser.add_argument("--plain", action="store_true", help="over plain HTTP; with --tls, too, over both")
    parser.add_argument("--tls", action="store_true", help="over TLS (default: both)")
    parser.add_argument("--runs", type=_positive, metavar="N", help="samples of each server and row")
    parser.add_argument("--seconds", type=_positive, metavar="N", help="how long each sample of a rate takes")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write everything measured, and what it was measured on"
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the tables as docs/performance.md has them"
    )
    return parser


def _chosen(given: argparse.Namespace, kind: type[E], otherwise: tuple[E, ...]) -> tuple[E, ...]:
    """Return the members of an enum that were asked for, each by the option of its name; without any, the others."""
    return tuple(member for member in kind if getattr(given, member.value)) or otherwise


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"no regular expression: {error}") from error


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
