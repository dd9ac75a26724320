"""How sizes, times and lists read."""

import pytest

from moorage.ui.words import ago, initials, iso, listed, number, passed, size, visible


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 KB"),
        (1_049, "1.0 KB"),
        (999_940, "999.9 KB"),
        (999_960, "1.0 MB"),
        (128_400_000, "128.4 MB"),
        (38_200_000_000, "38.2 GB"),
        (2_500_000_000_000_000_000, "2,500.0 PB"),
    ],
)
def test_sizes_count_in_thousands_with_one_decimal(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-30, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (725, "12 minutes ago"),
        (3 * 3600, "3 hours ago"),
        (86_400, "yesterday"),
        (3 * 86_400, "3 days ago"),
        (35 * 86_400, "last month"),
        (400 * 86_400, "last year"),
    ],
)
def test_times_read_as_the_script_will_write_them(seconds: float, text: str) -> None:
    assert passed(seconds) == text


def test_a_time_carries_its_moment_for_machines() -> None:
    assert ago(1_795_443_600, 1_795_443_720) == (
        '<time datetime="2026-11-23T14:20:00Z" title="23 Nov 2026, 14:20 UTC" data-rel>2 minutes ago</time>'
    )
    assert iso(0) == "1970-01-01T00:00:00Z"


def test_counts_have_commas_and_the_right_word() -> None:
    assert [number(1, "tag"), number(2318, "tag"), number(0, "registry", "registries"), number(1000)] == [
        "1 tag",
        "2,318 tags",
        "0 registries",
        "1,000",
    ]


def test_lists_read_as_sentences() -> None:
    assert [listed(()), listed("a"), listed("ab"), listed("abc"), listed("abcd", 2)] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "a, b and 2 more",
    ]


@pytest.mark.parametrize(("name", "letters"), [("admin", "AD"), ("mara.voss", "MV"), ("ci-build", "CB"), ("x", "X")])
def test_an_avatar_has_the_letters_of_a_name(name: str, letters: str) -> None:
    assert initials(name) == letters


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\u0085", "\ufeff"])
def test_characters_that_mislead_are_written_out(character: str) -> None:
    assert visible(f"a{character}b") == f"a\\u{ord(character):04x}b"


@pytest.mark.parametrize("text", ["plain", "naïve", "日本語", "שלום", "emoji 🙂", "two\nlines\t"])
def test_other_characters_are_left_alone(text: str) -> None:
    assert visible(text) == text
