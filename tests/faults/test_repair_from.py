"""What is damaged here and right in another registry is fetched from there, by digest, and nothing else is."""

import json
from pathlib import Path

import pytest

from tests.faults.damage import KINDS, lose, some_images, verify
from tests.faults.test_corruption import path_of, push_all
from tests.faults.test_repair import SPOIL, change
from tests.process.client import digest_of, manifest
from tests.process.server import PASSWORD, Launcher, Running

FORGET = "DELETE FROM {} WHERE digest = ?"


@pytest.fixture
def other(tmp_path: Path, bytecode: Path, launch: Launcher) -> "Launcher":
    """Another server's folder; what runs on it ends with the first one's."""
    folder = tmp_path / "other"
    folder.mkdir()
    launcher = Launcher(folder, bytecode)
    launcher.running = launch.running
    return launcher


def source_of(launch: Launcher, running: Running, registry: str = "") -> list[str]:
    """Return the options that name a server as where copies are, with its password in the environment."""
    launch.settings = {"MOORAGE_FROM_USER": "admin", "MOORAGE_FROM_PASSWORD": PASSWORD}
    ca_crt = running.data / "tls" / "ca.crt"
    return ["--repair", "--from", f"https://localhost:{running.https}{registry}", "--from-ca-file", str(ca_crt)]


def test_another_registry_heals_what_is_damaged_here(launch: Launcher, other: Launcher) -> None:
    images = some_images(12)
    running, there = launch("--verify-days", "0"), other("--verify-days", "0")
    push_all(running, images)
    push_all(there, images[:10])
    for at, image in enumerate(images[:5]):
        KINDS[at][0](path_of(launch, image.digest))
    # The copy may be damaged, too.
    KINDS[0][0](path_of(other, images[0].digest))
    lose(path_of(launch, images[11].digest))
    change(launch, SPOIL, "dmc/app0")
    # One whose repository has lost a blob, with all its rows.
    gone = images[7].digest
    for table in ("links", "blobs"):
        change(launch, FORGET.format(table), gone)
    path_of(launch, gone).unlink()
    code, found = verify(launch, *source_of(launch, there))
    assert code == 1
    assert {item["digest"] for item in found["damages"]} == {images[0].digest, images[11].digest}
    healed = {name for name in found["healed"] if name.startswith("sha256:")}
    assert healed == {image.digest for image in images[1:5]}
    assert {name.partition("@")[0] for name in found["healed"] if "@" in name} == {"dmc/app0", "dmc/app1"}
    for image in images[1:11]:
        with running.client(image.repository) as client:
            client.pull(image.tag)
    with running.client() as client:
        rows = json.loads(client.ask("GET", "/api/v1/activity?what=repair&n=100").body)["items"]
    assert {row["target"] for row in rows} >= healed


def test_a_registry_of_another_name_may_have_it(launch: Launcher, other: Launcher) -> None:
    running, there, layer = launch("--verify-days", "0"), other("--verify-days", "0"), b"layer" * 1000
    with running.client("dmc/app") as client:
        client.create()
        client.push("latest", layer)
    with there.client("copies/app") as client:
        client.create()
        client.push("latest", layer)
    lose(path_of(launch, digest_of(layer)))
    code, found = verify(launch, *source_of(launch, there))
    assert (code, found["healed"]) == (1, [])
    code, found = verify(launch, *source_of(launch, there, "/copies"))
    assert (code, found["healed"]) == (0, [digest_of(layer)])
    with running.client("dmc/app") as client:
        assert client.pull("latest") == manifest(layer)


def test_one_line_says_why_a_registry_is_of_no_use(launch: Launcher, other: Launcher) -> None:
    running, there = launch("--verify-days", "0"), other("--verify-days", "0")
    with running.client() as client:
        client.create()
        client.push("latest", b"layer")
    lose(path_of(launch, digest_of(b"layer")))
    options = source_of(launch, there)
    launch.settings["MOORAGE_FROM_PASSWORD"] = "another"
    code, said = verify(launch, *options)
    assert (code, said.strip()) == (
        1,
        f"moorage: https://localhost:{there.https} refuses the credentials that it was shown",
    )
    code, said = verify(launch, *options[:3])
    assert code == 1
    assert "CERTIFICATE_VERIFY_FAILED" in said
    for words in (
        ("--from", options[2]),
        ("--repair", "--from", "http://registry.example.org"),
        ("--repair", "--from", "https://host/a/b"),
        ("--repair", "--from", str(launch.folder), "--from-ca-file", options[-1]),
    ):
        assert verify(launch, *words)[0] == 2
