"""The start and the end of a server: one line when something is in the way, a welcome the first time, quiet after.

    check (folder, certificate, ports) ─▶ first account, welcome ─▶ worker 0 … N-1 ─▶ SIGTERM ─▶ drain ─▶ exit 0

One worker runs in this process; more are processes of their own, started anew when one dies.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path

import uvloop

from moorage.app import worker
from moorage.app.doors import PortTaken, check_free
from moorage.app.locks import SERVER_LOCK, sole
from moorage.app.services import Services, open_services
from moorage.app.welcome import Welcome
from moorage.directories import DirectoriesError
from moorage.domain.errors import MoorageError
from moorage.settings import Settings
from moorage.telemetry import prepare_multiprocess
from moorage.tls import CertificatePaths, TlsError, check_pair, ensure_certificates

RESPAWN_SECONDS = 1.0
LOOK_SECONDS = 0.2
LAST_SECONDS = 5.0


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
                uvloop.run(_run_alone(settings, certificates))
            else:
                uvloop.run(_prepare(settings, stop))
                _supervise(settings, certificates, stop)
    except (TlsError, PortTaken, DirectoriesError, MoorageError) as error:
        raise StartError(str(error)) from error
    except OSError as error:
        raise StartError(f"{error.filename or settings.data}: {error.strerror}") from error


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


async def _welcome(settings: Settings, services: Services) -> None:
    given = settings.admin_password.get_secret_value() if settings.admin_password else None
    Welcome(settings).say(await services.accounts.ensure_admin(given))


async def _run_alone(settings: Settings, certificates: CertificatePaths | None) -> None:
    stopping = asyncio.Event()
    async with open_services(settings) as services:
        worker.install_signals(stopping.set)
        await _welcome(settings, services)
        await worker.run(settings, services, certificates, 0, stopping)


async def _prepare(settings: Settings, stop: "_Stop") -> None:
    """Make the tables and the first account before several workers would."""
    async with open_services(settings) as services:
        stop.is_open = True
        await _welcome(settings, services)


async def _run_child(settings: Settings, certificates: CertificatePaths | None, number: int, parent: int) -> None:
    """Run as one of several, until told to stop or left alone by the process `parent` (what ends with it)."""
    stopping = asyncio.Event()
    worker.install_signals(stopping.set)
    asyncio.get_running_loop().add_reader(parent, stopping.set)
    async with open_services(settings) as services:
        await worker.run(settings, services, certificates, number, stopping)


def _child(settings: Settings, certificates: CertificatePaths | None, number: int) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  this is what `_spawn` starts
    try:
        uvloop.run(_run_child(settings, certificates, number, parent.sentinel))
    except (PortTaken, DirectoriesError, MoorageError) as error:
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

    is_open: bool = False
    is_told: bool = False

    def heed(self, _number: int, _frame: object) -> None:
        """End a server that has not opened its database at once; it may wait for it in a thread, for long."""
        if not self.is_open:
            os._exit(0)
        self.is_told = True


def _spawn(settings: Settings, certificates: CertificatePaths | None, number: int) -> SpawnProcess:
    context = multiprocessing.get_context("spawn")
    child = context.Process(target=_child, args=(settings, certificates, number), name=f"worker-{number}")
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
