"""When room on a disk is scarce."""

import pytest

from moorage.domain.room import Room, Scarcity


@pytest.mark.parametrize(
    ("free", "scarcity"),
    [
        (1000, Scarcity.PLENTY),
        (100, Scarcity.PLENTY),
        (99, Scarcity.LOW),
        (30, Scarcity.LOW),
        (29, Scarcity.SHORT),
        (0, Scarcity.SHORT),
    ],
)
def test_below_ten_percent_room_is_low_and_below_three_short(free: int, scarcity: Scarcity) -> None:
    assert Room(1000, free).scarcity is scarcity


def test_a_disk_that_tells_no_size_is_not_short() -> None:
    assert Room(0, 0).scarcity is Scarcity.PLENTY
