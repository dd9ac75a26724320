"""Pulls of images: noted in memory, written now and then, and none lost that was not written."""

from collections.abc import Mapping, Sequence

import pytest

from moorage.domain.digest import Digest
from moorage.domain.name import Repository
from moorage.services import image_pulls
from moorage.services.image_pulls import ImagePullService
from moorage.services.retention_records import LastPull, Pulled

APP = Repository("dmc", "app")
ONE, TWO = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)


class Pulls:
    """A database that may be away."""

    def __init__(self) -> None:
        self.written: list[Pulled] = []
        self.is_away = False

    async def append(self, pulled: Sequence[Pulled], at: float) -> None:
        assert at > 0
        if self.is_away:
            raise OSError("away")
        self.written += pulled

    async def last(self, repository: Repository, digests: Sequence[Digest]) -> Mapping[Digest, LastPull]:
        raise NotImplementedError

    async def last_of_all(self, repository: Repository) -> LastPull | None:
        raise NotImplementedError


async def test_a_pull_writes_nothing_until_it_is_time() -> None:
    pulls = Pulls()
    service = ImagePullService(pulls)
    service.note(APP, ONE, "ann")
    service.note(APP, ONE, "ann")
    assert pulls.written == []
    await service.flush()
    await service.flush()
    assert pulls.written == [Pulled(APP, ONE, "ann")]


async def test_an_image_that_is_pulled_all_the_time_is_written_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    pulls = Pulls()
    service = ImagePullService(pulls)
    for _ in range(3):
        service.note(APP, ONE, "ann")
        await service.flush()
    assert pulls.written == [Pulled(APP, ONE, "ann")]
    monkeypatch.setattr(image_pulls, "EVERY", -1.0)
    service.note(APP, ONE, "ann")
    await service.flush()
    assert pulls.written == [Pulled(APP, ONE, "ann"), Pulled(APP, ONE, "ann")]


async def test_what_could_not_be_written_is_written_the_next_time() -> None:
    pulls = Pulls()
    service = ImagePullService(pulls)
    service.note(APP, ONE, "ann")
    pulls.is_away = True
    with pytest.raises(OSError, match="away"):
        await service.flush()
    service.note(APP, TWO, "")
    pulls.is_away = False
    await service.flush()
    assert pulls.written == [Pulled(APP, ONE, "ann"), Pulled(APP, TWO, "")]


async def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_pulls, "ROOM", 10)
    pulls = Pulls()
    pulls.is_away = True
    service = ImagePullService(pulls)
    for number in range(100):
        service.note(Repository("dmc", f"app{number}"), ONE, "ann")
    pulls.is_away = False
    await service.flush()
    assert len(pulls.written) == 10


async def test_somebody_else_who_pulls_it_is_written_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    pulls = Pulls()
    service = ImagePullService(pulls)
    service.note(APP, ONE, "ann")
    await service.flush()
    service.note(APP, ONE, "mara")
    await service.flush()
    assert pulls.written == [Pulled(APP, ONE, "ann")]
    monkeypatch.setattr(image_pulls, "OTHERS", -1.0)
    service.note(APP, ONE, "ann")
    service.note(APP, ONE, "mara")
    await service.flush()
    assert pulls.written == [Pulled(APP, ONE, "ann"), Pulled(APP, ONE, "mara")]
