"""Images for those that compose.yaml names and nobody can pull here: this machine's own programs, told as those are.

They hold a few links, folders and a start; `stand_ins.yaml` mounts the machine's programs into them. What Moorage's own
containers are made of is the real thing.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.clients.programs import PATH
from tests.postgres import PROGRAMS

COMPOSE = Path(__file__).parents[3] / "deploy" / "compose.yaml"
GO = Path(PATH.partition(":")[0])

ACCOUNTS = "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
GROUPS = "root:x:0:\npostgres:x:999:\nnogroup:x:65534:\n"
LINKS = {name: f"usr/{name}" for name in ("bin", "sbin", "lib", "lib64")}
FOLDERS = {"tmp": 0o1777, "run": 0o755, "var/lib/nginx": 0o755, "var/log/nginx": 0o755}

# As the start of the image postgres does it.
POSTGRES = """#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 -E UTF8 --no-sync
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$PGDATA" postgres
fi
exec "$@" -c listen_addresses='*' -c unix_socket_directories=/tmp
"""


@dataclass(frozen=True, slots=True)
class StandIn:
    """What an image is said to be: its account, what it starts, and a folder of that account."""

    user: str = "0"
    start: str = ""
    command: Sequence[str] = ()
    data: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    def archive(self) -> bytes:
        """Return its file system as a tar."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, target in LINKS.items():
                archive.addfile(_entry(name, kind=tarfile.SYMTYPE, linkname=target))
            for name, mode in FOLDERS.items():
                archive.addfile(_entry(name, kind=tarfile.DIRTYPE, mode=mode))
            if self.data:
                archive.addfile(_entry(self.data, kind=tarfile.DIRTYPE, mode=0o700, uid=int(self.user)))
            for name, text in {"etc/passwd": ACCOUNTS, "etc/group": GROUPS, "start": self.start}.items():
                archive.addfile(_entry(name, mode=0o755, size=len(text)), io.BytesIO(text.encode()))
        return buffer.getvalue()

    def changes(self) -> Iterable[str]:
        """Return what `docker import` is told of it."""
        programs = max(PROGRAMS.glob("*/bin"))
        variables = {"PATH": f"{programs}:/usr/sbin:/usr/bin:/programs", **self.variables}
        yield from (f"ENV {name}={value}" for name, value in variables.items())
        yield f"USER {self.user}"
        if self.start:
            yield 'ENTRYPOINT ["/start"]'
        if self.command:
            yield f"CMD {json.dumps(self.command)}"


STAND_INS = {
    "database": StandIn(
        "999", POSTGRES, data="var/lib/postgresql/data", variables={"PGDATA": "/var/lib/postgresql/data"}
    ),
    "store": StandIn(),
    "balancer": StandIn(command=("nginx", "-g", "daemon off;")),
}
"""By the service of compose.yaml whose image it stands for."""


def named_images() -> dict[str, str]:
    """Return the images that are stood in for, by service."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    return {service: services[service]["image"] for service in STAND_INS}


def override(folder: Path) -> Path:
    """Write the file that mounts this machine's programs into them; return it."""
    mounts = ["/usr:/usr:ro", f"{GO}:/programs:ro"]
    file = folder / "stand_ins.yaml"
    file.write_text(yaml.safe_dump({"services": {service: {"volumes": mounts} for service in STAND_INS}}))
    return file


def _entry(
    name: str, *, kind: bytes = tarfile.REGTYPE, linkname: str = "", mode: int = 0o755, uid: int = 0, size: int = 0
) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode, entry.uid, entry.gid, entry.size = kind, linkname, mode, uid, uid, size
    return entry
