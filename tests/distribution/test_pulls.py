"""What clients do to pull an image is one pull, and no write to the database."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import NamedTuple

import httpx
import pytest

from moorage.app.services import SYSTEM, Services
from moorage.domain.digest import Digest, digest_of
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST
from moorage.domain.name import Repository
from moorage.metastore.sqlite import SQLite
from moorage.settings import Settings
from tests.distribution.conversation import Conversation
from tests.distribution.log import watched
from tests.distribution.test_access import token_for

PULL = "repository:dmc/ubuntu:pull"
LAYER = b"layer"
BLOBS = [("GET", f"blobs/{digest_of(content)}") for content in (b"{}", LAYER)]


class Pushed(NamedTuple):
    """The digest of an index under the tag `v1`, and that of its only image, which has the tag `amd64`."""

    whole: Digest
    image: Digest


Asked = list[tuple[str, str]]


def docker(pushed: Pushed) -> Asked:
    """Return what docker and containerd ask: where the tag points, what that is, the platform, its blobs."""
    return [
        ("HEAD", "manifests/v1"),
        ("GET", f"manifests/{pushed.whole}"),
        ("HEAD", f"manifests/{pushed.image}"),
        ("GET", f"manifests/{pushed.image}"),
        *BLOBS,
    ]


def podman(pushed: Pushed) -> Asked:
    """Return what podman, skopeo and crane ask: the tag, the platform, its blobs."""
    return [("GET", "manifests/v1"), ("GET", f"manifests/{pushed.image}"), *BLOBS]


def of_one_platform(pushed: Pushed) -> Asked:
    """Return what is asked for an image that is no index, though an index names it."""
    return [("HEAD", "manifests/amd64"), ("GET", "manifests/amd64"), ("HEAD", f"manifests/{pushed.image}"), *BLOBS]


@pytest.fixture
async def http(settings: Settings, services: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with watched(settings, services) as client:
        yield client


@pytest.fixture
async def pushed(talk: Conversation) -> Pushed:
    image = await talk.push_image("amd64", LAYER)
    descriptor = {"mediaType": OCI_MANIFEST, "digest": image, "size": 1}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]}
    return Pushed(await talk.push_manifest("v1", index), image)


async def counted(services: Services) -> tuple[int, float | None]:
    await services.activity.flush()
    found = await services.catalog.repository(SYSTEM, Repository("dmc", "ubuntu"))
    return found.pulls, found.last_pulled_at


@pytest.mark.parametrize("client", [docker, podman, of_one_platform])
async def test_a_pull_is_one_pull_and_writes_nothing(
    settings: Settings,
    services: Services,
    writer: Conversation,
    pushed: Pushed,
    client: Callable[[Pushed], Asked],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bearer = await token_for(writer, PULL)
    writes: list[object] = []
    write = SQLite.write

    async def noted(database: SQLite, story: Callable[[], object], *, alone: bool = False) -> object:
        writes.append(story)
        return await write(database, story, alone=alone)  # type: ignore[arg-type]

    assert settings.database_file is not None
    with closing(sqlite3.connect(settings.database_file)) as other, monkeypatch.context() as watching:
        watching.setattr(SQLite, "write", noted)
        version = other.execute("PRAGMA data_version").fetchone()
        for method, path in client(pushed):
            assert (await bearer.ask(method, path)).status_code == 200
        assert writes == []
        assert other.execute("PRAGMA data_version").fetchone() == version
        pulls, at = await counted(services)
        assert len(writes) == 1
    assert pulls == 1
    assert at is not None


async def test_two_pulls_of_a_tag_are_two_and_looking_is_none(
    services: Services, writer: Conversation, pushed: Pushed
) -> None:
    bearer = await token_for(writer, PULL)
    for _ in range(2):
        for method, path in docker(pushed):
            await bearer.ask(method, path)
    for path in ("manifests/v1", f"manifests/{pushed.image}"):
        await bearer.ask("HEAD", path)
    assert (await counted(services))[0] == 2
