"""The port `Strays`: what a row knows is never taken for a leftover, and what none knows goes with a collection."""

from moorage.domain.digest import Algorithm, digest_of
from moorage.metastore.steps import Steps
from moorage.metastore.tables import moved_blobs
from moorage.metastore.uploads import DISCARD
from moorage.metastore.upsert import insert_or_nothing
from moorage.services.leftover_ports import Lying
from tests.contracts.tables import APP, Tables

MOVING = insert_or_nothing(moved_blobs, ["digest"])


def at_its_digest(content: bytes) -> Lying:
    return Lying(digest_of(content), len(content))


def in_a_folder(upload: str) -> Lying:
    return Lying(upload, 5, upload, upload)


def in_a_bucket(upload: str, name: str = "name") -> Lying:
    return Lying(f"{upload}/{name}", 5, upload, f"{upload} {name}:5")


async def test_what_a_row_knows_is_no_leftover(tables: Tables) -> None:
    await tables.blob(APP, b"layer")
    await tables.uploads.begin("begun", APP, "ann", Algorithm.SHA256)
    upload = await tables.uploads.begin("ended", APP, "ann", Algorithm.SHA256)
    await tables.uploads.claim(digest_of(b"placed"), 6)
    assert await tables.uploads.finish(upload, digest_of(b"placed"), 6, "ended/name")
    moving = {"digest": digest_of(b"moving"), "upload_id": "moving", "place": "moving/name", "is_here": True}

    def story() -> Steps[None]:
        yield MOVING, moving
        for place in ("going", "leaving more:5 still:5", "parting/name"):
            yield DISCARD, {"place": place, "lease": 100.0}

    await tables.database.write(story)
    known = [at_its_digest(content) for content in (b"layer", b"placed", b"moving")]
    known += [place for of in ("begun", "moving", "going", "leaving", "parting") for place in _both(of)]
    known += [in_a_bucket("ended")]
    strays = [at_its_digest(b"stray"), *_both("stray"), in_a_bucket("ended", "piece"), in_a_folder("goin")]
    assert await tables.strays.among([*known, *strays]) == tuple(strays)
    assert await tables.strays.adopt(known) == ()


def _both(upload: str) -> tuple[Lying, Lying]:
    return in_a_folder(upload), in_a_bucket(upload)


async def test_what_no_row_knows_goes_with_the_next_collection(tables: Tables) -> None:
    strays = (at_its_digest(b"stray"), in_a_folder("alone"), in_a_bucket("stray"), in_a_bucket("stray", "other"))
    assert await tables.strays.adopt(strays) == strays
    assert await tables.strays.among(strays) == ()
    await tables.collect()
    assert tables.discarded == [digest_of(b"stray")]
    assert set(await tables.garbage.discarded(10)) == {"alone", "stray name:5", "stray other:5"}


async def test_a_push_that_came_meanwhile_keeps_its_bytes(tables: Tables) -> None:
    stray = at_its_digest(b"layer")
    assert await tables.strays.among([stray]) == (stray,)
    await tables.blob(APP, b"layer")
    assert await tables.strays.adopt([stray]) == ()
    # And one that comes after it was taken for a leftover.
    later = at_its_digest(b"later")
    assert await tables.strays.adopt([later]) == (later,)
    await tables.blob(APP, b"later")
    await tables.collect()
    assert tables.discarded == []


async def test_any_number_of_things_is_looked_for(tables: Tables) -> None:
    blobs = [b"%d" % at for at in range(3)]
    for content in blobs:
        await tables.blob(APP, content)
    lying = [at_its_digest(b"%d" % at) for at in range(1200)]
    assert await tables.strays.among(lying) == tuple(lying[3:])
