"""Numbers for Prometheus, of one process or of all that serve together."""

import asyncio
import os
import platform
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from moorage import __version__
from moorage.domain.quota import Level
from moorage.domain.room import Room
from moorage.services.usage_ports import ServerUse
from moorage.services.verify_records import Verification

SETTLE_SECONDS = 1.0
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0)


class Metrics:
    """The numbers of the server, all of them in docs/metrics.md.

    `multiprocess` is the folder that several processes share their numbers through: the one PROMETHEUS_MULTIPROC_DIR
    named when this module was first imported. RuntimeError if it was not set then.
    """

    def __init__(self, multiprocess: Path | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # prometheus-client leaves its types out
        self._multiprocess = multiprocess
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "moorage_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "moorage_request_seconds",
            "How long requests took, from their headers to the last byte of the answer.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._sent = Counter("moorage_bytes_sent", "Bytes of answers' bodies.", registry=self.registry)
        self._received = Counter("moorage_bytes_received", "Bytes of requests' bodies.", registry=self.registry)
        self._damaged = self._gauge("moorage_damaged", "Content that is damaged now.", "kind")
        self._round = self._gauge("moorage_verification_share", "How much of the round under way is done, from 0 to 1.")
        self._ended = self._gauge(
            "moorage_verification_ended_seconds", "When the last round of verification ended, in Unix seconds."
        )
        self._verified = Counter("moorage_verified_bytes", "Bytes read by verification.", registry=self.registry)
        self._quotas = self._gauge("moorage_quotas", "Registries with a quota, by how full they are.", "level")
        self._held = self._gauge("moorage_held_bytes", "What all registries hold together, every layer once.")
        self._limit = self._gauge("moorage_quota_bytes", "How much that may be, 0 for any.")
        self._disk = self._gauge("moorage_disk_bytes", "What the disk has that blobs lie on, 0 for unknown.")
        self._free = self._gauge("moorage_disk_free_bytes", "What is free of that.")
        self._cleaned = self._gauge("moorage_collected_seconds", "When the last collection ended, in Unix seconds.")
        build = Gauge(
            "moorage_build_info",
            "1, with the version of Moorage and of Python as labels.",
            ["version", "python"],
            registry=self.registry,
            multiprocess_mode="max",
        )
        build.labels(__version__, platform.python_version()).set(1)
        if multiprocess is not None and not any(multiprocess.glob(f"*_{os.getpid()}.db")):
            raise RuntimeError("PROMETHEUS_MULTIPROC_DIR must be set before the process starts")
        self._counted: dict[tuple[str, str, int], int] = {}
        self._times: dict[str, list[float]] = {}
        self._bytes = [0, 0]

    def count(self, *, method: str, route: str, status: int, seconds: float, sent: int, received: int) -> None:
        """Count a request that is over; `route` must be one of few values, the method may be anything."""
        if not self._counted:
            asyncio.get_running_loop().call_later(SETTLE_SECONDS, self.settle)
        key = (method if method in METHODS else "other", route, status)
        self._counted[key] = self._counted.get(key, 0) + 1
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = [0.0] * (len(BUCKETS) + 2)
        times[bisect_left(BUCKETS, seconds)] += 1
        times[-1] += seconds
        self._bytes[0] += sent
        self._bytes[1] += received

    def settle(self) -> None:
        """Hand what was counted since last time to Prometheus' own objects: slow ones, that processes may share."""
        counted, times, (sent, received) = self._counted, self._times, self._bytes
        self._counted, self._times, self._bytes = {}, {}, [0, 0]
        for key, number in counted.items():
            self._requests.labels(*key).inc(number)
        for route, (*buckets, seconds) in times.items():
            histogram = self._seconds.labels(route)
            histogram._sum.inc(seconds)  # noqa: SLF001 - in public a histogram takes one value at a time
            for bucket, hits in zip(histogram._buckets, buckets, strict=True):  # noqa: SLF001 - likewise
                bucket.inc(hits)
        self._sent.inc(sent)
        self._received.inc(received)

    def verification(self, found: Verification, read: int) -> None:
        """Take the numbers of verification, and how many bytes were read since the last time."""
        self._damaged.labels("blob").set(found.damaged.blobs)
        self._damaged.labels("image").set(found.damaged.images)
        self._round.set(found.open.share if found.open else 0)
        self._ended.set(found.last.ended_at or 0 if found.last else 0)
        self._verified.inc(read)

    def quotas(self, found: Mapping[Level, int]) -> None:
        """Take how many registries are how full."""
        for level in (Level.ROOM, Level.WARNING, Level.FULL):
            self._quotas.labels(level.value).set(found.get(level, 0))

    def server_quota(self, found: ServerUse) -> None:
        """Take what the server holds, and may hold."""
        self._held.set(found.used)
        self._limit.set(found.quota or 0)

    def space(self, room: Room | None, ended_at: float | None) -> None:
        """Take what room is left, and when a collection ended."""
        self._disk.set(room.total if room else 0)
        self._free.set(room.free if room else 0)
        self._cleaned.set(ended_at or 0)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """Make a number that one process of a server tells for all."""
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode="mostrecent")

    def render(self) -> tuple[bytes, str]:
        """Return the numbers of all processes in Prometheus' text form, and its content type."""
        self.settle()
        registry = self.registry
        if self._multiprocess is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(self._multiprocess))  # type: ignore[no-untyped-call] # likewise
        return generate_latest(registry), CONTENT_TYPE_LATEST


def prepare_multiprocess(folder: Path) -> None:
    """Make the folder for `Metrics`, empty of what an earlier run left: before any process of this run counts."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.db"):
        stale.unlink()
