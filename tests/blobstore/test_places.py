"""Places in a bucket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.blobstore.s3.places import Piece, Pieces, blob_key, parse_pieces, reclaimed
from moorage.domain.errors import ErrorCode, MoorageError

NAMES = st.text("abcXYZ019_-", min_size=1, max_size=32)
PIECES = st.builds(Piece, NAMES, st.integers(1, 10**14), st.booleans())
UPLOADS = st.builds(Pieces, NAMES, st.lists(PIECES, max_size=4).map(tuple))


@given(UPLOADS)
def test_a_place_is_read_as_it_was_written(upload: Pieces) -> None:
    assert parse_pieces(str(upload)) == upload


@given(UPLOADS, st.data())
def test_the_first_bytes_of_an_upload_are_those_and_no_more(upload: Pieces, data: st.DataObject) -> None:
    whole = sum(piece.length for piece in upload.pieces)
    size = data.draw(st.integers(0, whole))
    first = upload.first(size)
    assert sum(piece.length for piece in first.pieces) == size
    assert [piece.name for piece in first.pieces] == [piece.name for piece in upload.pieces[: len(first.pieces)]]
    cut = [here.length != there.length for here, there in zip(first.pieces, upload.pieces, strict=False)]
    assert [piece.is_whole for piece in first.pieces] == [
        there.is_whole and not is_cut for there, is_cut in zip(upload.pieces, cut, strict=False)
    ]
    with pytest.raises(MoorageError) as failed:
        upload.first(whole + 1)
    assert failed.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN


@pytest.mark.parametrize("place", ["", " ", "a/b", "id name", "id name:", "id name:1 ", "id  name:1", "id ../x:1", "ä"])
def test_what_is_no_place_of_an_upload_is_unknown(place: str) -> None:
    with pytest.raises(MoorageError) as failed:
        parse_pieces(place)
    assert failed.value.error is ErrorCode.BLOB_UPLOAD_UNKNOWN


@pytest.mark.parametrize("place", ["", "id", "sha256:abc", "id/../x", "id/name/more", "/name", "id/"])
def test_what_is_no_place_of_a_blob_is_unknown(place: str) -> None:
    with pytest.raises(MoorageError) as failed:
        blob_key(place)
    assert failed.value.error is ErrorCode.BLOB_UNKNOWN


def test_a_blob_or_an_upload_goes_with_its_folder_and_leftovers_go_alone() -> None:
    assert blob_key("upload/name") == "blobs/up/upload/name"
    assert reclaimed("upload/name") == reclaimed("upload") == ("blobs/up/upload/", ())
    assert reclaimed("upload one:1 two<2") == (None, ("blobs/up/upload/one", "blobs/up/upload/two"))


@pytest.mark.parametrize("place", ["", "/", "..", "../x", "sha256:abc", " a:1", "a b"])
def test_nothing_goes_for_what_is_no_place(place: str) -> None:
    assert reclaimed(place) == (None, ())
