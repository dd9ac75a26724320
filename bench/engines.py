"""What the servers of the profile `scale` share: one store that speaks S3, and one PostgreSQL for who needs one."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.client import HOST, Unexpected
from bench.processes import usage

STORE = "versitygw"
STORE_INSTALL = "go install github.com/versity/versitygw/cmd/versitygw@latest"
POSTGRES_INSTALL = "apt-get install postgresql"
POSTGRES = Path("/usr/lib/postgresql")
POSTGRES_USER = "postgres"
"""Whom it runs as where the bench is root, as which it refuses to run."""

ACCESS_KEY, SECRET_KEY, REGION = "bench", "bench only, on loopback", "us-east-1"
START_SECONDS = 30.0
STOP_SECONDS = 20.0
LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Backing:
    """What is one server's own of the engines: a bucket of the store at `endpoint`, and a database."""

    endpoint: str
    bucket: str
    database: str


@dataclass(slots=True)
class Engines:
    """The engines as they run; `folder` is where the store has its buckets, each a folder."""

    folder: Path
    endpoint: str
    postgres: int
    postgres_process: "subprocess.Popen[bytes]"
    made: dict[str, Backing] = field(default_factory=dict)

    def backing(self, name: str) -> Backing:
        """Return the bucket and the database of that name, made if there are none."""
        if name not in self.made:
            (self.folder / name).mkdir()
            self._ask("createdb", name)
            self.made[name] = Backing(self.endpoint, name, f"postgresql://bench@{HOST}:{self.postgres}/{name}")
        return self.made[name]

    def drop(self, name: str) -> None:
        """Remove the bucket and the database of that name."""
        self.made.pop(name, None)
        self._ask("dropdb", "--force", "--if-exists", name)
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def database_cpu(self) -> float:
        """Return the CPU seconds that PostgreSQL has spent."""
        return usage(self.postgres_process.pid).cpu

    def _ask(self, program: str, *words: str) -> None:
        command = [postgres(program), "-h", HOST, "-p", str(self.postgres), "-U", "bench", *words]
        subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def engines(folder: Path) -> Iterator[Engines]:
    """Run both, with their data below the folder's parent, until the block ends."""
    with contextlib.ExitStack() as stack:
        # A folder of its own for PostgreSQL: its user may not look into that of the bench.
        cluster = Path(tempfile.mkdtemp(prefix="bench-postgres-", dir=folder.parent))
        stack.callback(shutil.rmtree, cluster, ignore_errors=True)
        port = free_port()
        database = stack.enter_context(_postgres(cluster, port))
        buckets = folder / "buckets"
        buckets.mkdir()
        endpoint = stack.enter_context(_store(buckets))
        yield Engines(buckets, endpoint, port, database)


@contextlib.contextmanager
def _store(folder: Path) -> Iterator[str]:
    """Run the store and yield its URL; it syncs nothing, as it comes, and keeps connections, as others do."""
    port = free_port()
    keys = ["--access", ACCESS_KEY, "--secret", SECRET_KEY, "--region", REGION]
    command = [find(STORE) or STORE, *keys, "--port", f"{HOST}:{port}", "--keep-alive", "--quiet", "posix", str(folder)]
    with _process(command, lambda: _listens(port)):
        yield f"http://{HOST}:{port}"


@contextlib.contextmanager
def _postgres(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Make a cluster and run it, as durable as Debian sets it up."""
    user = pwd.getpwnam(POSTGRES_USER) if os.getuid() == 0 else None
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = folder / "data"
    words = ["-D", str(data), "-U", "bench", "--auth=trust", "--encoding=UTF8", "--no-instructions"]
    subprocess.run(
        [postgres("initdb"), *words],
        cwd=folder,
        user=user and user.pw_uid,
        group=user and user.pw_gid,
        extra_groups=[] if user else None,
        check=True,
        capture_output=True,
    )
    command = [postgres("postgres"), "-D", str(data), "-p", str(port), "-h", HOST, "-k", str(folder)]
    with _process(command, lambda: _is_ready(port), user) as process:
        yield process


@contextlib.contextmanager
def _process(
    command: Sequence[str], is_ready: Callable[[], bool], user: pwd.struct_passwd | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program in the background; raise Unexpected when it does not get ready."""
    process = subprocess.Popen(
        command,
        user=user and user.pw_uid,
        group=user and user.pw_gid,
        extra_groups=[] if user else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.perf_counter() + START_SECONDS
        while not is_ready():
            if process.poll() is not None or time.perf_counter() > deadline:
                raise Unexpected(f"{Path(command[0]).name} does not start")
            time.sleep(LOOK_SECONDS)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
        return True
    return False


def _is_ready(port: int) -> bool:
    command = [postgres("pg_isready"), "-q", "-h", HOST, "-p", str(port)]
    return subprocess.run(command, check=False).returncode == 0


def missing() -> list[str]:
    """Return a line for each engine that isn't here."""
    lines = []
    if find(STORE) is None:
        lines.append(f"{STORE} is missing: {STORE_INSTALL}")
    if not Path(postgres("initdb")).is_absolute():
        lines.append(f"PostgreSQL is missing: {POSTGRES_INSTALL}")
    return lines


def versions() -> dict[str, str]:
    """Return what the engines call themselves."""
    asked = {"store": [find(STORE) or STORE, "--version"], "database": [postgres("postgres"), "--version"]}
    return {name: _first_line(command) for name, command in asked.items()}


def _first_line(command: Sequence[str]) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return " ".join(answer.split("\n")[:2]).strip()


def postgres(program: str) -> str:
    """Return where one of PostgreSQL's programs is, the newest; its name where there is none."""
    return str(max(POSTGRES.glob(f"*/bin/{program}"), default=program))


def find(program: str) -> str | None:
    """Return the path of a program, None if it isn't here."""
    places = os.pathsep.join([os.environ.get("PATH", ""), str(Path.home() / "go" / "bin")])
    return shutil.which(program, path=places)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
