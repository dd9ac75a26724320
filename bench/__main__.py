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

from bench import machine
from bench.certificate import Certificate, make_certificate
from bench.client import HOST, Unexpected
from bench.content import make_content
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
    servers = [server for server in SERVERS if server.name in options.servers]
    if lines := machine.missing(servers, [FOLDERS[storage] for storage in options.storages]):
        print("\n".join(lines), file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _end)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    results: list[Result] = []
    is_whole = False
    with tempfile.TemporaryDirectory(prefix="bench-", dir=machine.SHM) as name:
        scratch = Path(name)
        certificate = make_certificate(scratch)
        report = Report(servers, machine.machine(), _versions(servers), _commands(servers, certificate), results)
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
    content = make_content(run.scratch)
    rows = [row for row in PROFILES[options.profile](content) if options.rows.search(row.name)]
    if not rows:
        raise Unexpected(f"no row's name has {options.rows.pattern!r}")
    bench = Bench(
        run.servers,
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


def _commands(servers: Sequence[Server], certificate: Certificate) -> dict[str, str]:
    """Return how each is started, with DATA for its folder and PORT for its port."""
    folder = certificate.path.parent
    place = Place(folder, 0, Door.TLS, certificate)
    commands = {}
    for server in servers:
        words = [Path(server.program).name, *server.command(server.program, place)[1:]]
        commands[server.name] = shlex.join(words).replace(f"{HOST}:0", f"{HOST}:PORT").replace(str(folder), "DATA")
    return commands


def _tell(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
