"""Uploads: where a piece may begin, and what it must bring."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.digest import Algorithm, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.upload import (
    Piece,
    Upload,
    check_digest,
    check_length,
    check_start,
    parse_piece,
    range_of,
)
from tests.domain.refusals import refusal

NO_RANGES = [
    "",
    "0",
    "-",
    "0-",
    "-5",
    "bytes=0-3",
    "0-3,5-9",
    "3-0",
    "1-0",
    "0--1",
    "+0-3",
    " 0-3",
    "0-3\n",
    "0 - 3",
    "0-1_0",
    "\u0660-\u0663",
    "0x0-0x3",
    "0-3/4/5",
    "1e3-2e3",
    "0-" + "9" * 19,
    "items 0-3/4",
]


def upload(size: int) -> Upload:
    return Upload("id", 1, "ann", Algorithm.SHA256, size, None, 0.0, "id")


@pytest.mark.parametrize(("size", "text"), [(0, "0-0"), (1, "0-0"), (2, "0-1"), (10 * 2**30, "0-10737418239")])
def test_a_session_s_range_is_inclusive(size: int, text: str) -> None:
    assert range_of(size) == text


@pytest.mark.parametrize("content_range", NO_RANGES)
@pytest.mark.parametrize("content_length", [None, 0, 4])
def test_what_is_no_range_is_refused(content_range: str, content_length: int | None) -> None:
    assert refusal(parse_piece, content_range, content_length) is ErrorCode.RANGE_INVALID


@pytest.mark.parametrize("text", ["4-9", "bytes 4-9", "4-9/10", "bytes 4-9/*"])
@pytest.mark.parametrize("content_length", [None, 6])
def test_a_range_says_where_a_piece_begins_and_how_long_it_is(text: str, content_length: int | None) -> None:
    assert parse_piece(text, content_length) == Piece(4, 6)


@pytest.mark.parametrize("content_length", [0, 5, 7])
def test_a_range_and_a_length_that_disagree_are_refused(content_length: int) -> None:
    assert refusal(parse_piece, "4-9", content_length) is ErrorCode.RANGE_INVALID


@pytest.mark.parametrize("content_length", [None, 0, 6])
def test_a_piece_without_a_range_goes_on_wherever_the_upload_stands(content_length: int | None) -> None:
    piece = parse_piece(None, content_length)
    assert piece == Piece(None, content_length)
    assert refusal(check_start, upload(12), piece) is None


@given(st.integers(0, 2**60), st.integers(0, 2**60))
def test_a_piece_begins_where_the_upload_stands_or_not_at_all(size: int, start: int) -> None:
    error = refusal(check_start, upload(size), Piece(start, 1))
    assert error is (None if start == size else ErrorCode.RANGE_INVALID)


def test_a_piece_out_of_order_is_told_where_to_go_on() -> None:
    with pytest.raises(MoorageError) as refused:
        check_start(upload(4), Piece(6, 2))
    assert refused.value.detail == {"range": "0-3"}


@given(st.integers(0, 10**17), st.integers(1, 10**17))
def test_pieces_after_one_another_are_read_as_they_were_meant(start: int, length: int) -> None:
    piece = parse_piece(f"{start}-{start + length - 1}", length)
    assert piece == Piece(start, length)
    assert refusal(check_length, piece, length) is None
    assert refusal(check_length, piece, length - 1) is ErrorCode.SIZE_INVALID
    assert refusal(check_length, piece, length + 1) is ErrorCode.SIZE_INVALID


def test_a_piece_that_announced_nothing_may_have_any_length() -> None:
    assert refusal(check_length, Piece(), 0) is None
    assert refusal(check_length, Piece(), 2**40) is None


@given(st.text() | st.text("0123456789-/* bytes=٣_+", max_size=24), st.none() | st.integers(0, 2**60))
def test_any_header_is_a_piece_of_at_least_a_byte_or_is_refused(text: str, content_length: int | None) -> None:
    error = refusal(parse_piece, text, content_length)
    assert error in {None, ErrorCode.RANGE_INVALID}
    if error is None:
        piece = parse_piece(text, content_length)
        assert piece.start is not None
        assert piece.start >= 0
        assert piece.length is not None
        assert piece.length >= 1


def test_another_content_than_the_digest_says_is_refused() -> None:
    assert refusal(check_digest, digest_of(b"a"), digest_of(b"a")) is None
    assert refusal(check_digest, digest_of(b"a"), digest_of(b"b")) is ErrorCode.DIGEST_INVALID
    assert refusal(check_digest, digest_of(b"a"), digest_of(b"a", Algorithm.SHA512)) is ErrorCode.DIGEST_INVALID
