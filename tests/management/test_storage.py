"""Storage over HTTP."""

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
