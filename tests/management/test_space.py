"""How much space registries and repositories take, to whoever may restore what was deleted."""

import pytest

from tests.management.world import World

LAYER = b"x" * 50_000


async def test_what_is_in_use_recently_deleted_and_on_the_disk_is_told_apart(world: World) -> None:
    await world.image("dmc/app", "1", layer=LAYER)
    before = (await world.ask("GET", "/registries/dmc/space")).json()
    assert before["deleted"] == 0
    assert before["stored"] == before["size"] >= len(LAYER)
    gone = (await world.ask("DELETE", "/registries/dmc/repositories/app")).json()
    after = (await world.ask("GET", "/registries/dmc/space")).json()
    assert after["deleted"] == gone["frees"] >= len(LAYER)
    assert after["stored"] == before["stored"]
    assert after["size"] <= before["size"] - len(LAYER)
    (listed,) = [one for one in (await world.ask("GET", "/registries")).json()["items"] if one["address"] == "dmc"]
    assert {key: listed[key] for key in after} == after
    await world.image("dmc/app", "2", layer=b"other")
    app = (await world.ask("GET", "/registries/dmc/repositories/app/-/space")).json()
    assert app["deleted"] == gone["frees"]
    assert app["stored"] == app["size"] + gone["frees"]


@pytest.mark.usefixtures("people")
async def test_who_may_not_restore_is_told_what_is_in_use_alone(world: World) -> None:
    await world.image("dmc/app", "1", layer=LAYER)
    for caller, status in (("reader", 403), ("writer", 403), ("maintainer", 200)):
        assert (await world.ask("GET", "/registries/dmc/space", caller=caller)).status_code == status
        asked = "/registries/dmc/repositories/app/-/space"
        assert (await world.ask("GET", asked, caller=caller)).status_code == status
        (listed,) = (await world.ask("GET", "/registries", caller=caller)).json()["items"]
        assert (listed["stored"] is None) is (status != 200)
        assert (listed["deleted"] is None) is (status != 200)
        assert listed["size"] >= len(LAYER)


async def test_of_a_repository_that_is_not_there_nothing_is_told(world: World) -> None:
    assert (await world.ask("GET", "/registries/dmc/repositories/none/-/space")).status_code == 404
