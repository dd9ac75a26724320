"""The names of backups."""

from datetime import UTC, datetime

import pytest

from moorage.domain.backup import NAME, name_of

NOW = datetime(2026, 11, 30, 3, 0, 0, 999_999, UTC)


@pytest.mark.parametrize(
    ("last", "name"),
    [
        (None, "20261130T030000Z"),
        ("20261129T030000Z", "20261130T030000Z"),
        ("20261130T030000Z", "20261130T030001Z"),
        ("20270101T000000Z", "20270101T000001Z"),
        ("20261231T235959Z", "20270101T000000Z"),
    ],
)
def test_a_name_is_the_time_and_after_the_last_one_even_if_the_clock_went_back(last: str | None, name: str) -> None:
    assert name_of(NOW, last) == name
    assert NAME.fullmatch(name)
