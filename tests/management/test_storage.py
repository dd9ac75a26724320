"""Storage over HTTP."""

import pytest

from moorage.domain.access import Caller
from moorage.domain.errors import MoorageError
from moorage.management.storage import ServerQuota
from moorage.services.usage_ports import ServerUse
from tests.management.world import World

LONGER_THAN_A_LEASE = 2 * 86_400.0


async def test_what_is_deleted_waits_and_then_comes_free(world: World) -> None:
    before = (await world.ask("GET", "/storage")).json()
    await world.image("dmc/big", "1", layer=b"x" * 50_000)
    full = (await world.ask("GET", "/storage")).json()
    assert full["stored"] >= before["stored"] + 50_000
    await world.ask("DELETE", "/registries/dmc/repositories/big")
    kept = (await world.ask("POST", "/storage/collect")).json()["usage"]
    assert (kept["stored"], kept["waiting"]) == (full["stored"], 0)
    await world.ask("DELETE", "/registries/dmc/deleted")
    early = (await world.ask("POST", "/storage/collect")).json()
    assert (early["blobs"], early["freed"]) == (0, 0)
    assert early["usage"]["waiting"] >= 50_000
    await world.services.collect.tick(LONGER_THAN_A_LEASE)
    done = (await world.ask("POST", "/storage/collect")).json()
    assert done["freed"] >= 50_000
    assert done["usage"] == (await world.ask("GET", "/storage")).json() == before


async def test_without_a_quota_of_the_server_its_use_is_told_all_the_same(world: World) -> None:
    before = (await world.ask("GET", "/storage")).json()["quota"]
    await world.image("dmc/big", "1", layer=b"x" * 50_000)
    after = (await world.ask("GET", "/storage")).json()["quota"]
    assert after["used"] >= before["used"] + 50_000
    assert after == {"quota": None, "used": after["used"], "left": None, "level": "free", "note": ""}


async def test_what_the_server_holds_of_its_quota_is_for_administrators(world: World) -> None:
    held = ServerUse(900, 1000)
    assert ServerQuota.of(held).model_dump(mode="json") == {
        "quota": 1000,
        "used": 900,
        "left": 100,
        "level": "warning",
        "note": "",
    }
    assert ServerQuota.of(ServerUse(1500, 1000)).note == "Pushes are refused until 500 B is freed"
    with pytest.raises(MoorageError):
        await world.services.keeping.server_quota.get(Caller(user_id=5, name="mara"))


async def test_the_last_run_and_the_room_are_told_with_who_asked(world: World) -> None:
    before = (await world.ask("GET", "/storage/place")).json()
    assert before["last"] is None
    assert before["place"].endswith("blobs")
    assert before["room"]["total"] >= before["room"]["free"] > 0
    await world.image("dmc/big", "1", layer=b"x" * 50_000)
    await world.ask("DELETE", "/registries/dmc/repositories/big")
    await world.ask("DELETE", "/registries/dmc/deleted")
    await world.services.collect.tick(LONGER_THAN_A_LEASE)
    done = (await world.ask("POST", "/storage/collect")).json()
    after = (await world.ask("GET", "/storage/place")).json()
    last = after["last"]
    assert (last["freed"], last["blobs"], last["asked_by"]) == (done["freed"], done["blobs"], "moorage")
    assert (after["asked_by"], after["unfinished"], after["oldest"]) == (None, 0, None)
    assert after["next_at"] > last["started_at"]


async def test_who_asks_for_a_run_gets_one_from_whoever_runs_the_jobs(world: World) -> None:
    cleanup, collect = world.services.keeping.cleanup, world.services.collect
    await cleanup.ask(Caller(user_id=0, name="ann", is_admin=True))
    assert (await world.ask("GET", "/storage/place")).json()["asked_by"] == "ann"
    assert await collect.is_due(0, 0)
    await collect.collect()
    after = (await world.ask("GET", "/storage/place")).json()
    assert (after["asked_by"], after["last"]["asked_by"]) == (None, "ann")
    assert not await collect.is_due(0, 0)
    (asked,) = [row for row in (await world.ask("GET", "/activity")).json()["items"] if row["what"] == "collect"]
    assert asked["who"] == "ann"


async def test_what_registries_take_is_listed_with_what_each_alone_has(world: World) -> None:
    await world.person("mara")
    await world.image("dmc/app", "1", layer=b"x" * 50_000)
    page = (await world.ask("GET", "/storage/registries")).json()
    (dmc,) = page["items"]
    assert page["as_of"] is not None
    assert 50_000 <= dmc["only_here"] <= dmc["size"] == dmc["stored"]
    assert (await world.ask("GET", "/storage/registries", caller="mara")).status_code == 403
    assert (await world.ask("GET", "/storage/place", caller="mara")).status_code == 403


async def test_runs_that_find_nothing_are_remembered_once_a_minute_at_most(world: World) -> None:
    async def last_run() -> tuple[str, int]:
        last = (await world.ask("GET", "/storage/place")).json()["last"]
        return last["started_at"], last["blobs"]

    await world.image("dmc/app", "1", layer=b"x" * 50_000)
    await world.services.collect.collect()
    first = await last_run()
    await world.services.collect.collect()
    assert await last_run() == first
    assert not await world.services.collect.is_due(30.0, 100.0)
    await world.ask("DELETE", "/registries/dmc/repositories/app")
    await world.ask("DELETE", "/registries/dmc/deleted")
    await world.services.collect.tick(LONGER_THAN_A_LEASE)
    await world.services.collect.collect()
    assert (await last_run())[1] > 0
