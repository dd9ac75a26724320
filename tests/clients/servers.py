"""A real Moorage, started as `make serve` starts it."""

import contextlib
import fcntl
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

MOORAGE = str(Path(sys.executable).with_name("moorage"))
NAME = "proget.test"
ALIAS = "harbour.test"
# Docker trusts 127.0.0.0/8 blindly. This address is for documentation (RFC 5737): nobody's, so it can be ours on `lo`.
ADDRESS = "192.0.2.7"
USER = "admin"
PASSWORD = "correct horse battery staple"
HOSTS = Path("/etc/hosts")
START_SECONDS = 60
STOP_SECONDS = 40


@dataclass(frozen=True, slots=True)
class Server:
    """Where a running server answers (`name:port`, nothing when that door is shut) and whom it says it is.

    `database` is the URL of its PostgreSQL, nothing where it has SQLite.
    """

    https: str
    http: str
    data: Path
    user: str = USER
    password: str = PASSWORD
    database: str = ""

    @property
    def authority(self) -> Path:
        """The certificate of the authority that the server made for itself."""
        return self.data / "tls" / "ca.crt"

    def change(self, sql: str) -> None:
        """Run a statement in its database."""
        if self.database:
            with psycopg.connect(self.database) as connection:
                connection.execute(sql.encode())
        else:
            with contextlib.closing(sqlite3.connect(self.data / "moorage.db")) as tables:
                tables.execute(sql)
                tables.commit()


def free_port(address: str) -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def named() -> Iterator[str]:
    """Let `proget.test` and `harbour.test` be this machine, at an address that no client takes for loopback."""
    line = f"{ADDRESS} {NAME} {ALIAS}\n"
    with (Path(tempfile.gettempdir()) / "moorage-clients.lock").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        # `replace`, so that what an interrupted run left behind is no obstacle.
        subprocess.run(["ip", "addr", "replace", f"{ADDRESS}/32", "dev", "lo"], check=True)
        if line not in HOSTS.read_text():
            with HOSTS.open("a") as hosts:
                hosts.write(line)
        try:
            yield NAME
        finally:
            # Whoever is done last takes it away: processes share these tests.
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                HOSTS.write_text(HOSTS.read_text().replace(line, ""))
                subprocess.run(["ip", "addr", "del", f"{ADDRESS}/32", "dev", "lo"], check=True)


@contextlib.contextmanager
def serving(data: Path, *doors: str, ready: str, program: Sequence[str] = (MOORAGE,)) -> Iterator[None]:
    """Serve `data` behind the doors given, from the first answer of `http(s)://…/readyz` until the last."""
    log = data.with_suffix(".log")
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*program, "serve", "--data", str(data), "--host-name", NAME, "--host-name", ALIAS, *doors],
            env=os.environ | {"MOORAGE_ADMIN_PASSWORD": PASSWORD},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _await(ready, server, log)
            yield
        finally:
            server.terminate()
            server.wait(STOP_SECONDS)


def _await(ready: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(ready):
            return
        time.sleep(0.05)
    raise TimeoutError(log.read_text())
