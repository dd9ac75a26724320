"""Measure: `python -m bench --help`."""

import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from bench import engines, machine
from bench.certificate import Certificate, make_certificate
from bench.client import HOST, Unexpected
from bench.engines import Backing
from bench.figures import Door, Storage
from bench.measure import Bench, Result
from bench.options import Options, parse
from bench.report import WIDTH, Report, one_line
from bench.rows import PROFILES
from bench.servers import SERVERS, Place, Server

FOLDERS = {Storage.TMPFS: machine.SHM, Storage.DISK: machine.DISK}
INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Measure what the arguments ask for; return the exit code."""
    options = parse(arguments, [server.name for server in SERVERS])
    profile = PROFILES[options.profile]
    servers = [server for server in SERVERS if server.name in options.servers and server.name in profile.servers]
    folders = [FOLDERS[storage] for storage in options.storages]
    if lines := machine.missing(servers, folders, needs_engines=profile.has_engines):
        print("\n".join(lines), file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _end)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    results: list[Result] = []
    is_whole = False
    with tempfile.TemporaryDirectory(prefix="bench-", dir=machine.SHM) as name:
        scratch = Path(name)
        certificate = make_certificate(scratch)
        told = machine.machine() | (engines.versions() if profile.has_engines else {})
        commands = _commands(servers, certificate, has_engines=profile.has_engines)
        report = Report(servers, told, _versions(servers), commands, results)
        try:
            _measure(options, Run(servers, scratch, certificate), results)
            is_whole = True
        except KeyboardInterrupt:
            _tell("interrupted; this is what there is")
        except Unexpected as error:
            _tell(f"given up: {error}")
            return 1
    _write(report, options, console)
    if not is_whole:
        return INTERRUPTED
    return 1 if any(result.failures for result in results) else 0


@dataclass(frozen=True, slots=True)
class Run:
    """The servers of a run, and where its own files are."""

    servers: Sequence[Server]
    scratch: Path
    certificate: Certificate


def _measure(options: Options, run: Run, results: list[Result]) -> None:
    profile = PROFILES[options.profile]
    content = profile.make(run.scratch)
    rows = [row for row in profile.rows(content) if options.rows.search(row.name)]
    if not rows:
        raise Unexpected(f"no row's name has {options.rows.pattern!r}")
    bench = Bench(
        run.servers,
        profile,
        rows,
        content,
        run.certificate,
        run.scratch,
        options.doors,
        options.runs,
        options.seconds,
        _tell,
    )
    for storage in options.storages:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=FOLDERS[storage]) as name:
            for result in bench.measure(storage, Path(name)):
                results.append(result)
                _tell(one_line(result))


def _write(report: Report, options: Options, console: Console) -> None:
    report.show(console)
    if options.json:
        report.write_json(options.json)
    if options.markdown:
        report.write_markdown(options.markdown)


def _versions(servers: Sequence[Server]) -> dict[str, str]:
    return {server.name: server.version(server.find() or server.program) for server in servers}


def _commands(servers: Sequence[Server], certificate: Certificate, *, has_engines: bool) -> dict[str, str]:
    """Return how each is started, and the file that it reads, with DATA for its folder and PORT for its port."""
    folder = certificate.path.parent
    backing = Backing(f"http://{HOST}:0", "BUCKET", f"postgresql://bench@{HOST}:0/DATABASE") if has_engines else None
    place = Place(folder, 0, Door.TLS, certificate, backing)
    commands = {}
    for server in servers:
        launch = server.launch(server.program, place)
        variables = [f"{name}={shlex.quote(value)}" for name, value in launch.environment.items()]
        text = " ".join([*variables, Path(server.program).name, shlex.join(launch.words[1:])])
        if launch.file:
            text += f"; {' '.join(launch.file.split())}"
        commands[server.name] = text.replace(f"{HOST}:0", f"{HOST}:PORT").replace(str(folder), "DATA")
    return commands


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
