"""Two processes over one database: what one acknowledged, the other sees at once, whatever it looked up before."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from moorage.domain.access import Role, Visibility
from moorage.domain.digest import Algorithm, digest_of
from moorage.domain.limits import TokenAction
from moorage.domain.name import Repository
from moorage.services.records import Holder, HolderKind, NewAccessToken
from tests.contracts.tables import APP, OTHER, OpenTables, Tables

Look = Callable[[Tables], Awaitable[Any]]
"""What is looked up, and what one process does while the other keeps looking."""
LAYER = digest_of(b"layer")


async def look_at_registry(tables: Tables) -> object:
    found = await tables.registries.find("dmc")
    return found and (found.visibility, await tables.grants.of(found.id, 1))


async def look_at_account(tables: Tables) -> object:
    found = await tables.accounts.find("ann")
    return found, found and await tables.accounts.get(found.id)


async def look_at_upload(tables: Tables) -> object:
    return await tables.uploads.find(APP, "upload", "ann")


async def look_at_blob(tables: Tables) -> object:
    return await tables.blobs.find(APP, LAYER), await tables.blobs.find(OTHER, LAYER)


async def look_at_image(tables: Tables) -> object:
    tag = await tables.manifests.find(APP, "latest")
    return tag, await tables.manifests.tags(APP, "", 10), tag and await tables.manifests.find(APP, tag.digest)


async def change_registry(tables: Tables) -> list[Callable[[], Awaitable[Any]]]:
    await tables.accounts.create("ann", "hash", is_admin=False)
    await tables.groups.create("ops")

    async def make() -> None:
        made = await tables.registry("DMC")
        await tables.grants.give(made.id, Holder(HolderKind.GROUP, "ops"), "team/*", Role.READER)

    return [
        make,
        lambda: tables.registries.update("dmc", {"visibility": Visibility.PUBLIC.value}),
        lambda: tables.grant(1, "ann", Role.READER),
        lambda: tables.grant(1, "ann", Role.OWNER),
        lambda: tables.grants.take(1, Holder(HolderKind.USER, "ann"), "*"),
        lambda: tables.groups.join("ops", "ann"),
        lambda: tables.groups.leave("ops", "ann"),
        lambda: tables.registry_trash.delete("dmc", "ann"),
    ]


async def change_account(tables: Tables) -> list[Callable[[], Awaitable[Any]]]:
    return [
        lambda: tables.accounts.create("ann", "hash", is_admin=False),
        lambda: tables.accounts.change("ann", password_hash="new"),
        lambda: tables.accounts.change("ann", is_disabled=True),
    ]


async def change_upload(tables: Tables) -> list[Callable[[], Awaitable[Any]]]:
    await tables.registry()
    upload = await tables.uploads.begin("first", APP, "ann", Algorithm.SHA256)
    await tables.uploads.cancel(upload)

    async def advance() -> None:
        found = await tables.uploads.find(APP, "upload", "ann")
        assert found is not None
        assert await tables.uploads.advance(found, found.size + 7, None)

    async def cancel() -> None:
        found = await tables.uploads.find(APP, "upload", "ann")
        assert found is not None
        await tables.uploads.cancel(found)

    return [lambda: tables.uploads.begin("upload", APP, "ann", Algorithm.SHA256), advance, advance, cancel]


async def change_blob(tables: Tables) -> list[Callable[[], Awaitable[Any]]]:
    await tables.registry()

    async def mount() -> None:
        found = await tables.blobs.find(APP, LAYER)
        assert found is not None
        assert await tables.blobs.mount(found, OTHER)

    return [
        lambda: tables.blob(APP, b"layer"),
        mount,
        lambda: tables.blobs.unlink(APP, LAYER),
        lambda: tables.pass_time(0.5),
        lambda: tables.blob(APP, b"layer"),
        lambda: tables.blobs.unlink(OTHER, LAYER),
    ]


async def change_image(tables: Tables) -> list[Callable[[], Awaitable[Any]]]:
    await tables.registry()

    async def delete() -> None:
        found = await tables.manifests.find(APP, "latest")
        assert found is not None
        assert await tables.manifests.delete(APP, found.digest, "ann")

    return [
        lambda: tables.image(APP, "latest"),
        lambda: tables.image(APP, "latest", "v1"),
        lambda: tables.manifests.delete_tag(APP, "v1", "ann"),
        delete,
        lambda: tables.image(APP, "latest"),
        lambda: tables.catalog.delete(APP, None, (), "ann"),
    ]


@pytest.mark.parametrize(
    ("look", "prepare"),
    [
        (look_at_registry, change_registry),
        (look_at_account, change_account),
        (look_at_upload, change_upload),
        (look_at_blob, change_blob),
        (look_at_image, change_image),
    ],
)
async def test_what_one_acknowledged_the_other_sees_at_once(
    open_tables: OpenTables, look: Look, prepare: Callable[[Tables], Awaitable[list[Callable[[], Awaitable[Any]]]]]
) -> None:
    one, other = await open_tables(), await open_tables()
    before = await look(other)
    for change in await prepare(one):
        assert await look(one) == await look(other) == before
        await change()
        seen = await look(other)
        assert seen == await look(one)
        assert seen != before, "the change can be seen"
        before = seen


async def test_what_is_pushed_and_pulled_moves_nobodys_standing(tables: Tables) -> None:
    account = await tables.person("ann")
    limits = frozenset({TokenAction.PULL}), ("dmc/*",)
    token = await tables.access_tokens.create(account.id, NewAccessToken("ci", "hash", *limits, None), "ann")
    before = await tables.database.ask_standing()
    await tables.image(APP, "latest")
    await tables.access_tokens.used({token.id: 1.0})
    await tables.pass_time(0.5)
    await asyncio.sleep(0)
    assert await tables.database.ask_standing() == before
    await tables.access_tokens.delete(account.id, "ci")
    await asyncio.sleep(0)
    assert await tables.database.ask_standing() != before


async def test_what_was_found_last_is_at_hand_without_asking(tables: Tables) -> None:
    account = await tables.person("ann")
    assert tables.registries.last("dmc") is None
    registry = await tables.registries.find("dmc")
    assert registry is not None
    assert tables.registries.last("dmc") == registry
    assert tables.grants.last(registry.id, account.id) is None
    found = await tables.grants.of(registry.id, account.id)
    assert tables.grants.last(registry.id, account.id) == found == ()


async def test_a_new_process_sees_everything(open_tables: OpenTables) -> None:
    one = await open_tables()
    await one.registry()
    image = await one.image(APP, "latest")
    other = await open_tables()
    found = await other.manifests.find(APP, "latest")
    assert found is not None
    assert found.digest == image
    assert await other.catalog.names(None, "", 10, sees_all=True) == (str(APP),)
    assert await other.manifests.find(Repository("dmc", "app2"), "latest") is None


async def test_a_database_that_answers_is_healthy(open_tables: OpenTables) -> None:
    await (await open_tables()).health.check()
