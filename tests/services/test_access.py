"""The decision, and what it costs to make it."""

from pathlib import Path

import pytest

from moorage.domain.access import Action, Caller, Role
from moorage.domain.errors import MoorageError
from moorage.domain.name import parse_repository
from moorage.services.records import Holder, HolderKind
from tests.ui.world import open_world


async def test_a_decision_made_before_asks_the_database_nothing(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.person("mara")
        await world.registry("DMC")
        await world.grant("dmc", Holder(HolderKind.USER, "mara"), Role.WRITER, "team/*")
        account = await world.services.accounts.authenticate("mara", "correct horse battery")
        assert account is not None
        mara = Caller(account.user_id, "mara")
        access, app, other = world.services.access, parse_repository("dmc/team/app"), parse_repository("dmc/team/other")
        assert await access.check(mara, Action.PULL, app) is not None
        before = world.database.statements
        for repository in (app, other):
            assert await access.check(mara, Action.PUSH, repository) is not None
            assert await access.grants(mara, repository, ["*"]) == {"pull", "push"}
        assert world.database.statements == before
        await world.grant("dmc", Holder(HolderKind.USER, "mara"), Role.OWNER, "team/other")
        assert await access.grants(mara, app, ["*"]) == {"pull", "push"}
        assert await access.grants(mara, other, ["*"]) == {"pull", "push", "delete"}


async def test_what_is_hidden_is_looked_up_as_often_as_what_is_not_there(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.person("mara")
        await world.registry("Secret")
        account = await world.services.accounts.authenticate("mara", "correct horse battery")
        assert account is not None
        asked = []
        for number, name in enumerate(("secret/app", "nothing/app")):
            # Whatever was looked up before is forgotten with the next change.
            await world.person(f"somebody{number}")
            before = world.database.statements
            for _ in range(2):
                with pytest.raises(MoorageError):
                    await world.services.access.check(account, Action.PULL, parse_repository(name))
                asked.append(world.database.statements - before)
        assert asked[:2] == asked[2:]
        assert asked[0] == asked[1] > 0
