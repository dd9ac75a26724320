"""strace on a running server: what it asks of the kernel in which order, and faults put in between."""

import contextlib
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.process.server import Running

DETACH_SECONDS = 3

# A call that another thread interrupts is told in two lines.
BEGUN = re.compile(r"(?P<thread>\d+) +(?P<call>\w+\(.*) <unfinished \.\.\.>")
RESUMED = re.compile(r"(?P<thread>\d+) +<\.\.\. \w+ resumed>(?P<rest>.*)")
WHOLE = re.compile(r"(?P<thread>\d+) +(?P<call>\w+\(.*)")


@contextlib.contextmanager
def traced(running: Running, output: Path, *options: str) -> Iterator[None]:
    """Watch all threads of a server from outside; the lines are in `output` afterwards."""
    command = ["strace", "-f", "-y", "-s", "64", "-o", str(output), *options, "-p", str(running.process.pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        assert tracer.stderr is not None
        assert b"attached" in tracer.stderr.readline()
        yield
    finally:
        # A tracer whose server a fault has killed may wait for ever; one that is asked lets a living server go.
        tracer.send_signal(signal.SIGINT)
        try:
            tracer.communicate(timeout=DETACH_SECONDS)
        except subprocess.TimeoutExpired:
            tracer.kill()
            tracer.communicate()


def calls(output: Path) -> list[str]:
    """Return the calls that were made, `name(arguments) = result`, in the order of their ends."""
    begun: dict[str, str] = {}
    ended: list[str] = []
    for line in output.read_text(errors="replace").splitlines():
        if (found := BEGUN.match(line)) is not None:
            begun[found["thread"]] = found["call"]
        elif (found := RESUMED.match(line)) is not None:
            ended.append(begun.pop(found["thread"], "") + found["rest"])
        elif (found := WHOLE.match(line)) is not None:
            ended.append(found["call"])
    return ended
