"""What is done once a day."""

import pytest

from moorage.jobs.daily import DAY, Daily

AT_TWO = 120
MIDNIGHT = 1_000 * DAY
HOUR = 3600


@pytest.mark.parametrize(
    ("ran", "now", "runs"),
    [
        (MIDNIGHT - 22 * HOUR, MIDNIGHT + 2 * HOUR, True),
        (MIDNIGHT - 22 * HOUR, MIDNIGHT + 2 * HOUR - 1, False),
        (MIDNIGHT + 2 * HOUR, MIDNIGHT + 3 * HOUR, False),
        (MIDNIGHT - 100 * HOUR, MIDNIGHT + HOUR, True),
        (MIDNIGHT + 2 * HOUR, MIDNIGHT + 26 * HOUR, True),
    ],
)
async def test_it_runs_when_its_time_has_passed_since_it_ran(ran: float, now: float, *, runs: bool) -> None:
    done: list[str] = []

    async def ran_at() -> float:
        return ran

    async def run() -> None:
        done.append("run")

    await Daily(AT_TWO, ran_at, run, lambda: now).look()
    assert bool(done) is runs
