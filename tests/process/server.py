"""A server in a process of its own, started as `make serve` starts it, that can be asked, stopped and killed."""

import contextlib
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.process.client import Client

MOORAGE = str(Path(sys.executable).with_name("moorage"))
PASSWORD = "correct horse battery staple"
START_SECONDS = 60
STOP_SECONDS = 60


_given: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, of those that the kernel does not hand out to clients, and never one twice.

    Whoever got it before may not listen yet.
    """
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311  any will do
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(slots=True)
class Launcher:
    """Starts servers on a data folder, and ends those that a test left running.

    `bytecode` is where the processes keep their compiled modules, so that each start is a usual one. `settings` are
    variables of the environment. `http` is the port of the plain door, where it must be the same for every start.
    """

    folder: Path
    bytecode: Path
    wrapper: Sequence[str] = ()
    running: "list[Running]" = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    http: int | None = None

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def __call__(self, *flags: str, password: str | None = PASSWORD) -> "Running":
        """Start a server and wait until it answers."""
        running = self.begin(*flags, password=password)
        running.wait()
        return running

    def begin(self, *flags: str, password: str | None = PASSWORD) -> "Running":
        """Start a server, and don't wait; `flags` come after the usual ones."""
        https, http = free_port(), self.http or free_port()
        doors = ["--data", str(self.data), "--https", f"127.0.0.1:{https}", "--http", f"127.0.0.1:{http}"]
        command = [*self.wrapper, MOORAGE, "serve", *doors, *flags]
        out, err = self.folder / f"{len(self.running)}.out", self.folder / f"{len(self.running)}.err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                env=self.environment() | ({"MOORAGE_ADMIN_PASSWORD": password} if password else {}),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        running = Running(process, self.data, https, http, out, err)
        self.running.append(running)
        return running

    def environment(self) -> dict[str, str]:
        """Return what every process of Moorage is started with."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOORAGE_", "PYTHONDONT"))}
        return kept | {"PYTHONPYCACHEPREFIX": str(self.bytecode)} | self.settings

    def command(self, *words: str) -> str:
        """Run a command of Moorage on the data folder and return what it printed."""
        done = subprocess.run(
            [MOORAGE, *words, "--data", str(self.data)], env=self.environment(), check=True, capture_output=True
        )
        return done.stdout.decode()

    def collect(self) -> dict[str, Any]:
        """Run `moorage gc` and return its numbers."""
        numbers: dict[str, Any] = json.loads(self.command("gc", "--json"))
        return numbers

    def close(self) -> None:
        """Kill what still runs."""
        for running in self.running:
            running.kill()


@dataclass(slots=True)
class Running:
    """A server's process, and what it printed."""

    process: subprocess.Popen[bytes]
    data: Path
    https: int
    http: int
    out: Path
    err: Path

    def wait(self) -> None:
        """Return when the server is ready; fail if it ended instead."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.err.read_text()
            with contextlib.suppress(OSError), self.client() as client:
                if client.ask("GET", "/readyz").status == 200:
                    return
            time.sleep(0.02)
        raise TimeoutError(self.err.read_text())

    def client(self, repository: str = "dmc/app") -> Client:
        """Return somebody who talks to the server over a connection of their own, as admin."""
        return Client("127.0.0.1", self.http, repository, ("admin", PASSWORD))

    def secure_client(self, repository: str = "dmc/app") -> Client:
        """Return the same over TLS."""
        trusted = ssl.create_default_context(cafile=str(self.data / "tls" / "ca.crt"))
        return Client("localhost", self.https, repository, ("admin", PASSWORD), trusted)

    def signal(self, number: int) -> None:
        """Send the process that was started a signal."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end, and return the exit code."""
        return self.process.wait(STOP_SECONDS)

    def stop(self) -> int:
        """Stop in good order, and return the exit code."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        """End the process and all it started at once, as a power failure would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def tree(self) -> list[int]:
        """Return the ids of the process and of all that come from it."""
        found = [self.process.pid]
        for parent in found:
            found += children(parent)
        return found


def children(parent: int) -> list[int]:
    """Return the ids of a process's children."""
    with contextlib.suppress(FileNotFoundError):
        return [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return []


def workers(running: Running) -> list[int]:
    """Return the ids of the workers of a server that has several."""
    return [pid for pid in children(running.process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def every(seconds: float, step: float = 0.02) -> Iterator[None]:
    """Yield again and again, for a loop that breaks when what it waits for is there; TimeoutError after so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(step)
    raise TimeoutError
