"""The distribution API over a real data folder, and people who talk to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from moorage.app.services import SYSTEM, Services, open_services
from moorage.app.worker import distribution
from moorage.distribution.http import Receive, Scope, Send
from moorage.domain.access import Role
from moorage.settings import Settings, load
from tests.distribution.conversation import ADMIN_PASSWORD, Conversation, basic


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"data": tmp_path / "data"}, {})


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    async with open_services(settings) as services:
        await services.accounts.ensure_admin(ADMIN_PASSWORD)
        await services.registries.create(SYSTEM, "DMC")
        for name in ("mara", "tom"):
            await services.accounts.add(SYSTEM, name, f"password of {name}")
        await services.registries.create(SYSTEM, "Theirs")
        await services.registries.set_member(SYSTEM, "dmc", "mara", Role.WRITER)
        await services.registries.set_member(SYSTEM, "theirs", "tom", Role.OWNER)
        yield services


@pytest.fixture
async def http(settings: Settings, services: Services) -> AsyncIterator[httpx.AsyncClient]:
    api = distribution(settings, services)

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"request_id": "test"}
        await api(scope, receive, send)

    transport = httpx.ASGITransport(app=front)
    async with httpx.AsyncClient(transport=transport, base_url="https://proget:5443") as client:
        yield client


@pytest.fixture
def talk(http: httpx.AsyncClient) -> Conversation:
    """Return an administrator."""
    return Conversation(http)


@pytest.fixture
def writer(http: httpx.AsyncClient) -> Conversation:
    """Return mara, who may write to dmc."""
    return Conversation(http, **basic("mara", "password of mara"))


@pytest.fixture
def stranger(http: httpx.AsyncClient) -> Conversation:
    """Return tom, who owns another registry and has no part in dmc."""
    return Conversation(http, "theirs/app", **basic("tom", "password of tom"))


@pytest.fixture
def nobody(http: httpx.AsyncClient) -> Conversation:
    """Return somebody without credentials."""
    return Conversation(http, user_agent="curl")
