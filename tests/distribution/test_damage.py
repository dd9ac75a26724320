"""An image with damage: a client that may push is told that it isn't there, and brings all of it again."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing

import httpx
import pytest

from moorage.app.services import SYSTEM, Services
from moorage.domain.access import Role
from moorage.domain.digest import Digest, digest_of
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST
from moorage.settings import Settings
from tests.distribution.conversation import Conversation, basic

LAYER = b"layer"

Damage = Callable[[Digest], Awaitable[None]]


@pytest.fixture
async def reader(services: Services, http: httpx.AsyncClient) -> Conversation:
    """Return tom, who may read dmc and no more."""
    await services.registries.set_member(SYSTEM, "dmc", "tom", Role.READER)
    return Conversation(http, **basic("tom", "password of tom"))


@pytest.fixture
def damage(settings: Settings) -> Damage:
    """Return what puts a blob into quarantine, as `moorage verify` does beside the server."""

    async def damage(digest: Digest) -> None:
        assert settings.database_file is not None
        with closing(sqlite3.connect(settings.database_file)) as database, database:
            database.execute("INSERT INTO quarantined VALUES (?, 'changed', NULL, 5.0)", (digest,))
        # The database is asked once in a turn of the loop whether anything was written.
        await asyncio.sleep(0)

    return damage


async def ask(client: Conversation, method: str, *references: str) -> list[int]:
    return [(await client.ask(method, f"manifests/{reference}")).status_code for reference in references]


async def push_index(client: Conversation, *images: Digest) -> Digest:
    children = [{"mediaType": OCI_MANIFEST, "digest": image, "size": 1} for image in images]
    return await client.push_manifest("all", {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children})


async def test_who_may_push_is_told_that_an_image_with_a_damaged_layer_is_not_there_until_the_layer_is(
    writer: Conversation, reader: Conversation, damage: Damage
) -> None:
    image = await writer.push_image("v1", LAYER)
    whole = await writer.push_image("v2", b"another layer")
    assert await ask(writer, "HEAD", "v1", image) == [200, 200]
    await damage(digest_of(LAYER))
    assert await ask(writer, "HEAD", "v1", image) == [404, 404]
    assert await ask(writer, "HEAD", "v2", whole) == [200, 200]
    assert await ask(writer, "GET", "v1", image) == [200, 200]
    for method in ("HEAD", "GET"):
        assert await ask(reader, method, "v1", image) == [200, 200]
    await writer.push_blob(LAYER)
    assert await ask(writer, "HEAD", "v1", image) == [200, 200]


async def test_an_image_with_a_damaged_config_is_asked_for_again(writer: Conversation, damage: Damage) -> None:
    image = await writer.push_image("v1", LAYER)
    await damage(digest_of(b"{}"))
    assert await ask(writer, "HEAD", "v1", image) == [404, 404]


async def test_an_index_is_asked_for_again_with_the_image_of_it_that_is_damaged(
    writer: Conversation, damage: Damage
) -> None:
    whole = await writer.push_image("", b"another layer")
    image = await writer.push_image("", LAYER)
    index = await push_index(writer, whole, image)
    above = await push_index(writer, index)
    await damage(digest_of(LAYER))
    assert await ask(writer, "HEAD", "all", above, index, image, whole) == [404, 404, 404, 404, 200]
    await writer.push_blob(LAYER)
    assert await ask(writer, "HEAD", "all", above, index, image, whole) == [200] * 5


async def test_the_same_layer_is_damaged_for_every_repository(writer: Conversation, damage: Damage) -> None:
    other = Conversation(writer.http, "dmc/other", **writer.headers)
    for client in (writer, other):
        await client.push_image("v1", LAYER)
    await damage(digest_of(LAYER))
    assert await ask(other, "HEAD", "v1") == [404]
    await writer.push_blob(LAYER)
    assert await ask(other, "HEAD", "v1") == [200]


async def test_a_client_that_looks_with_a_token_to_pull_is_told_as_its_account_may(
    writer: Conversation, reader: Conversation, damage: Damage
) -> None:
    await writer.push_image("v1", LAYER)
    await damage(digest_of(LAYER))
    for client, status in ((writer, 404), (reader, 200)):
        answer = await client.ask("GET", "/token?service=proget:5443&scope=repository:dmc/ubuntu:pull")
        bearer = Conversation(client.http, Authorization=f"Bearer {answer.json()['token']}")
        assert await ask(bearer, "HEAD", "v1") == [status]
        assert await ask(bearer, "GET", "v1") == [200]
