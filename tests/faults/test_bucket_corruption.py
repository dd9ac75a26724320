"""The same in a bucket: damaged objects are named and heal, and a bucket that is away is no damage."""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.damage import KINDS, flip, push_as_clients_do, some_images, swap, verify
from tests.faults.test_collection import logged
from tests.faults.test_corruption import push_all
from tests.faults.test_sound import got_whole
from tests.process.client import digest_of
from tests.process.server import Launcher, every
from tests.s3_servers import PASSWORD, USER, S3Server, s3_server

pytestmark = pytest.mark.clients


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[S3Server]:
    with s3_server("versitygw", tmp_path / "store") as server:
        yield server


@pytest.fixture
def launch(launch: Launcher, bucket: S3Server) -> Launcher:
    launch.settings = {
        "MOORAGE_STORAGE_URL": "s3://moorage/prefix",
        "MOORAGE_S3_ENDPOINT": bucket.endpoint,
        "MOORAGE_S3_ACCESS_KEY_ID": USER,
        "MOORAGE_S3_SECRET_ACCESS_KEY": PASSWORD,
        "MOORAGE_VERIFY_DAYS": "0",
    }
    return launch


def object_of(launch: Launcher, bucket: S3Server, digest: str) -> Path:
    connection = sqlite3.connect(launch.data / "moorage.db")
    place: str
    (place,) = connection.execute("SELECT place FROM blobs WHERE digest = ?", (digest,)).fetchone()
    connection.close()
    return bucket.folder / "moorage" / "prefix" / "blobs" / place[:2] / place


def test_25_corruptions_in_a_bucket_are_named_exactly_and_heal(launch: Launcher, bucket: S3Server) -> None:
    images = some_images(40)
    running = launch()
    push_all(running, images)
    expected = {}
    for at, image in enumerate(images[:21]):
        harm, fault = KINDS[at % len(KINDS)]
        harm(object_of(launch, bucket, image.digest))
        expected[image.digest] = fault
    for one, other in ((21, 22), (23, 24)):
        swap(object_of(launch, bucket, images[one].digest), object_of(launch, bucket, images[other].digest))
        expected |= {images[one].digest: "longer", images[other].digest: "truncated"}
    code, found = verify(launch)
    assert code == 1
    assert {item["digest"]: item["fault"] for item in found["damages"]} == expected
    assert len(expected) == 25
    code, found = verify(launch, "--repair")
    healed = set(found["healed"])
    assert healed >= {image.digest for image in images[21:25]}
    for image in images:
        is_damaged = image.digest in expected and image.digest not in healed
        with running.client(image.repository) as client:
            for method in ("HEAD", "GET"):
                assert client.ask(method, f"blobs/{image.digest}").status == (404 if is_damaged else 200)
            assert push_as_clients_do(client, image) == is_damaged
            client.pull(image.tag)
    assert verify(launch)[0] == 0


def test_changed_bytes_of_a_bucket_never_come_whole_and_heal_with_the_next_push(
    launch: Launcher, bucket: S3Server
) -> None:
    running, layers = launch(), [os.urandom(20_000), os.urandom(6_000_000)]
    with running.client() as client:
        client.create()
        client.push("latest", *layers)
    for layer in layers:
        flip(object_of(launch, bucket, digest_of(layer)))
    for layer in layers:
        with running.client() as client:
            assert not got_whole(client, digest_of(layer), None)
        with running.client() as client:
            assert client.ask("HEAD", f"blobs/{digest_of(layer)}").status == 404
    with running.client() as client:
        client.push("latest", *layers)
        client.pull("latest")


def test_objects_that_no_row_knows_are_counted_and_given_back(launch: Launcher, bucket: S3Server) -> None:
    images = some_images(4)
    running = launch("--collect-every", "3600")
    push_all(running, images)
    ours = bucket.bucket("moorage", "prefix")

    async def leave() -> None:
        await ours.put("blobs/le/left/name", [b"left over"])
        await ours.close()

    asyncio.run(leave())
    assert verify(launch)[1]["leftovers"]["count"] == 0
    launch.settings |= {"MOORAGE_LEASE": "1"}
    time.sleep(3)
    assert verify(launch)[1]["leftovers"] == {"count": 1, "bytes": 9, "given_back": False, "refused": None}
    assert verify(launch, "--repair")[1]["leftovers"]["count"] == 1
    assert verify(launch)[1]["leftovers"]["count"] == 0
    assert not (bucket.folder / "moorage" / "prefix" / "blobs" / "le" / "left" / "name").exists()
    for image in images:
        with running.client(image.repository) as client:
            client.pull(image.tag)


def test_a_bucket_that_is_away_is_no_damage(launch: Launcher, bucket: S3Server) -> None:
    images = some_images(6)
    running = launch()
    push_all(running, images)
    here, away = bucket.folder / "moorage", bucket.folder.parent / "away"
    here.rename(away)
    with running.client(images[0].repository) as client:
        assert client.ask("POST", "/api/v1/storage/verification").status == 202
        for _ in every(60, 0.2):
            if logged(running, "a job failed"):
                break
        state: dict[str, Any] = json.loads(client.ask("GET", "/api/v1/storage/verification").body)
        assert state["damaged_blobs"] == 0
        away.rename(here)
        for _ in every(60, 0.2):
            state = json.loads(client.ask("GET", "/api/v1/storage/verification").body)
            if state["last"]:
                break
        assert (state["damaged_blobs"], state["last"]["unread"]) == (0, 0)
        client.pull(images[0].tag)
