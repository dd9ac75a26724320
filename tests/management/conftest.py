"""The fixtures of the management API's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage.app.services import SYSTEM, open_services
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
    """Add a stranger and a member of DMC in each role whom corp knows, and an empty group."""
    await world.services.groups.create(SYSTEM, "ops")
    for name, role in PEOPLE.items():
        await world.person(name)
        if role is not None:
            await world.services.registries.set_member(SYSTEM, "dmc", name, role)
            await world.services.directories.link_named(SYSTEM, name, "corp", name)
