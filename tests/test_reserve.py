"""Room that is kept for the day the disk is full."""

from pathlib import Path

import pytest

from moorage.app.reserve import RESERVE, Reserve
from moorage.blobstore.filesystem import FileBlobStore
from moorage.domain.digest import Algorithm
from moorage.domain.errors import ErrorCode, MoorageError
from tests.contracts.bodies import body


def test_it_is_kept_given_away_once_and_kept_again(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    assert not reserve.give()
    assert reserve.is_kept()
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [RESERVE]
    assert reserve.give()
    assert not reserve.give()
    assert list(tmp_path.iterdir()) == []
    assert reserve.is_kept()


def test_where_nothing_can_be_kept_there_is_none(tmp_path: Path) -> None:
    assert not Reserve(tmp_path / "nowhere").is_kept()


async def test_without_room_nothing_is_taken_in_and_what_is_there_is_read(tmp_path: Path) -> None:
    room = [True]
    store = FileBlobStore(tmp_path, has_room=lambda: room[0])
    await store.append("upload", 0, body(b"content"), Algorithm.SHA256)
    room[0] = False
    with pytest.raises(MoorageError) as refused:
        await store.append("upload", 7, body(b"more"), Algorithm.SHA256)
    assert refused.value.error is ErrorCode.DISK_FULL
    assert str(await store.digest("upload", Algorithm.SHA256, 7)).startswith("sha256:ed7002b4")
    store.close()
