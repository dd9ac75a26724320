"""Rounds of verification: in their days, bounded in what they ask and hold, and taken up where they were left."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import insert

from moorage.domain.access import Caller
from moorage.domain.damage import DAY, Fault, Measured, fault_of, rate_for
from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.metastore.grants import GrantTable
from moorage.metastore.migrations import migrate
from moorage.metastore.registries import RegistryTable
from moorage.metastore.rounds import RoundTable
from moorage.metastore.sqlite import SQLite
from moorage.metastore.steps import Steps, T
from moorage.metastore.tables import blobs
from moorage.metastore.verify import ContentsTable, DamageTable
from moorage.services.access import Access
from moorage.services.paced import REST
from moorage.services.verify import BATCH, MOST_RATE, MOST_REST, SILENT_SECONDS, Pace, Parts, VerifyService
from moorage.services.verify_ports import Spend

SYSTEM = Caller(0, "moorage", is_admin=True)
SIZE = 1000


class Counting(SQLite):
    """A database that counts what it is asked."""

    asked = 0
    most = 0

    async def read(self, steps: Steps[T]) -> T:
        self.asked += 1
        answer = await super().read(steps)
        if isinstance(answer, tuple):
            self.most = max(self.most, len(answer))
        return answer


class Store:
    """A place where every blob is right, but those that are told not to be; it notes what is read."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.wrong: dict[str, Measured | None] = {}
        self.away: set[str] = set()
        self.is_gone = False
        self.stop_after: int | None = None
        self.was_replaced = False

    async def measure(self, place: str, algorithm: Algorithm, spend: Spend) -> Measured | None:
        assert algorithm is Algorithm.SHA256
        if self.stop_after is not None and len(self.read) >= self.stop_after:
            raise asyncio.CancelledError
        if self.is_gone or place in self.away:
            raise MoorageError(ErrorCode.UNAVAILABLE)
        self.read.append(place)
        await spend(SIZE)
        return (
            self.wrong.get(place, Measured(SIZE, Digest(place)))
            if place in self.wrong
            else Measured(SIZE, Digest(place))
        )

    def is_same(self, place: str, found: Measured | None) -> bool:
        assert place in self.read
        assert found == self.wrong.get(place, Measured(SIZE, Digest(place)))
        return not self.was_replaced

    def pieces(self, place: str, size: int) -> AsyncIterator[bytes]:
        raise NotImplementedError

    async def has(self, place: str) -> bool:
        if self.is_gone:
            raise MoorageError(ErrorCode.UNAVAILABLE)
        return self.wrong.get(place, True) is not None

    async def leftovers(self, sizes: Collection[int]) -> tuple[str, ...]:
        raise NotImplementedError


class Clock:
    """Unix seconds that pass when they are told to."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Silence:
    """Nobody who watches."""

    def begin(self, what: str, total: int) -> None:
        """Take no note."""

    def advance(self, count: int) -> None:
        """Take no note."""


class World:
    """A server with so many blobs, of which others may be servers too."""

    def __init__(self, database: Counting) -> None:
        self.database = database
        self.store = Store()
        self.clock = Clock()
        self.parts = Parts(ContentsTable(database), DamageTable(database), RoundTable(database), self.store)

    def server(self, days: int = 30) -> VerifyService:
        access = Access(RegistryTable(self.database), GrantTable(self.database))
        return VerifyService(self.parts, access, SYSTEM, days, self.clock)

    async def fill(self, count: int) -> list[Digest]:
        digests = sorted(digest_of(str(at).encode()) for at in range(count))

        def story() -> Steps[None]:
            yield insert(blobs), [{"digest": digest, "size": SIZE, "place": None} for digest in digests]

        await self.database.write(story)
        return digests


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    migrate(tmp_path / "moorage.db")
    database = Counting(tmp_path / "moorage.db")
    await database.start()
    yield World(database)
    await database.close()


async def test_a_round_of_100_000_blobs_asks_little_and_holds_little(world: World) -> None:
    digests = await world.fill(100_000)
    before = world.database.asked
    ended, _ = await world.server().run(SYSTEM, Silence(), 4)
    assert ended.done.blobs == len(set(world.store.read)) == len(digests)
    assert world.database.asked - before < 2 * len(digests) / BATCH
    assert world.database.most <= BATCH


async def test_who_was_stopped_is_followed_from_where_they_were(world: World) -> None:
    digests = await world.fill(3 * BATCH)
    world.store.stop_after = BATCH + 10
    with suppress(asyncio.CancelledError):
        await world.server().run(SYSTEM, Silence(), 1)
    world.store.stop_after = None
    read = world.store.read = []
    ended, _ = await world.server().run(SYSTEM, Silence(), 1)
    assert read == digests[BATCH:]
    assert ended.done.blobs == len(digests)


async def test_a_slow_round_reads_no_more_than_its_time_lets_it(world: World) -> None:
    await world.fill(2000)
    server = world.server()
    await server.work(0)
    assert world.store.read == []
    await server.work(5)
    first = len(world.store.read)
    assert 0 < first < 200
    await server.work(5)
    assert first < len(world.store.read) < 2 * first + 10


async def test_a_round_by_the_clock_comes_again_in_its_days_and_not_before(world: World) -> None:
    await world.fill(3)
    server = world.server(days=10)
    for _ in range(3):
        await server.work(600)
    assert len(world.store.read) == 3
    world.clock.now += 8.9 * DAY
    await server.work(600)
    assert len(world.store.read) == 3
    world.clock.now += 0.2 * DAY
    await server.work(600)
    assert len(world.store.read) == 6


async def test_no_round_begins_by_itself_where_it_is_switched_off(world: World) -> None:
    await world.fill(3)
    server = world.server(days=0)
    await server.work(600)
    assert world.store.read == []
    await server.ask(SYSTEM)
    await server.work(600)
    assert len(world.store.read) == 3


async def test_of_two_servers_one_is_at_a_round_until_it_is_silent(world: World) -> None:
    await world.fill(2000)
    one, other = world.server(), world.server()
    await one.work(5)
    await one.work(5)
    read = len(world.store.read)
    await other.work(5)
    assert len(world.store.read) == read
    world.clock.now += 120
    await other.work(5)
    assert len(world.store.read) > read
    read = len(world.store.read)
    await one.work(5)
    assert len(world.store.read) == read


async def test_a_store_that_is_away_is_no_damage_and_ends_nothing(world: World) -> None:
    digests = await world.fill(30)
    world.store.is_gone = True
    with pytest.raises(MoorageError):
        await world.server().run(SYSTEM, Silence(), 4)
    world.store.is_gone = False
    world.store.wrong = dict.fromkeys(digests)
    with pytest.raises(MoorageError, match="is it the right one"):
        await world.server().run(SYSTEM, Silence(), 4)
    assert (await world.parts.damages.count()).blobs == 0
    world.store.wrong = {}
    ended, _ = await world.server().run(SYSTEM, Silence(), 4)
    assert (ended.done.blobs, ended.unread) == (30, 0)


async def test_one_blob_without_an_answer_stops_nobody_and_is_no_damage(world: World) -> None:
    digests = await world.fill(30)
    world.store.away = {digests[3]}
    ended, findings = await world.server().run(SYSTEM, Silence(), 4)
    assert (ended.unread, findings.unread) == (1, [digests[3]])
    assert (await world.parts.damages.count()).blobs == 0


async def test_what_was_pushed_again_since_it_was_read_is_no_damage(world: World) -> None:
    digests = await world.fill(30)
    world.store.wrong = {digests[0]: Measured(SIZE, digest_of(b"other"))}
    world.store.was_replaced = True
    _, findings = await world.server().run(SYSTEM, Silence(), 4)
    assert findings.new == []
    assert (await world.parts.damages.count()).blobs == 0


async def test_bytes_that_are_right_again_come_out_of_quarantine(world: World) -> None:
    digests = await world.fill(30)
    world.store.wrong = {digests[0]: Measured(SIZE, digest_of(b"other"))}
    _, findings = await world.server().run(SYSTEM, Silence(), 4)
    assert [(found.content, found.fault) for found in findings.new] == [(digests[0], Fault.CHANGED)]
    assert (await world.parts.damages.count()).blobs == 1
    world.store.wrong = {}
    _, findings = await world.server().run(SYSTEM, Silence(), 4)
    assert findings.lifted == 1
    assert (await world.parts.damages.count()).blobs == 0


def test_a_fault_is_what_differs_first() -> None:
    right, other = digest_of(b"right"), digest_of(b"other")
    assert fault_of(right, 5, None) is Fault.MISSING
    assert fault_of(right, 5, Measured(3, None)) is Fault.UNREADABLE
    assert fault_of(right, 5, Measured(5, right)) is None
    assert fault_of(right, 6, Measured(5, right)) is Fault.WRONG_SIZE
    assert fault_of(right, 5, Measured(5, other)) is Fault.CHANGED
    assert fault_of(right, 5, Measured(4, other)) is Fault.TRUNCATED
    assert fault_of(right, 5, Measured(6, other)) is Fault.LONGER


def test_a_rate_fits_its_time_within_its_bounds() -> None:
    assert rate_for(10**12, 10 * DAY, 1.0, 1e12) == 10**12 / (10 * DAY)
    assert rate_for(5, 10 * DAY, 100.0, 1e12) == 100.0
    assert rate_for(10**18, DAY, 1.0, MOST_RATE) == MOST_RATE


class Resting:
    """A clock that goes on by what is added, and by the rests, which it notes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rests: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds


async def test_a_round_in_a_server_reads_no_more_in_a_second_than_it_may() -> None:
    clock = Resting()
    pace = Pace(1000, clock, clock.pause)
    for _ in range(10):
        await pace(500)
    assert clock.now == 5


async def test_the_longer_reading_takes_the_longer_a_round_in_a_server_rests() -> None:
    clock = Resting()
    pace = Pace(1_000_000, clock, clock.pause)
    for seconds in (0.125, 0.25):
        clock.now += seconds
        await pace(1)
    assert clock.rests == [0.125 * REST, 0.25 * REST]


async def test_a_disk_that_stood_still_does_not_make_a_round_silent() -> None:
    clock = Resting()
    pace = Pace(1_000_000, clock, clock.pause)
    clock.now += SILENT_SECONDS
    await pace(1)
    assert clock.rests == [MOST_REST]
