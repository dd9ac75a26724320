"""Asking directories for a password: nobody waits for a silent one twice, and nobody for another's silence."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity
from moorage.services.asking import SILENT_SECONDS, Asking, PasswordDirectory
from tests.services.known import Known

SOON = 0.001
"""Seconds of patience: what is silent here is silent for good."""


@dataclass
class Silent:
    """A directory that says nothing until it gives up."""

    name: str
    gives_up: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def authenticate(self, name: str, password: str) -> Identity | None:
        del password
        self.asked.append(name)
        self.begun.set()
        await self.gives_up.wait()
        self.ended.set()
        raise MoorageError(ErrorCode.UNAVAILABLE, f"the directory {self.name} cannot be asked: no answer")


class Clock:
    """Shows another second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def asking(*directories: PasswordDirectory, clock: Callable[[], float]) -> Asking:
    return Asking(directories, SOON, clock)


def partner() -> Known:
    return Known("partner", {"tom": Identity("partner", "7", "tom")})


async def test_who_is_known_elsewhere_does_not_wait_until_a_silent_directory_gives_up() -> None:
    corp = Silent("corp")
    told = await asking(corp, partner(), clock=Clock()).ask("tom", "tom's password")
    assert told.identity == Identity("partner", "7", "tom")
    assert corp.asked == ["tom"]
    assert not corp.ended.is_set()
    corp.gives_up.set()


async def test_silent_directories_are_waited_for_side_by_side() -> None:
    one, two = Silent("one"), Silent("two")
    asked = asyncio.create_task(asking(one, two, clock=Clock()).ask("tom", "x"))
    await two.begun.wait()
    assert not one.ended.is_set()
    one.gives_up.set()
    two.gives_up.set()
    told = await asked
    assert {name: error.message for name, error in told.failures.items()} == {
        "one": "the directory one cannot be asked: no answer",
        "two": "the directory two cannot be asked: no answer",
    }


async def test_a_directory_that_was_silent_is_not_asked_again_for_a_while_and_then_it_is() -> None:
    corp, clock = Silent("corp"), Clock()
    corp.gives_up.set()
    house = asking(corp, partner(), clock=clock)
    for _ in range(3):
        told = await house.ask("kim", "x")
        assert [error.message for error in told.failures.values()] == ["the directory corp cannot be asked: no answer"]
    assert corp.asked == ["kim"]
    clock.now += SILENT_SECONDS
    await house.ask("kim", "x")
    assert corp.asked == ["kim", "kim"]


async def test_silence_is_learned_also_by_who_did_not_wait_for_it() -> None:
    corp = Silent("corp")
    house = asking(corp, partner(), clock=Clock())
    await house.ask("tom", "tom's password")
    corp.gives_up.set()
    await corp.ended.wait()
    await asyncio.sleep(0)
    assert (await house.ask("tom", "tom's password")).identity is not None
    assert corp.asked == ["tom"]


async def test_a_directory_that_refuses_at_once_is_asked_each_time() -> None:
    corp = Known("corp", is_silent=True)
    house = asking(corp, clock=lambda: 0.0)
    for _ in range(3):
        assert list((await house.ask("kim", "x")).failures) == ["corp"]
    assert corp.asked == ["kim"] * 3


async def test_one_that_answers_again_is_forgiven() -> None:
    corp, now = Known("corp", {"kim": Identity("corp", "1", "kim")}, is_silent=True), Clock()
    house = asking(corp, clock=now)
    await house.ask("kim", "kim's password")
    corp.is_silent = False
    assert (await house.ask("kim", "kim's password")).identity is None
    now.now += SILENT_SECONDS
    assert (await house.ask("kim", "kim's password")).identity is not None


async def test_a_directory_sees_no_password_that_the_one_before_has_answered() -> None:
    corp, other = Known("corp", {"tom": Identity("corp", "1", "tom")}), partner()
    told = await Asking((corp, other)).ask("tom", "tom's password")
    assert told.identity == Identity("corp", "1", "tom")
    assert other.asked == []


@dataclass
class Busy:
    """A directory that knows tom, and keeps everybody else waiting until it gives up on them."""

    name: str = "corp"
    gives_up: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def authenticate(self, name: str, password: str) -> Identity | None:
        del password
        if name == "tom":
            return Identity("corp", "7", "tom")
        self.begun.set()
        await self.gives_up.wait()
        raise MoorageError(ErrorCode.UNAVAILABLE, "the directory corp cannot be asked: too many at once")


async def test_a_directory_that_answers_some_and_keeps_others_waiting_is_not_silent() -> None:
    corp = Busy()
    asks = asking(corp, clock=Clock())
    guess = asyncio.create_task(asks.ask("guess", "one of many"))
    await corp.begun.wait()
    assert (await asks.ask("tom", "tom's password")).identity is not None
    corp.gives_up.set()
    assert "corp" in (await guess).failures
    assert (await asks.ask("tom", "tom's password")).identity is not None
