"""Whether there is room under a quota, and what people are told when there is none."""

import pytest

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.quota import Allowance, Level, check_quota, check_warning, note

HALF_FULL = Allowance("DMC", 100, 50)


def test_the_last_byte_fits_and_the_next_one_does_not() -> None:
    HALF_FULL.check(50)
    with pytest.raises(MoorageError) as refused:
        HALF_FULL.check(51)
    assert refused.value.error is ErrorCode.TOO_LARGE_FOR_QUOTA


@pytest.mark.parametrize("used", [100, 130])
def test_a_full_registry_takes_nothing_but_what_has_no_bytes(used: int) -> None:
    full = Allowance("DMC", 100, used)
    full.check(0)
    for check in (full.check_begins, lambda: full.check(1)):
        with pytest.raises(MoorageError) as refused:
            check()
        assert refused.value.error is ErrorCode.QUOTA_REACHED


def test_a_refusal_says_the_limit_what_is_in_use_and_what_to_do() -> None:
    with pytest.raises(MoorageError) as refused:
        Allowance("DMC", 50_000_000_000, 49_800_000_000).check(500_000_000)
    assert refused.value.message == (
        "500.0 MB does not fit into DMC: 49.8 GB of its quota of 50.0 GB are in use, and 200.0 MB are left. "
        "Delete what nobody needs, or ask an administrator of the server for a larger quota"
    )


@pytest.mark.parametrize(
    ("used", "warning", "level"),
    [
        (79, 80, Level.ROOM),
        (80, 80, Level.WARNING),
        (99, 80, Level.WARNING),
        (99, 0, Level.ROOM),
        (99, 100, Level.ROOM),
        (100, 0, Level.FULL),
        (101, 80, Level.FULL),
    ],
)
def test_it_warns_from_its_percentage_on(used: int, warning: int, level: Level) -> None:
    assert Allowance("DMC", 100, used, warning).level is level


def test_a_quota_below_what_is_in_use_says_how_much_has_to_go() -> None:
    assert note(Allowance("DMC", 1_000_000_000, 2_200_000_000)) == "Pushes are refused until 1.2 GB is freed"
    assert note(HALF_FULL) == ""


def test_what_is_no_quota_and_no_percentage_is_refused() -> None:
    check_quota(None)
    check_quota(1)
    for quota in (0, -1, 10**18 + 1):
        with pytest.raises(MoorageError, match="a quota is"):
            check_quota(quota)
    for warning in (-1, 101):
        with pytest.raises(MoorageError, match="percent"):
            check_warning(warning)
