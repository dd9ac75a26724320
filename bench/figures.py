"""Numbers: one measurement, what several of them amount to, and how they are written."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Door(Enum):
    """How a client comes in."""

    PLAIN = "plain"
    TLS = "tls"


class Storage(Enum):
    """Where a server keeps its data."""

    TMPFS = "tmpfs"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Unit:
    """How values are shown: divided by `scale`. CPU per piece of work is shown likewise, where `cpu_label` is given."""

    label: str
    scale: float
    is_less_better: bool = False
    cpu_label: str = ""
    cpu_scale: float = 1.0


REQUESTS = Unit("/s", 1, cpu_label="µs each", cpu_scale=1e-6)
BYTES = Unit("MB/s", 1e6, cpu_label="ms/GB", cpu_scale=1e-12)
SECONDS = Unit("ms", 1e-3, is_less_better=True)
MICROSECONDS = Unit("µs", 1e-6, is_less_better=True)
MEMORY = Unit("MB", 1e6, is_less_better=True)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement in base units: requests/s, bytes/s, seconds or bytes.

    `work` counts the requests or bytes that `cpu` seconds of the server went into, `resident` the bytes of memory that
    it had afterwards; all are 0 where that says nothing.
    """

    value: float
    work: float = 0.0
    cpu: float = 0.0
    resident: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """What the samples of one server and row amount to.

    `cpu` is seconds per request or byte, if any, `resident` the largest memory, in bytes.
    """

    median: float
    low: float
    high: float
    cpu: float | None
    resident: int = 0


def summarize(samples: Sequence[Sample]) -> Summary:
    """Return median, smallest and largest value, and CPU over all work; there must be a sample."""
    values = [sample.value for sample in samples]
    work = sum(sample.work for sample in samples)
    cpu = sum(sample.cpu for sample in samples) / work if work else None
    resident = max(sample.resident for sample in samples)
    return Summary(statistics.median(values), min(values), max(values), cpu, resident)


def number(value: float) -> str:
    """Return a number with about three digits that count: 45,100 or 187 or 4.07."""
    size = abs(value)
    for limit, step in ((10_000, 100), (1_000, 10)):
        if size >= limit:
            return f"{round(value / step) * step:,}"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"  # noqa: PLR2004  digits


def written(value: float, unit: Unit) -> str:
    """Return a value in its unit, without the unit's name."""
    return number(value / unit.scale)


def spread(summary: Summary, unit: Unit) -> str:
    """Return smallest and largest value, CPU of one piece of work and memory: `44,900-45,400 · 21 µs each · 90 MB`."""
    text = f"{written(summary.low, unit)}–{written(summary.high, unit)}"
    if summary.cpu is not None and unit.cpu_label:
        text += f" · {number(summary.cpu / unit.cpu_scale)} {unit.cpu_label}"
    if summary.resident:
        text += f" · {written(summary.resident, MEMORY)} {MEMORY.label}"
    return text


def ratio(summary: Summary, baseline: Summary | None) -> str:
    """Return how a median compares with the baseline's, as `×3.41`; nothing without a baseline."""
    if baseline is None or not baseline.median:
        return ""
    return f"×{summary.median / baseline.median:.2f}"
