"""Bytes that are not what their digest says are named, are served to nobody, and come again with the next push."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.damage import KINDS, Image, push_as_clients_do, some_images, swap, verify
from tests.process.server import Launcher, Running, every


def path_of(launch: Launcher, digest: str) -> Path:
    algorithm, _, encoded = digest.partition(":")
    return launch.data / "blobs" / algorithm / encoded[:2] / encoded


def push_all(running: Running, images: Sequence[Image]) -> None:
    with running.client() as client:
        client.create()
    for image in images:
        with running.client(image.repository) as client:
            client.push(image.tag, image.layer)


def damage(launch: Launcher, images: Sequence[Image]) -> dict[str, str]:
    """Damage 25 layers; return what is wrong with each."""
    expected = {}
    for at, image in enumerate(images[:21]):
        harm, fault = KINDS[at % len(KINDS)]
        harm(path_of(launch, image.digest))
        expected[image.digest] = fault
    for one, other in ((21, 22), (23, 24)):
        first, second = images[one], images[other]
        swap(path_of(launch, first.digest), path_of(launch, second.digest))
        # The second one of each pair is larger.
        expected |= {first.digest: "longer", second.digest: "truncated"}
    return expected


def test_25_corruptions_are_named_exactly_and_heal_with_the_next_push(launch: Launcher) -> None:
    images = some_images(40)
    running = launch("--verify-days", "0")
    push_all(running, images)
    assert verify(launch)[0] == 0
    expected = damage(launch, images)
    assert len(expected) == 25
    code, found = verify(launch)
    assert code == 1
    assert {item["digest"]: item["fault"] for item in found["damages"]} == expected
    by_digest = {item["digest"]: item for item in found["damages"]}
    for image in images:
        is_damaged = image.digest in expected
        if is_damaged:
            assert by_digest[image.digest]["images"] == [image.name]
            assert by_digest[image.digest]["repositories"] == [image.repository]
        with running.client(image.repository) as client:
            wanted = 404 if is_damaged else 200
            for method in ("HEAD", "GET"):
                assert client.ask(method, f"blobs/{image.digest}").status == wanted
            assert push_as_clients_do(client, image) == is_damaged
            client.pull(image.tag)
    code, found = verify(launch)
    assert (code, found["damages"]) == (0, [])
    assert running.stop() == 0


def test_a_server_finds_damage_by_itself_and_says_so_everywhere(launch: Launcher) -> None:
    images = some_images(4)
    running = launch("--verify-days", "0")
    push_all(running, images)
    assert running.stop() == 0
    KINDS[0][0](path_of(launch, images[1].digest))
    running = launch()
    with running.client(images[1].repository) as client:
        for _ in every(60, 0.2):
            if client.ask("GET", f"blobs/{images[1].digest}").status == 404:
                break
        for _ in every(60, 0.2):
            if b'moorage_damaged{kind="blob"} 1.0' in client.ask("GET", "/metrics").body:
                break
        answer = json.loads(client.ask("GET", "/api/v1/storage/verification").body)
        assert (answer["damaged_blobs"], answer["damaged_images"]) == (1, 0)
        rows = json.loads(client.ask("GET", "/api/v1/activity?what=damage").body)["items"]
        assert [(row["target"], row["who"], row["after"]) for row in rows] == [
            (images[1].digest, "moorage", {"fault": "changed"})
        ]
        for _ in every(60, 0.2):
            if "content is damaged" in running.err.read_text():
                break
        push_as_clients_do(client, images[1])
        client.pull(images[1].tag)


def test_a_server_that_is_asked_reads_everything_now(launch: Launcher) -> None:
    images = some_images(4)
    running = launch("--verify-days", "0")
    push_all(running, images)
    KINDS[3][0](path_of(launch, images[2].digest))
    with running.client(images[2].repository) as client:
        answer = client.ask("POST", "/api/v1/storage/verification")
        assert answer.status == 202
        state: dict[str, Any] = {}
        for _ in every(60, 0.2):
            state = json.loads(client.ask("GET", "/api/v1/storage/verification").body)
            if state["last"] and not state["open"]:
                break
        assert state["damaged_blobs"] == 1
        assert state["last"]["asked_by"] == "admin"
        (item,) = json.loads(client.ask("GET", "/api/v1/storage/damages").body)["items"]
        assert (item["digest"], item["fault"], item["images"]) == (images[2].digest, "missing", [images[2].name])


def test_a_folder_whose_blobs_are_not_mounted_is_no_damage(launch: Launcher) -> None:
    images = some_images(30)
    running = launch("--verify-days", "0")
    push_all(running, images)
    blobs, elsewhere = launch.data / "blobs", launch.data / "elsewhere"
    blobs.rename(elsewhere)
    code, _ = verify(launch)
    assert code == 1
    # The command made the folders that a new store has; what was there comes back as a mount does.
    blobs.rename(launch.data / "made-anew")
    elsewhere.rename(blobs)
    with running.client(images[0].repository) as client:
        answer = json.loads(client.ask("GET", "/api/v1/storage/verification").body)
        assert answer["damaged_blobs"] == 0
        client.pull(images[0].tag)
    assert verify(launch)[0] == 0
