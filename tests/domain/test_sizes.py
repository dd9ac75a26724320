"""Sizes, as people write them and as they read them."""

import pytest

from moorage.domain.errors import MoorageError
from moorage.domain.sizes import parse_size, size, written


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1", 1),
        ("1048576", 1048576),
        ("50GB", 50_000_000_000),
        ("1.5 tb", 1_500_000_000_000),
        (" 0.1KB ", 100),
        ("0.000001TB", 1_000_000),
        ("999.999999PB", 999_999_999_000_000_000),
    ],
)
def test_a_size_is_a_number_with_a_unit_of_thousands(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize(
    "text", ["", "GB", "-1GB", "0", "0.4B", "1e3", "50GiB", "50 G", "1,5TB", "٣GB", "1001PB", "9" * 16, "none", "1 GB."]
)
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(MoorageError, match="as 500GB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, ("1", "B")),
        (1_500, ("1.5", "KB")),
        (1_000_001, ("1000.001", "KB")),
        (100_000_000_000, ("100", "GB")),
        (1_234_567, ("1234.567", "KB")),
        (12_345_678_901, ("12345678.901", "KB")),
        (10**18, ("1000", "PB")),
    ],
)
def test_a_form_shows_a_size_exactly(count: int, words: tuple[str, str]) -> None:
    assert written(count) == words
    assert parse_size("".join(words)) == count


def test_what_is_shown_is_read_again() -> None:
    for count in (1, 999, 1000, 50_000_000_000, 10**18):
        assert parse_size(size(count).replace(",", "")) == count
