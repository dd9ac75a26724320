"""What the kernel knows of a process and all that came of it: CPU seconds and resident bytes, from /proc."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds spent so far, children that have ended included, and resident bytes now."""

    cpu: float
    resident: int


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as the kernel counts: clock ticks and pages."""

    pid: int
    parent: int
    ticks: int
    pages: int


def usage(pid: int) -> Usage:
    """Return what a process and everything it started use together."""
    processes = list(_processes())
    tree = {pid}
    grown = True
    while grown:
        more = {process.pid for process in processes if process.parent in tree} - tree
        tree |= more
        grown = bool(more)
    mine = [process for process in processes if process.pid in tree]
    return Usage(sum(process.ticks for process in mine) * TICK, sum(process.pages for process in mine) * PAGE)


def _processes() -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield parse_stat((folder / "stat").read_text())


def parse_stat(line: str) -> Process:
    """Return one process of /proc/PID/stat.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: pid (name) state ppid …, where a name may hold anything;
    user, system, children's user and system ticks are fields 14 to 17, resident pages field 24.
    """
    before, _, after = line.rpartition(")")
    fields = after.split()
    return Process(int(before.split()[0]), int(fields[1]), sum(map(int, fields[11:15])), int(fields[21]))
