"""The port `Tags`."""

from typing import NoReturn

import pytest

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.records import TagMove
from tests.contracts.tables import APP, OTHER, Tables

NOWHERE = Digest("sha256:" + "0" * 64)


def refuse(_: object) -> NoReturn:
    raise MoorageError(ErrorCode.PRECONDITION_FAILED)


async def pointed(tables: Tables, tag: str) -> str | None:
    found = await tables.tags.find(APP, tag)
    pulled = await tables.manifests.find(APP, tag)
    assert (found and found.digest) == (pulled and pulled.digest)
    return found.digest if found else None


async def test_a_tag_points_to_an_image_of_its_repository(tables: Tables) -> None:
    first, second = await tables.image(APP, "1"), await tables.image(APP, "2")
    assert await tables.tags.point(APP, "1", second, "ann") == (TagMove("1", first),)
    assert await tables.tags.point(APP, "new", first, "tom") == (TagMove("new", None),)
    assert (await pointed(tables, "1"), await pointed(tables, "new")) == (second, first)
    found = await tables.tags.find(APP, "new")
    assert found is not None
    assert (found.name, found.pushed_by) == ("new", "tom")
    assert await tables.tags.find(OTHER, "new") is None


async def test_a_tag_that_is_there_already_does_not_move(tables: Tables) -> None:
    first = await tables.image(APP, "1")
    before = await tables.tags.find(APP, "1")
    assert await tables.tags.point(APP, "1", first, "tom") == ()
    assert await tables.tags.find(APP, "1") == before


async def test_nothing_points_to_what_the_repository_has_not(tables: Tables) -> None:
    await tables.image(APP, "1")
    elsewhere = await tables.image(OTHER, "1")
    for repository, digest in ((APP, NOWHERE), (APP, elsewhere), (OTHER, NOWHERE)):
        assert await tables.tags.point(repository, "2", digest, "ann") is None
    assert await pointed(tables, "2") is None


async def test_a_rule_of_the_registry_holds_a_tag(tables: Tables) -> None:
    first, second = await tables.image(APP, "1"), await tables.image(APP, "2")
    await tables.registries.update("dmc", {"immutable_tags": "1"})
    for change in (tables.tags.point(APP, "1", second, "ann"), tables.tags.delete(APP, "1", "ann")):
        with pytest.raises(MoorageError) as failed:
            await change
        assert failed.value.error is ErrorCode.TAG_IMMUTABLE
    assert await pointed(tables, "1") == first


async def test_a_tag_goes_alone(tables: Tables) -> None:
    first = await tables.image(APP, "1", "2")
    gone = await tables.tags.delete(APP, "1", "ann")
    assert gone is not None
    assert (gone.tags, gone.digest) == (("1",), first)
    assert await tables.tags.delete(APP, "1", "ann") is None
    assert (await pointed(tables, "1"), await pointed(tables, "2")) == (None, first)


async def test_a_check_is_shown_the_tag_or_nothing_and_stops_the_change(tables: Tables) -> None:
    first, second = await tables.image(APP, "1"), await tables.image(APP, "2")
    seen: list[object] = []
    one = await tables.tags.find(APP, "1")
    for change in (
        tables.tags.point(APP, "1", second, "ann", refuse),
        tables.tags.point(APP, "new", second, "ann", refuse),
        tables.tags.delete(APP, "1", "ann", refuse),
        tables.catalog.delete(APP, (first,), (), "ann", check_image=refuse),
    ):
        with pytest.raises(MoorageError):
            await change
    assert (await pointed(tables, "1"), await pointed(tables, "new")) == (first, None)
    family = await tables.catalog.image(APP, first)
    await tables.tags.point(APP, "new", first, "ann", seen.append)
    await tables.tags.point(APP, "1", second, "ann", seen.append)
    await tables.tags.delete(APP, "new", "ann", seen.append)
    await tables.catalog.delete(APP, (first,), (), "ann", check_image=seen.append)
    await tables.catalog.delete(APP, (NOWHERE,), (), "ann", check_image=refuse)
    assert seen[:2] == [None, one]
    assert [getattr(what, "name", None) for what in seen[2:3]] == ["new"]
    assert [[image.digest for image in what] for what in seen[3:] if isinstance(what, tuple)] == [[family[0].digest]]
