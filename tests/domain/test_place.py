"""Places in lists by time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.errors import ErrorCode
from moorage.domain.place import Place, is_place, read_place
from tests.domain.refusals import refusal


@given(st.floats(min_value=1.0, max_value=4e9), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_a_place_is_read_as_it_was_written(at: float, key: str) -> None:
    assert read_place(str(Place(at, key))) == Place(at, key)
    assert is_place(str(Place(at, key)))


def test_no_place_is_the_beginning() -> None:
    assert read_place("") is None


@pytest.mark.parametrize(
    "text", ["v1", "1-", "1.5", "1.5-", "1.5-\0", "nan-v1", "inf-v1", "-1.5-v1", "1e9-v1", "\u0663.5-v1", "1.5 -v1"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    assert refusal(read_place, text) is ErrorCode.VALUE_INVALID
    assert not is_place(text)
