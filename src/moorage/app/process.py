"""The start and the end of a server: one line when something is in the way, a welcome the first time, quiet after.

    check (folder, certificate, ports) ─▶ first account, welcome ─▶ worker 0 … N-1 ─▶ SIGTERM ─▶ drain ─▶ exit 0

One worker runs in this process; more are processes of their own, started anew when one dies. This one only looks after
them then, and loads nothing of what they run (`members.py`).
"""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from moorage.app.listening import PortTaken, check_free
from moorage.app.locks import SERVER_LOCK, sole
from moorage.directories import DirectoriesError
from moorage.domain.errors import MoorageError
from moorage.settings import Settings
from moorage.telemetry import prepare_multiprocess
from moorage.tls import CertificatePaths, TlsError, check_pair, ensure_certificates

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

RESPAWN_SECONDS = 1.0
LOOK_SECONDS = 0.2
LAST_SECONDS = 5.0

OWN_WORDS = (TlsError, PortTaken, DirectoriesError, MoorageError)
"""Errors whose words are for a person."""

CONTEXT = multiprocessing.get_context("spawn")


class StartError(Exception):
    """Why the server does not start: one line for a person."""


def run(settings: Settings) -> None:
    """Run a server until it is told to stop; raise StartError when it can't start."""
    stop = _Stop()
    for interrupt in (signal.SIGTERM, signal.SIGINT):
        signal.signal(interrupt, stop.heed)
    try:
        with _own_folder(settings.data):
            certificates = _certificates(settings)
            for address in (settings.https, settings.http):
                if address is not None:
                    check_free(address)
            if settings.workers == 1:
                _run_alone(settings, certificates)
            else:
                _prepare(settings, stop)
                _supervise(settings, certificates, stop)
    except (*OWN_WORDS, OSError) as error:
        raise StartError(_line(settings, error)) from error


def _line(settings: Settings, error: Exception) -> str:
    """Return what a person is told of an error."""
    return f"{error.filename or settings.data}: {error.strerror}" if isinstance(error, OSError) else str(error)


@contextmanager
def _own_folder(data: Path) -> Iterator[None]:
    """Keep a second server off the folder: two would each think they were alone."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with sole(data / SERVER_LOCK) as is_ours:
        if not is_ours:
            message = f"another server runs on {data}; stop it, or give this one another folder with --data"
            raise StartError(message)
        yield


def _certificates(settings: Settings) -> CertificatePaths | None:
    if settings.https is None:
        return None
    if settings.tls_cert is not None and settings.tls_key is not None:
        check_pair(settings.tls_cert, settings.tls_key)
        return CertificatePaths(settings.tls_cert, settings.tls_cert, settings.tls_key)
    return ensure_certificates(settings.data / "tls", settings.host_names)


def _run_alone(settings: Settings, certificates: CertificatePaths | None) -> None:
    from moorage.app import members  # noqa: PLC0415  only where it runs

    uvloop.run(members.run_alone(settings, certificates))


def _prepare(settings: Settings, stop: "_Stop") -> None:
    """Do it in a process of its own: what it loads is worth more memory than looking after workers takes."""
    receiver, sender = CONTEXT.Pipe(duplex=False)
    stop.preparing = CONTEXT.Process(target=_prepare_child, args=(settings, sender), name="prepare")
    stop.preparing.start()
    sender.close()
    with suppress(EOFError):
        raise StartError(receiver.recv())
    stop.preparing.join()
    if stop.preparing.exitcode:
        sys.exit(stop.preparing.exitcode)
    stop.preparing = None
    stop.is_open = True


def _prepare_child(settings: Settings, sender: "Connection[str, str]") -> None:
    from moorage.app import members  # noqa: PLC0415  only where it runs

    # Who interrupts at the terminal interrupts the parent, too, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        uvloop.run(members.prepare(settings))
    except (*OWN_WORDS, OSError) as error:
        sender.send(_line(settings, error))


def _child(settings: Settings, certificates: CertificatePaths | None, number: int) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  this is what `_spawn` starts
    from moorage.app import members  # noqa: PLC0415  only where it runs

    try:
        uvloop.run(members.run_beside(settings, certificates, number, parent.sentinel))
    except OWN_WORDS as error:
        sys.exit(f"worker {number}: {error}")


def _supervise(settings: Settings, certificates: CertificatePaths | None, stop: "_Stop") -> None:
    folder = settings.data.resolve() / "metrics"
    prepare_multiprocess(folder)
    # Where the workers count together; prometheus-client looks at it when it is imported.
    os.putenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    children = [_spawn(settings, certificates, number) for number in range(settings.workers)]
    while not stop.is_told:
        time.sleep(LOOK_SECONDS)
        for number, child in enumerate(children):
            if not child.is_alive() and not stop.is_told:
                print(f"worker {number} ended with {child.exitcode}; starting it again", file=sys.stderr)  # noqa: T201  for the person at the terminal
                time.sleep(RESPAWN_SECONDS)
                children[number] = _spawn(settings, certificates, number)
    _end(children, settings.drain + LAST_SECONDS)


@dataclass(slots=True)
class _Stop:
    """What SIGTERM and SIGINT do until a loop looks after them; process 1 is told of none that nobody heeds."""

    preparing: SpawnProcess | None = None
    is_open: bool = False
    is_told: bool = False

    def heed(self, _number: int, _frame: object) -> None:
        """End a server that has not opened its database at once; it may wait for it in a thread, for long."""
        if not self.is_open:
            if self.preparing is not None and self.preparing.pid is not None:
                self.preparing.kill()
            os._exit(0)
        self.is_told = True


def _spawn(settings: Settings, certificates: CertificatePaths | None, number: int) -> SpawnProcess:
    child = CONTEXT.Process(target=_child, args=(settings, certificates, number), name=f"worker-{number}")
    child.start()
    return child


def _end(children: list[SpawnProcess], seconds: float) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + seconds
    for child in children:
        child.join(max(deadline - time.monotonic(), 0))
        if child.is_alive():
            child.kill()
