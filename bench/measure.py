"""The run: servers filled, rows taken in turns (A B C A B C …), whatever fails kept beside what was measured."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.certificate import Certificate
from bench.client import Unexpected
from bench.content import Content
from bench.engines import engines, free_port
from bench.figures import Door, Sample, Storage
from bench.rows import Profile, Row
from bench.servers import Place, Server, running
from bench.work import Round, Subject

FAILURES = (Unexpected, OSError, ValueError, KeyError, subprocess.SubprocessError)


@dataclass(slots=True)
class Result:
    """One row at one door on one storage: samples by the server's name, and why a server has none."""

    row: Row
    storage: Storage
    door: Door
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bench:
    """What stays the same for the whole run. `tell` gets a line for whoever waits."""

    servers: Sequence[Server]
    profile: Profile
    rows: Sequence[Row]
    content: Content
    certificate: Certificate
    scratch: Path
    doors: Sequence[Door]
    runs: int
    seconds: int
    tell: Callable[[str], None]

    def measure(self, storage: Storage, folder: Path) -> Iterator[Result]:
        """Yield every row at both doors, with the data below the folder."""
        with engines(folder) if self.profile.has_engines else contextlib.nullcontext() as beside:
            for number, door in enumerate(self.doors):
                with contextlib.ExitStack() as stack:
                    subjects = []
                    for server in self.servers:
                        backing = beside.backing(server.name) if beside else None
                        place = Place(folder / server.name, free_port(), door, self.certificate, backing)
                        found = stack.enter_context(running(server, place))
                        subjects.append(Subject(found, self.content, storage, self.scratch, beside))
                        if number == 0:
                            began = time.perf_counter()
                            self.profile.fill(found, self.content)
                            self.tell(f"filled {server.title} in {time.perf_counter() - began:.1f} s")
                    for row in self.rows:
                        yield self._take(row, subjects, storage, door)

    def _take(self, row: Row, subjects: Sequence[Subject], storage: Storage, door: Door) -> Result:
        result = Result(row, storage, door)
        for subject in subjects:
            with self._noting(result, subject):
                row.work.check(subject)
                result.samples[subject.running.server.name] = []
        for run in range(self.runs):
            turn = Round(f"{storage.value}-{door.value}-{self.rows.index(row)}-{run}", self.seconds)
            for subject in subjects:
                name = subject.running.server.name
                if name not in result.failures:
                    with self._noting(result, subject):
                        result.samples[name].append(row.work.take(subject, turn))
        return result

    @contextlib.contextmanager
    def _noting(self, result: Result, subject: Subject) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            name = subject.running.server.name
            result.failures[name] = f"{type(error).__name__}: {error}"
            result.samples.pop(name, None)
            self.tell(f"{subject.running.server.title} failed: {error}")
