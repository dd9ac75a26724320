"""What the numbers were measured on."""

import mmap
import os
import platform
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import engines
from bench.servers import Server

MISSING = "{title} is missing: {install}"
WRK_INSTALL = "apt-get install wrk"
SHM = Path("/dev/shm")  # noqa: S108  the point is that it is memory
DISK = Path("/var/tmp")  # noqa: S108  by convention on a disk
ROOM = 4_000_000_000


def missing(servers: Sequence[Server], folders: Sequence[Path], *, needs_engines: bool = False) -> list[str]:
    """Return a line for each thing that the run needs and that isn't here."""
    lines = [MISSING.format(title=server.title, install=server.install) for server in servers if not server.find()]
    if needs_engines:
        lines += engines.missing()
    if not shutil.which("wrk"):
        lines.append(MISSING.format(title="wrk", install=WRK_INSTALL))
    lines += [
        f"{folder} has less than {ROOM // 10**9} GB free" for folder in folders if shutil.disk_usage(folder).free < ROOM
    ]
    return lines


def machine() -> dict[str, str]:
    """Return the machine's description by what is described."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.freedesktop_os_release().get('PRETTY_NAME', 'Linux')}, Linux {platform.release()}",
        "disk": f"{DISK}: {_filesystem(DISK)}",
        "client": f"wrk {_wrk()}; Python {platform.python_version()}, {ssl.OPENSSL_VERSION}",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def take_from_host(size: int) -> None:
    """Touch this many bytes of memory and let them go.

    A virtual machine gives free memory back to its host after some seconds, and gets it again at several times the cost
    of a write. A server that starts slower than the next one would pay for what both have just let go.
    """
    with mmap.mmap(-1, size) as memory:
        for start in range(0, size, mmap.PAGESIZE):
            memory[start] = 1


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _filesystem(folder: Path) -> str:
    found, kind = Path("/"), "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mounted, this_kind, *_ = line.split()
        if folder.is_relative_to(mounted) and Path(mounted).is_relative_to(found):
            found, kind = Path(mounted), this_kind
    return kind


def _wrk() -> str:
    answer = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    return answer.stdout.split("[")[0].removeprefix("wrk").strip()
