"""Byte ranges of a GET: one part, the whole, or nothing to send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.byterange import select
from moorage.domain.errors import ErrorCode
from tests.domain.refusals import refusal

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-", (0, 1000)),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-999", (0, 1000)),
        ("bytes=0-1000", (0, 1000)),
        ("bytes=999-", (999, 1)),
        ("bytes=500-599", (500, 100)),
        ("bytes=-1", (999, 1)),
        ("bytes=-1000", (0, 1000)),
        ("bytes=-999999999999999999", (0, 1000)),
        ("bytes= 1-2 ", (1, 2)),
    ],
)
def test_one_range_selects_a_part(header: str, part: tuple[int, int]) -> None:
    assert select(header, SIZE) == part


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "bytes=0-1,",
        "lines=0-1",
        "Bytes 0-1",
        "bytes=0x0-0x1",
        "bytes=1_0-2_0",
        "bytes=٣-",
        "bytes=+0-1",
        "bytes=--1",
        "bytes=0-1\n",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_what_is_not_understood_gets_the_whole(header: str | None) -> None:
    assert select(header, SIZE) is None


@pytest.mark.parametrize(
    "header", ["bytes=1000-", "bytes=1000-1001", "bytes=999999999999999999-", "bytes=-0", "bytes=5-4"]
)
def test_a_range_of_nothing_cannot_be_satisfied(header: str) -> None:
    assert refusal(select, header, SIZE) is ErrorCode.RANGE_UNSATISFIABLE


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-8388607", "bytes=-5"])
def test_an_empty_blob_is_sent_whole_to_clients_that_always_ask_for_ranges(header: str) -> None:
    assert select(header, 0) is None


@given(st.text() | st.text("bytes=0123456789-, ٣_", max_size=24), st.integers(0, 2**63 - 1))
def test_any_header_selects_bytes_that_exist_or_is_refused(header: str, size: int) -> None:
    error = refusal(select, header, size)
    assert error in {None, ErrorCode.RANGE_UNSATISFIABLE}
    part = None if error else select(header, size)
    if part is not None:
        start, length = part
        assert 0 <= start < size
        assert 1 <= length <= size - start


@given(st.integers(1, 2**59), st.data())
def test_consecutive_ranges_cover_the_whole(size: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, size - 1))
    head, tail = select(f"bytes=0-{cut}", size), select(f"bytes={cut}-", size)
    assert head == (0, cut + 1)
    assert tail == (cut, size - cut)
    assert select(f"bytes=-{size - cut}", size) == tail
