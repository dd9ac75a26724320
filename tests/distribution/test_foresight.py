"""A look-up is begun early only for those who would have been let do it last time, so that it tells nobody anything."""

import time
from functools import partial

import pytest

from moorage.app.services import SYSTEM, Services
from moorage.distribution.foresight import Foresight
from moorage.domain.access import Action, Role
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from tests.distribution.conversation import basic

UBUNTU = Repository("dmc", "ubuntu")


class Asking:
    """Requests with foresight."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.foresight = Foresight(services.callers, services.access)

    async def ask(self, action: Action, name: str | None, password: str = "") -> bool:
        """Ask for a thing of a repository as somebody; tell whether it was begun before it was known who asks."""
        header = basic(name, password or f"password of {name}")["Authorization"].encode() if name else None
        begun: list[str] = []
        self.foresight.begin(header, action, UBUNTU, partial(begun.append, "begun"))
        try:
            caller = await self.foresight.of(header, time.time())
            await self.services.access.check(caller, action, UBUNTU)
        except MoorageError:
            pass
        return bool(begun)


@pytest.fixture
def asking(services: Services) -> Asking:
    return Asking(services)


async def test_nothing_is_begun_for_whom_nobody_has_seen(asking: Asking) -> None:
    assert not await asking.ask(Action.PULL, "mara")
    assert await asking.ask(Action.PULL, "mara")


@pytest.mark.parametrize(
    ("action", "name"), [(Action.PULL, "tom"), (Action.PUSH, "tom"), (Action.DELETE, "mara"), (Action.PULL, None)]
)
async def test_nothing_is_ever_begun_for_whom_it_would_be_refused(
    asking: Asking, action: Action, name: str | None
) -> None:
    assert not any([await asking.ask(action, name) for _ in range(3)])


async def test_what_is_open_to_everybody_is_begun_for_everybody(asking: Asking) -> None:
    await asking.services.registries.update(SYSTEM, "dmc", {"visibility": "public"})
    assert not await asking.ask(Action.PULL, None)
    assert await asking.ask(Action.PULL, None)
    assert not await asking.ask(Action.PUSH, None)


async def test_after_a_right_was_taken_away_one_request_at_most_is_begun(asking: Asking) -> None:
    for _ in range(2):
        await asking.ask(Action.PUSH, "mara")
    await asking.services.registries.set_member(SYSTEM, "dmc", "mara", Role.READER)
    await asking.ask(Action.PUSH, "mara")
    assert not await asking.ask(Action.PUSH, "mara")
    assert await asking.ask(Action.PULL, "mara")


async def test_after_credentials_were_refused_nothing_is_begun(asking: Asking) -> None:
    for _ in range(2):
        await asking.ask(Action.PULL, "mara")
    await asking.services.accounts.change(SYSTEM, "mara", is_disabled=True)
    await asking.ask(Action.PULL, "mara")
    assert not await asking.ask(Action.PULL, "mara")


async def test_other_credentials_are_another_caller(asking: Asking) -> None:
    for _ in range(2):
        await asking.ask(Action.PULL, "mara")
    assert not await asking.ask(Action.PULL, "mara", "not the password")


async def test_names_that_are_none_are_no_error_yet(asking: Asking) -> None:
    await asking.ask(Action.PULL, "mara")

    def refuse() -> None:
        raise MoorageError(ErrorCode.TAG_INVALID)

    header = basic("mara", "password of mara")["Authorization"].encode()
    asking.foresight.begin(header, Action.PULL, UBUNTU, refuse)
