"""What has been damaged and is somewhere still is healed without a push; of the rest it is said what to push."""

import json
import shutil
import sqlite3
from pathlib import Path

from tests.faults.damage import KINDS, lengthen, lose, push_as_clients_do, some_images, swap, verify
from tests.faults.test_corruption import path_of, push_all
from tests.process.client import Client, digest_of, manifest
from tests.process.server import Launcher

SPOIL = """
UPDATE manifests SET body = CAST('spoilt' AS BLOB)
WHERE repository_id = (SELECT id FROM repositories WHERE name = ?)
"""
UNLINK = """
DELETE FROM links WHERE digest = ? AND repository_id = (SELECT id FROM repositories WHERE name = ?)
"""


def change(launch: Launcher, sql: str, *values: object) -> None:
    """Damage the database."""
    with sqlite3.connect(launch.data / "moorage.db") as connection:
        connection.execute(sql, values)
    connection.close()


def test_what_lies_elsewhere_is_brought_back(launch: Launcher) -> None:
    images = some_images(12)
    running = launch("--verify-days", "0")
    push_all(running, images)
    swap(path_of(launch, images[0].digest), path_of(launch, images[1].digest))
    lengthen(path_of(launch, images[2].digest))
    path_of(launch, images[3].digest).rename(launch.data / "blobs" / "uploads" / "left-by-a-crash")
    change(launch, "UPDATE blobs SET size = size + 1 WHERE digest = ?", images[4].digest)
    astray = launch.data / "blobs" / "sha256" / "00" / ("00" * 32)
    astray.parent.mkdir(exist_ok=True)
    path_of(launch, images[5].digest).rename(astray)
    lose(path_of(launch, images[6].digest))
    code, found = verify(launch, "--repair")
    assert code == 1
    assert sorted(found["healed"]) == sorted(image.digest for image in images[:6])
    (left,) = found["damages"]
    assert (left["digest"], left["images"]) == (images[6].digest, [images[6].name])
    assert images[6].name in left["repair"]
    for image in images[:6]:
        with running.client(image.repository) as client:
            assert push_as_clients_do(client, image) == 0
            client.pull(image.tag)
    with running.client(images[6].repository) as client:
        assert push_as_clients_do(client, images[6]) == 1
        rows = json.loads(client.ask("GET", "/api/v1/activity?what=repair").body)["items"]
    assert sorted(row["target"] for row in rows) == sorted(["storage", *(image.digest for image in images[:6])])
    assert verify(launch)[0] == 0


def test_a_copy_heals_what_is_nowhere_here(launch: Launcher, tmp_path: Path) -> None:
    images = some_images(10)
    running = launch("--verify-days", "0")
    push_all(running, images)
    shutil.copytree(launch.data / "blobs", tmp_path / "copy" / "blobs")
    for at, image in enumerate(images[:5]):
        KINDS[at][0](path_of(launch, image.digest))
    # A copy may be damaged, too.
    copied = tmp_path / "copy" / path_of(launch, images[0].digest).relative_to(launch.data)
    KINDS[0][0](copied)
    code, found = verify(launch, "--repair", "--from", str(tmp_path / "copy"))
    assert code == 1
    assert [item["digest"] for item in found["damages"]] == [images[0].digest]
    for image in images[1:]:
        with running.client(image.repository) as client:
            client.pull(image.tag)


def test_damaged_rows_of_images_are_named_and_healed(launch: Launcher) -> None:
    running = launch("--verify-days", "0")
    layer = b"layer" * 100
    with running.client("dmc/app") as client:
        client.create()
        digest = client.push("latest", layer)
        alone = client.push("alone", layer, note="alone")
    with running.client("dmc/copy") as client:
        client.push("latest", layer)
    change(launch, SPOIL, "dmc/app")
    change(launch, UNLINK, digest_of(layer), "dmc/copy")
    with running.client("dmc/app") as client:
        for reference in ("latest", digest, alone):
            assert client.ask("GET", f"manifests/{reference}").status == 404
            assert client.ask("HEAD", f"manifests/{reference}").status == 404
    code, found = verify(launch)
    assert code == 1
    named = {(item["digest"], item["repositories"][0], item["fault"]) for item in found["damages"]}
    assert named == {
        (digest, "dmc/app", "changed"),
        (alone, "dmc/app", "changed"),
        (digest, "dmc/copy", "incomplete"),
    }
    code, found = verify(launch, "--repair")
    assert sorted(found["healed"]) == [f"dmc/app@{digest}", f"dmc/copy@{digest}"]
    assert [item["images"] for item in found["damages"]] == [["dmc/app:alone"]]
    with running.client("dmc/app") as client:
        client.pull("latest")
        push_alone(client, layer)
    with running.client("dmc/copy") as client:
        client.pull("latest")
    assert verify(launch)[0] == 0


def push_alone(client: Client, layer: bytes) -> None:
    assert client.put("alone", manifest(layer, note="alone")).status == 201
    client.pull("alone")
