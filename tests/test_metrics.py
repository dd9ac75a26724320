"""Metrics: the numbers of all processes, and each of them documented."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from moorage import __version__
from moorage.services.usage_ports import ServerUse
from moorage.services.verify_records import Damaged, Verification
from moorage.telemetry import Metrics, prepare_multiprocess
from moorage.telemetry.metrics import METHODS, SETTLE_SECONDS

DOCS = Path(__file__).parent.parent / "docs" / "metrics.md"

COUNT = """
import asyncio
from pathlib import Path
from moorage.telemetry import Metrics
metrics = Metrics(Path({folder!r}))
async def run():
    for _ in range({times}):
        metrics.count(method="GET", route="blob", status=200, seconds=0.01, sent=3, received=0)
    metrics.settle()
asyncio.run(run())
if {show}:
    print(metrics.render()[0].decode())
"""


def in_processes(folder: Path) -> Callable[..., str]:
    def run(times: int, *, show: bool) -> str:
        code = COUNT.format(folder=str(folder), times=times, show=show)
        env = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
        return subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True).stdout

    return run


def test_every_process_shows_the_numbers_of_all_of_this_run(tmp_path: Path) -> None:
    prepare_multiprocess(tmp_path / "metrics")
    run = in_processes(tmp_path / "metrics")
    run(2, show=False)
    shown = run(3, show=True)
    assert 'moorage_requests_total{method="GET",route="blob",status="200"} 5.0' in shown
    assert "moorage_bytes_sent_total 15.0" in shown
    assert 'moorage_request_seconds_bucket{le="0.01",route="blob"} 5.0' in shown
    assert f'version="{__version__}"}} 1.0' in shown
    prepare_multiprocess(tmp_path / "metrics")
    assert 'status="200"} 1.0' in run(1, show=True)


def test_sharing_numbers_that_would_get_lost_is_refused(tmp_path: Path) -> None:
    prepare_multiprocess(tmp_path)
    with pytest.raises(RuntimeError, match="PROMETHEUS_MULTIPROC_DIR"):
        Metrics(tmp_path)


async def count_one(metrics: Metrics) -> None:
    metrics.count(method="GET", route="other", status=200, seconds=0.1, sent=1, received=1)


def test_every_metric_is_documented_as_it_is() -> None:
    metrics = Metrics()
    metrics.verification(Verification(None, None, Damaged(0, 0)), 0)
    metrics.quotas({})
    metrics.server_quota(ServerUse(0, None))
    asyncio.run(count_one(metrics))
    body, content_type = metrics.render()
    assert content_type.startswith("text/plain")
    expected = []
    for family in text_string_to_metric_families(body.decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        shown = ", ".join(f"`{label}`" for label in labels) or "none"
        expected.append(f"| `{name}` | {family.type} | {shown} | {family.documentation} |")
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| `moorage_")]
    assert rows == expected
    assert ", ".join(sorted(METHODS)) in DOCS.read_text()


def test_a_count_is_shared_within_a_moment_without_being_asked_for() -> None:
    metrics = Metrics()

    async def run() -> None:
        await count_one(metrics)
        await asyncio.sleep(SETTLE_SECONDS * 1.5)

    asyncio.run(run())
    assert metrics.registry.get_sample_value("moorage_bytes_sent_total") == 1
