"""Writes side by side, of several processes: as good as one after the other."""

import asyncio
from collections.abc import Sequence

from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import OCI_CONFIG, OCI_MANIFEST
from tests.contracts.tables import APP, OpenTables, Tables

ROUNDS = 8


def refusal(outcome: object) -> ErrorCode | None:
    assert not isinstance(outcome, BaseException) or isinstance(outcome, MoorageError), outcome
    return outcome.error if isinstance(outcome, MoorageError) else None


def image_of(content: bytes) -> dict[str, object]:
    config = {"mediaType": OCI_CONFIG, "digest": digest_of(content), "size": len(content)}
    return {"schemaVersion": 2, "config": config, "layers": []}


async def opened(open_tables: OpenTables) -> tuple[Tables, Tables]:
    one, other = await open_tables(), await open_tables()
    await one.registry()
    return one, other


async def test_an_image_is_never_without_its_blob(open_tables: OpenTables) -> None:
    one, other = await opened(open_tables)
    for number in range(ROUNDS):
        content = b"%d" % number
        digest = await one.blob(APP, content)
        outcomes = await asyncio.gather(
            one.put(APP, image_of(content), OCI_MANIFEST), other.blobs.unlink(APP, digest), return_exceptions=True
        )
        pushed, unlinked = [refusal(outcome) for outcome in outcomes]
        assert (pushed, unlinked) in {(None, ErrorCode.IN_USE), (ErrorCode.MANIFEST_BLOB_UNKNOWN, None)}
        assert (await one.blobs.find(APP, digest) is None) == (pushed is not None)


async def test_what_is_pushed_beside_a_collection_keeps_its_bytes(open_tables: OpenTables) -> None:
    one, other = await opened(open_tables)
    for number in range(ROUNDS):
        content = b"%d" % number
        digest = await one.blob(APP, content)
        await one.blobs.unlink(APP, digest)
        await one.pass_time(1.1)
        events: list[str] = []

        async def push(content: bytes, digest: Digest, events: list[str]) -> None:
            upload = await other.uploads.begin(f"upload of {digest}", APP, "ann", Algorithm.SHA256)
            await other.uploads.claim(digest, len(content))
            events.append("bytes come")
            assert await other.uploads.finish(upload, digest, len(content))

        def discard(digests: Sequence[Digest], events: list[str] = events) -> None:
            events.extend("bytes go" for _ in digests)

        await asyncio.gather(one.garbage.sweep(10, discard), push(content, digest, events))
        assert await other.blobs.find(APP, digest) is not None
        assert events in (["bytes come"], ["bytes go", "bytes come"])


async def test_a_tag_that_must_not_move_points_at_one_image(open_tables: OpenTables) -> None:
    one, other = await opened(open_tables)
    await one.registries.update("dmc", {"immutable_tags": "v*"})
    for number in range(ROUNDS):
        images = [await one.image(APP) for _ in range(2)]
        found = [await one.manifests.find(APP, image) for image in images]
        bodies = [manifest.body for manifest in found if manifest is not None]
        tag = f"v{number}"
        outcomes = await asyncio.gather(
            one.push(APP, bodies[0], OCI_MANIFEST, tag),
            other.push(APP, bodies[1], OCI_MANIFEST, tag),
            return_exceptions=True,
        )
        refused = [refusal(outcome) for outcome in outcomes]
        assert set(refused) == {None, ErrorCode.TAG_IMMUTABLE}
        moved = await one.manifests.find(APP, tag)
        assert moved is not None
        assert moved.digest == images[refused.index(None)]


async def test_of_the_last_two_administrators_one_stays(open_tables: OpenTables) -> None:
    one, other = await opened(open_tables)
    names = [("ann", one), ("bob", other)]
    for name, tables in names:
        await tables.accounts.create(name, "hash", is_admin=True)
    for _ in range(ROUNDS):
        outcomes = await asyncio.gather(
            *(tables.accounts.change(name, is_disabled=True) for name, tables in names), return_exceptions=True
        )
        assert [refusal(outcome) for outcome in outcomes].count(ErrorCode.IN_USE) == 1
        for name, tables in names:
            await tables.accounts.change(name, is_disabled=False)


async def test_a_name_is_taken_once(open_tables: OpenTables) -> None:
    one, other = await opened(open_tables)
    for number in range(ROUNDS):
        outcomes = await asyncio.gather(
            *(tables.accounts.create(f"ann-{number}", "hash", is_admin=False) for tables in (one, other)),
            return_exceptions=True,
        )
        assert [refusal(outcome) for outcome in outcomes].count(ErrorCode.CONFLICT) == 1


async def test_every_push_counts(open_tables: OpenTables) -> None:
    one, other = await opened(open_tables)
    await asyncio.gather(*(tables.image(APP, "latest") for tables in (one, other) for _ in range(ROUNDS)))
    found = await one.catalog.repository(APP)
    assert found is not None
    assert (found.pushes, found.tags) == (2 * ROUNDS, 1)
