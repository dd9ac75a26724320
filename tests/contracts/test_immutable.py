"""An immutable tag stays where it is, whichever way somebody tries to move it; others move as ever."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from moorage.domain.digest import Digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.history import How
from tests.contracts.tables import APP, Tables


class Scene(NamedTuple):
    """A tag that points to the second of two images it has pointed to."""

    tables: Tables
    tag: str
    first: Digest
    second: Digest


async def scene_of(tables: Tables, tag: str) -> Scene:
    return Scene(tables, tag, await tables.image(APP, tag), await tables.image(APP, tag))


Move = Callable[[Scene], Awaitable[object]]

MOVES: dict[str, Move] = {
    "another image is pushed": lambda it: it.tables.image(APP, it.tag),
    "it is pushed among others": lambda it: it.tables.image(APP, "other", it.tag),
    "it is pointed elsewhere": lambda it: it.tables.tags.point(APP, it.tag, it.first, "ann"),
    "it is taken back": lambda it: it.tables.tags.point(APP, it.tag, it.first, "ann", how=How.ROLLBACK),
    "the tag is deleted": lambda it: it.tables.manifests.delete_tag(APP, it.tag, "ann"),
    "the tag is deleted by itself": lambda it: it.tables.tags.delete(APP, it.tag, "ann"),
    "its image is deleted": lambda it: it.tables.manifests.delete(APP, it.second, "ann"),
    "the tag is deleted in a list": lambda it: it.tables.catalog.delete(APP, (), (it.tag,), "ann"),
    "its image is deleted in a list": lambda it: it.tables.catalog.delete(APP, (it.second,), (), "ann"),
    "the repository is deleted": lambda it: it.tables.catalog.delete(APP, None, (), "ann"),
}

OVERRIDES: dict[str, Move] = {
    "it is pointed elsewhere": lambda it: it.tables.tags.point(APP, it.tag, it.first, "ann", overrides=True),
    "it is taken back": lambda it: it.tables.tags.point(APP, it.tag, it.first, "ann", how=How.ROLLBACK, overrides=True),
    "the tag is deleted by itself": lambda it: it.tables.tags.delete(APP, it.tag, "ann", overrides=True),
    "the tag is deleted in a list": lambda it: it.tables.catalog.delete(APP, (), (it.tag,), "ann", overrides=True),
    "its image is deleted in a list": lambda it: it.tables.catalog.delete(APP, (it.second,), (), "ann", overrides=True),
    "the repository is deleted": lambda it: it.tables.catalog.delete(APP, None, (), "ann", overrides=True),
}


@pytest.mark.parametrize("rule", ["v* *-final", "x\nv*", "v* !*-dev @a*"])
@pytest.mark.parametrize("move", MOVES)
async def test_an_immutable_tag_stays(tables: Tables, move: str, rule: str) -> None:
    scene = await scene_of(tables, "v1")
    assert await tables.registries.update("dmc", {"immutable_tags": rule})
    with pytest.raises(MoorageError) as refused:
        await MOVES[move](scene)
    assert refused.value.error is ErrorCode.TAG_IMMUTABLE
    found = await tables.manifests.find(APP, "v1")
    assert found
    assert found.digest == scene.second
    assert await tables.manifests.tags(APP, "", 10) == ("v1",)
    assert len(await tables.history.moves(APP, "v1", None, 10)) == 2


@pytest.mark.parametrize(("rule", "tag"), [("v*", "latest"), ("v* !*-dev", "v1-dev"), ("v* @team/*", "v1")])
@pytest.mark.parametrize("move", MOVES)
async def test_other_tags_move(tables: Tables, move: str, rule: str, tag: str) -> None:
    scene = await scene_of(tables, tag)
    await tables.registries.update("dmc", {"immutable_tags": rule})
    await MOVES[move](scene)
    found = await tables.manifests.find(APP, tag)
    assert found is None or found.digest != scene.second


@pytest.mark.parametrize("move", OVERRIDES)
async def test_what_overrides_a_rule_moves_its_tags(tables: Tables, move: str) -> None:
    scene = await scene_of(tables, "v1")
    await tables.registries.update("dmc", {"immutable_tags": "v*"})
    await OVERRIDES[move](scene)
    found = await tables.manifests.find(APP, "v1")
    assert found is None or found.digest != scene.second


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
