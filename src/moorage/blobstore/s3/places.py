"""Places in a bucket, as the database keeps them.

ID                          an upload without bytes, or whatever there is of one
ID NAME:LENGTH NAME:LENGTH  an upload in pieces, each an object; `<` instead of `:` is one of which only so much counts
ID/NAME                     a blob
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from moorage.blobstore import UPLOAD_ID, is_upload
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.leftover_ports import Lying

NAME = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
PIECE = re.compile(rf"({NAME.pattern})([:<])([0-9]{{1,15}})", re.ASCII)
BLOB = re.compile(rf"({UPLOAD_ID.pattern})/({NAME.pattern})", re.ASCII)


BLOBS = "blobs/"
"""What the key of every object begins with."""


def folder_of(upload_id: str) -> str:
    """Return the key under which all objects of an upload lie; two characters spread the folders of file systems."""
    return f"{BLOBS}{upload_id[:2]}/{upload_id}/"


@dataclass(frozen=True, slots=True)
class Piece:
    """An object of which the first `length` bytes count; all of them where it `is_whole`."""

    name: str
    length: int
    is_whole: bool = True

    def __str__(self) -> str:
        return f"{self.name}{':' if self.is_whole else '<'}{self.length}"


@dataclass(frozen=True, slots=True)
class Pieces:
    """An upload: what its pieces hold, one after the other, is its bytes."""

    upload_id: str
    pieces: tuple[Piece, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.upload_id, *map(str, self.pieces)))

    def key(self, name: str) -> str:
        """Return the key of an object of this upload."""
        return folder_of(self.upload_id) + name

    def first(self, size: int) -> "Pieces":
        """Return the first `size` bytes; BLOB_UPLOAD_UNKNOWN when fewer are here."""
        kept: list[Piece] = []
        for piece in self.pieces:
            if size == 0:
                break
            length = min(size, piece.length)
            kept.append(Piece(piece.name, length, piece.is_whole and length == piece.length))
            size -= length
        if size:
            raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)
        return Pieces(self.upload_id, tuple(kept))

    def followed_by(self, pieces: Iterable[Piece]) -> "Pieces":
        """Return the upload with more pieces."""
        return Pieces(self.upload_id, (*self.pieces, *pieces))


def parse_pieces(place: str) -> Pieces:
    """Read an upload's place; BLOB_UPLOAD_UNKNOWN for what is none."""
    upload_id, *written = place.split(" ")
    found = [PIECE.fullmatch(piece) for piece in written]
    pieces = tuple(Piece(match[1], int(match[3]), match[2] == ":") for match in found if match is not None)
    if not is_upload(upload_id) or len(pieces) != len(written):
        raise MoorageError(ErrorCode.BLOB_UPLOAD_UNKNOWN)
    return Pieces(upload_id, pieces)


def blob_key(place: str) -> str:
    """Return the key of a blob's object; BLOB_UNKNOWN for a place that is in no bucket."""
    match = BLOB.fullmatch(place)
    if match is None:
        raise MoorageError(ErrorCode.BLOB_UNKNOWN)
    return folder_of(match[1]) + match[2]


def lying_at(key: str, size: int) -> Lying | None:
    """Return what an object is to the database; None for a key that is none of ours."""
    upload_id, _, name = key.removeprefix(BLOBS).partition("/")[2].partition("/")
    blob = f"{upload_id}/{name}"
    if BLOB.fullmatch(blob) is None or key != folder_of(upload_id) + name:
        return None
    return Lying(blob, size, upload_id, f"{upload_id} {Piece(name, size)}")


def reclaimed(place: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the folder of which all goes, and keys that go, for a place that nothing leads to any more.

    A blob takes its upload's folder with it: whatever a crash has left there was for it.
    """
    blob = BLOB.fullmatch(place)
    if blob is not None:
        return folder_of(blob[1]), ()
    try:
        upload = parse_pieces(place)
    except MoorageError:
        return None, ()
    if not upload.pieces:
        return folder_of(upload.upload_id), ()
    return None, tuple(upload.key(piece.name) for piece in upload.pieces)
