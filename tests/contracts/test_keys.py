"""Signing keys: all processes have the same, and a replaced one stays as long as it must."""

import asyncio

from tests.contracts.tables import OpenTables, Tables

YEAR = 366 * 86400.0


async def test_the_first_key_is_every_process_s(open_tables: OpenTables) -> None:
    views = [await open_tables() for _ in range(3)]
    await asyncio.gather(*(view.keys.ensure((f"key-{place}", bytes([place]) * 32)) for place, view in enumerate(views)))
    found = [await view.keys.every() for view in views]
    assert found[0] == found[1] == found[2]
    (key,) = found[0]
    assert key.secret == bytes([int(key.id[-1])]) * 32
    await views[0].keys.ensure(("later", b"x"))
    assert await views[0].keys.every() == found[0]


async def test_a_new_key_comes_first_for_every_process(open_tables: OpenTables) -> None:
    one, other = await open_tables(), await open_tables()
    await one.keys.ensure(("first", b"1"))
    assert [key.id for key in await other.keys.every()] == ["first"]
    for name in ("second", "third"):
        answered = await one.keys.rotate((name, b"2"), YEAR)
        assert await other.keys.every() == answered
    assert [key.id for key in await other.keys.every()] == ["third", "second", "first"]


async def test_nothing_written_gives_the_same_object(tables: Tables) -> None:
    await tables.keys.ensure(("first", b"1"))
    assert await tables.keys.every() is await tables.keys.every()


async def test_all_other_keys_can_be_forgotten(tables: Tables) -> None:
    for name in ("first", "second", "third"):
        await tables.keys.rotate((name, b"1"), YEAR)
    assert [key.id for key in await tables.keys.rotate(("fourth", b"4"), 0)] == ["fourth"]


async def test_a_key_that_was_replaced_long_ago_is_forgotten(tables: Tables) -> None:
    # Each key is made a second after the one before at least: "old" was replaced two seconds before "newest" came.
    for name in ("old", "replaced", "signing"):
        await tables.keys.rotate((name, b"1"), YEAR)
    assert [key.id for key in await tables.keys.rotate(("newest", b"1"), 1.5)] == ["newest", "signing", "replaced"]
