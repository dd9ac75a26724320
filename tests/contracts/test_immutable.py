"""An immutable tag stays where it is, whichever way somebody tries to move it; others move as ever."""

from collections.abc import Awaitable, Callable

import pytest

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from tests.contracts.tables import APP, Tables

MOVES: dict[str, Callable[[Tables, Digest, str], Awaitable[object]]] = {
    "another image is pushed": lambda tables, _, tag: tables.image(APP, tag),
    "it is pushed among others": lambda tables, _, tag: tables.image(APP, "other", tag),
    "the tag is deleted": lambda tables, _, tag: tables.manifests.delete_tag(APP, tag, "ann"),
    "its image is deleted": lambda tables, digest, _: tables.manifests.delete(APP, digest, "ann"),
    "the tag is deleted in a list": lambda tables, _, tag: tables.catalog.delete(APP, (), (tag,), "ann"),
    "its image is deleted in a list": lambda tables, digest, _: tables.catalog.delete(APP, (digest,), (), "ann"),
    "the repository is deleted": lambda tables, _, __: tables.catalog.delete(APP, None, (), "ann"),
}


@pytest.mark.parametrize("move", MOVES)
async def test_an_immutable_tag_stays(tables: Tables, move: str) -> None:
    digest = await tables.image(APP, "v1")
    assert await tables.registries.update("dmc", {"immutable_tags": "v* *-final"})
    with pytest.raises(MoorageError) as refused:
        await MOVES[move](tables, digest, "v1")
    assert refused.value.error is ErrorCode.TAG_IMMUTABLE
    found = await tables.manifests.find(APP, "v1")
    assert found
    assert found.digest == digest
    assert await tables.manifests.tags(APP, "", 10) == ("v1",)


@pytest.mark.parametrize("move", MOVES)
async def test_other_tags_move(tables: Tables, move: str) -> None:
    digest = await tables.image(APP, "latest")
    await tables.registries.update("dmc", {"immutable_tags": "v*"})
    await MOVES[move](tables, digest, "latest")
    found = await tables.manifests.find(APP, "latest")
    assert found is None or found.digest != digest


async def test_a_new_tag_comes_and_the_same_image_may_be_pushed_again(tables: Tables) -> None:
    await tables.registries.update("dmc", {"immutable_tags": "*"})
    document = {"schemaVersion": 2, "manifests": []}
    kind = "application/vnd.oci.image.index.v1+json"
    first = await tables.put(APP, document, kind, "v1")
    assert await tables.put(APP, document, kind, "v1") == first


async def test_a_rule_that_is_taken_away_holds_nothing(tables: Tables) -> None:
    await tables.image(APP, "v1")
    for rule in ("v*", ""):
        await tables.registries.update("dmc", {"immutable_tags": rule})
    assert await tables.manifests.delete_tag(APP, "v1", "ann")
