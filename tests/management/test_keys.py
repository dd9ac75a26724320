"""Signing keys over HTTP."""

from tests.management.world import World


async def test_a_new_key_signs_and_no_secret_is_shown(world: World) -> None:
    (before,) = (await world.ask("GET", "/keys")).json()
    answer = await world.ask("POST", "/keys", {})
    assert answer.status_code == 201
    new, old = answer.json()
    assert (new["is_signing"], old) == (True, {**before, "is_signing": False})
    assert new.keys() == {"id", "created_at", "is_signing"}
    assert (await world.ask("GET", "/keys")).json() == [new, old]


async def test_old_keys_can_be_forgotten(world: World) -> None:
    (before,) = (await world.ask("GET", "/keys")).json()
    (new,) = (await world.ask("POST", "/keys", {"forget": True})).json()
    assert new["id"] != before["id"]
