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
