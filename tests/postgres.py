"""A PostgreSQL of the tests' own: Debian's program, an empty cluster, a free port, and a database for each test."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from moorage.metastore.migrations.postgres import migrate_postgres
from tests.process.server import free_port

PROGRAMS = Path("/usr/lib/postgresql")

_numbers = count()


@dataclass(slots=True)
class Cluster:
    """A cluster whose own language does not sort by bytes; what it says it stored may be lost with the machine."""

    folder: Path
    port: int
    has_template: bool = False

    def url(self, name: str = "postgres") -> str:
        """Return where a database is."""
        return f"postgresql://moorage:secret@127.0.0.1:{self.port}/{name}"

    def ask(self, sql: str, name: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement in a database as its administrator."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def empty(self) -> str:
        """Make a database without tables, and return its URL."""
        name = f"empty_{next(_numbers)}"
        self.ask(f"CREATE DATABASE {name}")
        return self.url(name)

    def database(self) -> str:
        """Make a database with all tables and nothing in them, and return its URL."""
        if not self.has_template:
            self.ask("CREATE DATABASE pattern")
            migrate_postgres(self.url("pattern"))
            self.has_template = True
        name = f"moorage_{next(_numbers)}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE pattern")
        return self.url(name)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        self.run("pg_ctl", "start", "--wait", "--silent", "-D", "data", "-l", "log", "-o", options)

    def stop(self) -> None:
        """Stop it at once, as a machine would that is switched off."""
        self.run("pg_ctl", "stop", "--mode=immediate", "--silent", "-D", "data")

    def run(self, program: str, *words: str) -> None:
        """Run one of PostgreSQL's programs in the folder; it refuses to be root."""
        user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        if user is not None:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        subprocess.run(
            [_program(program), *words],
            cwd=self.folder,
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=[] if user else None,
            stdout=subprocess.DEVNULL,
            check=True,
        )


def _program(name: str) -> str:
    """Return the newest one; where there is none, running it says so."""
    return str(max(PROGRAMS.glob(f"*/bin/{name}"), default=name))


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Make a cluster, and remove it."""
    # Not under pytest's folder, into which nobody else may look.
    folder = Path(tempfile.mkdtemp(prefix="moorage-postgres-"))
    made = Cluster(folder, free_port())
    try:
        (folder / "password").write_text("secret")
        if os.getuid() == 0:
            shutil.chown(folder / "password", "postgres")
        words = ("--auth=scram-sha-256", "--pwfile=password", "--encoding=UTF8", "--no-sync", "--no-instructions")
        made.run("initdb", "-D", "data", "-U", "moorage", "--locale-provider=icu", "--icu-locale=en", *words)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder)
