"""The fixtures of the management API's tests."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage.app.services import SYSTEM, open_services
from moorage.services.access_tokens import USUAL_ACTIONS, Wish, usual_end
from moorage.settings import load
from tests.management.world import PEOPLE, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Return a server whose only registry, DMC, is private and holds `dmc/team/app:1`."""
    (tmp_path / "directories.toml").write_text('[ldap.corp]\nurl = "ldaps://127.0.0.1"\npeople = "dc=corp"\n')
    settings = load({"data": tmp_path / "data", "directories": tmp_path / "directories.toml"}, {})
    async with open_services(settings) as services:
        world = World(services)
        await services.registries.create(SYSTEM, "DMC")
        await world.image("dmc/team/app", "1")
        async with world.http:
            yield world


@pytest.fixture
async def people(world: World) -> None:
    """Add a stranger and a member of DMC in each role whom corp knows, an empty group, and robots with a token each."""
    await world.services.groups.create(SYSTEM, "ops")
    for name, role in PEOPLE.items():
        await world.person(name)
        if role is not None:
            await world.services.registries.set_member(SYSTEM, "dmc", name, role)
            await world.services.directories.link_named(SYSTEM, name, "corp", name)
    robots, tokens = world.services.robots, world.services.access_tokens
    await robots.create(SYSTEM, "ci", "dmc")
    await robots.create(SYSTEM, "mirror")
    for name in ("ci", "mirror", "reader"):
        await tokens.create(SYSTEM, name, Wish("one", USUAL_ACTIONS, ["*"], usual_end(time.time())))
