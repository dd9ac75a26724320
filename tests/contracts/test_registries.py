"""The port `Registries`."""

import asyncio

import pytest

from moorage.domain.access import Role, Visibility
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository
from moorage.domain.redirect import Redirects
from tests.contracts.tables import APP, OTHER, OpenTables, Tables


async def test_a_registry_is_found_by_its_address_and_shown_as_typed(tables: Tables) -> None:
    made = await tables.registries.create("My.Team", "ours", Visibility.INTERNAL, "ann")
    assert (made.name, made.address, made.description, made.created_by) == ("My.Team", "my.team", "ours", "ann")
    assert await tables.registries.find("my.team") == made
    assert await tables.registries.find("My.Team") is None
    assert await tables.registries.find("another") is None


@pytest.mark.parametrize("name", ["DMC", "dmc", "dMc"])
async def test_an_address_is_taken_once_whatever_the_case(tables: Tables, name: str) -> None:
    with pytest.raises(MoorageError) as failed:
        await tables.registry(name)
    assert failed.value.error is ErrorCode.CONFLICT


async def test_of_many_who_create_a_registry_at_once_one_wins(open_tables: OpenTables) -> None:
    views = [await open_tables() for _ in range(3)]
    made = await asyncio.gather(*(view.registry("New") for view in views * 3), return_exceptions=True)
    errors = [error for error in made if isinstance(error, BaseException)]
    assert [error.error for error in errors if isinstance(error, MoorageError)] == [ErrorCode.CONFLICT] * 8


async def test_only_what_is_named_changes(tables: Tables) -> None:
    before = await tables.registries.find("dmc")
    assert before is not None
    changed = await tables.registries.update("dmc", {"description": "images"})
    assert changed is not None
    assert (changed.description, changed.visibility, changed.name) == ("images", Visibility.PRIVATE, "DMC")
    changed = await tables.registries.update("dmc", {"visibility": "public"})
    assert changed is not None
    assert (changed.description, changed.visibility, changed.redirects) == (
        "images",
        Visibility.PUBLIC,
        Redirects.SERVER,
    )
    changed = await tables.registries.update("dmc", {"redirects": "off"})
    assert changed is not None
    assert (changed.description, changed.redirects) == ("images", Redirects.OFF)
    assert await tables.registries.find("dmc") == changed
    assert await tables.registries.update("another", {"description": "x"}) is None


async def test_a_registry_that_was_deleted_is_gone_with_its_images(tables: Tables) -> None:
    image = await tables.image(APP)
    assert await tables.registry_trash.delete("dmc", "ann")
    assert await tables.registries.find("dmc") is None
    assert await tables.manifests.find(APP, image) is None
    assert await tables.registry_trash.delete("dmc", "ann") is None


async def test_a_registry_made_again_has_nothing_of_the_one_before(tables: Tables) -> None:
    ann = await tables.accounts.create("ann", "hash", is_admin=False)
    before = await tables.registries.find("dmc")
    assert before is not None
    await tables.grant(before.id, "ann", Role.OWNER)
    digest = await tables.blob(APP, b"layer")
    await tables.registry_trash.delete("dmc", "ann")
    after = await tables.registry("dmc")
    assert await tables.grants.of(after.id, ann.id) == ()
    assert await tables.grants.page(after.id, "", 50) == ()
    assert await tables.blobs.find(APP, digest) is None
    assert await tables.manifests.tags(APP, "", 10) is None


async def test_a_list_shows_what_its_reader_may_read(tables: Tables) -> None:
    ann = await tables.accounts.create("ann", "hash", is_admin=False)
    tom = await tables.accounts.create("tom", "hash", is_admin=False)
    for visibility in Visibility:
        await tables.registry(f"R-{visibility}", visibility)
    private = await tables.registries.find("r-private")
    assert private is not None
    await tables.grant(private.id, "ann", Role.READER)

    async def shown(user_id: int | None, *, sees_all: bool = False) -> list[str]:
        found = await tables.registries.summaries(user_id, sees_all=sees_all)
        return [summary.registry.address for summary in found]

    assert await shown(None) == ["r-public"]
    assert await shown(tom.id) == ["r-internal", "r-public"]
    assert await shown(ann.id) == ["r-internal", "r-private", "r-public"]
    assert await shown(None, sees_all=True) == ["dmc", "r-internal", "r-private", "r-public"]


async def test_a_summary_counts_shared_layers_once_and_repositories_with_images(tables: Tables) -> None:
    await tables.blob(OTHER, b"x" * 1000)
    (empty,) = await tables.registries.summaries(None, sees_all=True)
    assert (empty.repositories, empty.pushed_at) == (0, None)
    await tables.image(APP, layers=[b"x" * 1000])
    await tables.image(OTHER, layers=[b"x" * 1000])
    (summary,) = await tables.registries.summaries(None, sees_all=True)
    assert summary.repositories == 2
    assert 1000 < summary.size < 2000
    found = await tables.catalog.repository(OTHER)
    assert found is not None
    assert summary.pushed_at == found.pushed_at


async def test_a_summary_adds_up_what_its_reader_may_read(tables: Tables) -> None:
    ann = await tables.person("ann")
    registry = await tables.registries.find("dmc")
    assert registry is not None
    await tables.grant(registry.id, "ann", Role.WRITER, "team/*")
    empty = await tables.registries.summary("dmc", ann.id, sees_all=False)
    assert empty is not None
    assert (empty.repositories, empty.size, empty.pushed_at) == (0, 0, None)
    await tables.image(Repository("dmc", "team/app"), layers=[b"x" * 1000])
    before = await tables.registries.summary("dmc", ann.id, sees_all=False)
    await tables.image(Repository("dmc", "teams"), layers=[b"y" * 5000])
    after = await tables.registries.summary("dmc", ann.id, sees_all=False)
    assert before == after
    assert after is not None
    assert after.repositories == 1
    assert await tables.registries.summaries(ann.id, sees_all=False) == (after,)
    (whole,) = await tables.registries.summaries(None, sees_all=True)
    assert (whole.repositories, whole.size > after.size + 5000) == (2, True)


async def test_totals_of_several_patterns_count_what_they_share_once(tables: Tables) -> None:
    ann, registry = await tables.person("ann"), await tables.registries.find("dmc")
    assert registry is not None
    for pattern in ("team/*", "*-prod", "docs"):
        await tables.grant(registry.id, "ann", Role.READER, pattern)
    for path in ("team/app", "team/app-prod", "web-prod", "docs", "docs/more", "web"):
        await tables.image(Repository("dmc", path), layers=[b"x" * 1000])
    await tables.blob(Repository("dmc", "team/begun"), b"y" * 3000)
    found = await tables.registries.summary("dmc", ann.id, sees_all=False)
    assert found is not None
    assert found.repositories == 4
    assert 4000 < found.size < 8000
    last = await tables.catalog.repository(Repository("dmc", "docs"))
    assert last is not None
    assert found.pushed_at == last.pushed_at
