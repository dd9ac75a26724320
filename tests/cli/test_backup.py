"""`moorage backup` and `moorage restore`: what they say, to people and to programs, and what they refuse."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moorage.app.services import Services
from moorage.cli import app
from moorage.domain.access import Caller
from tests.cli.conftest import Terminal
from tests.moving.places import push


async def filled(services: Services) -> None:
    """Push something."""
    await services.registries.create(Caller(0, "admin", is_admin=True), "DMC")
    await push(services, "dmc/app", b"a layer")


@pytest.fixture
def place(moorage: Terminal, tmp_path: Path) -> str:
    """Return a folder with a backup of a server that has something."""
    moorage.do(filled)
    folder = str(tmp_path / "backups")
    assert moorage("backup", folder) == 0, moorage.err
    return folder


def name_in(place: str) -> str:
    (manifest,) = (Path(place) / "backups").iterdir()
    return manifest.stem


def test_a_backup_says_what_there_is_and_what_came(moorage: Terminal, place: str) -> None:
    name = name_in(place)
    said, blobs, verdict = moorage.out.splitlines()
    assert said.startswith(f"Backup {name}: 1 registry, 1 repository, 0 images, 0 tags, 1 blob of 7 B in ")
    assert blobs == "Of the blobs 1 came now, 7 B; 0 were there"
    assert verdict.startswith("Every digest was verified")
    assert moorage.err.splitlines()[:2] == ["blobs: 0 B of 7 B", "blobs: 7 B of 7 B"]
    assert moorage("backup", "--keep", "1", place) == 0
    assert "Of the blobs 0 came now, 0 B; 1 were there" in moorage.out
    assert "Removed 1 older backup, and 0 pieces of content that no other needs" in moorage.out


def test_programs_get_everything_as_json(moorage: Terminal, place: str, tmp_path: Path) -> None:
    first = name_in(place)
    made = moorage.json("backup", "make", place, "--keep", "1")
    assert (made["copied"], made["already_there"], made["verified"]) == (0, 1, True)
    assert made["removed"] == [first]
    (listed,) = moorage.json("backup", "list", place)
    assert listed["name"] == made["name"]
    assert listed["contents"]["blobs"] == 1
    found = moorage.json("backup", "verify", place)
    assert (found["verified"], found["damaged"], found["backups"]) == (True, [], [made["name"]])
    there = Terminal(tmp_path / "there")
    back = there.json("restore", place)
    assert (back["name"], back["copied"], back["verified"]) == (made["name"], 1, True)


def test_backups_are_listed(moorage: Terminal, place: str) -> None:
    assert moorage("backup", "list", place) == 0
    head, row = moorage.out.splitlines()
    assert head.split() == ["NAME", "MADE", "REGISTRIES", "TAGS", "BLOBS", "SIZE", "DAMAGED"]
    assert row.split()[0] == name_in(place)


def test_a_restoration_says_what_there_is(place: str, tmp_path: Path) -> None:
    there = Terminal(tmp_path / "there")
    assert there("restore", place, "--at", name_in(place)) == 0, there.err
    said, _, verdict = there.out.splitlines()
    assert said.startswith(f"Restored {name_in(place)}: 1 registry, 1 repository, 0 images, 0 tags, 1 blob of 7 B in ")
    assert verdict == "Every digest was verified. Start the server"
    assert there.json("registry", "list")[0]["name"] == "DMC"
    assert there("registry", "create", "Next") == 0
    assert there("restore", place) == 1
    assert "the database that is restored to is in use" in there.err
    assert there.err.count("\n") == 1


def test_damage_is_named_and_exit_1(moorage: Terminal, place: str, tmp_path: Path) -> None:
    (blob,) = (moorage.data / "blobs" / "sha256").glob("*/*")
    kept = Path(place) / "content" / "sha256" / blob.parent.name / blob.name
    kept.write_bytes(b"another")
    named = f"Damaged: sha256:{blob.name}"
    assert moorage("backup", "verify", place) == 1
    assert f"{named} (blob): its bytes are others than its digest says; needed by {name_in(place)}\n" in moorage.out
    there = Terminal(tmp_path / "there")
    assert there("restore", place) == 1
    assert f"{named}: its bytes are others than its digest says\n" in there.out
    assert "The database was left empty" in there.out
    assert there("restore", place, "--skip-damaged") == 1
    assert "What is damaged was left out" in there.out
    assert there("restore", place, "--json") == 1
    assert moorage("backup", place, "--read-back") == 0
    assert moorage("backup", "verify", place, "--json") == 0
    assert json.loads(moorage.out)["verified"] is True


def test_a_manifest_that_is_damaged_is_named_and_the_others_are_listed(moorage: Terminal, place: str) -> None:
    broken = name_in(place)
    (Path(place) / "backups" / f"{broken}.json").write_bytes(b"{}")
    assert moorage("backup", place) == 0
    assert moorage("backup", "list", place) == 1
    assert len(moorage.out.splitlines()) == 2
    assert moorage.err.splitlines()[-1].endswith(f"the backup {broken} is damaged: its manifest is not what it was")
    assert moorage("backup", "verify", place) == 1
    assert f"Damaged: the backup {broken} is damaged" in moorage.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["backup", "s3://x"], "s3://x is no place for backups: name a folder, or s3://BUCKET/PREFIX"),
        (["backup", "s3://bucket"], "a bucket needs MOORAGE_BACKUP_S3_ACCESS_KEY_ID and MOORAGE_BACKUP_S3_SECRET"),
        (["backup", "/dev/null"], "/dev/null: "),
        (["backup", "/dev/null/there"], "/dev/null"),
        (["backup", "list", "/nowhere"], "there is no folder /nowhere"),
        (["restore", "/nowhere"], "there is no folder /nowhere"),
        (["restore", "/dev"], "there is no backup here"),
    ],
)
def test_what_is_no_place_is_told_in_one_line(moorage: Terminal, words: list[str], line: str) -> None:
    assert moorage(*words) == 1
    assert moorage.err.startswith(f"moorage: {line}")
    assert moorage.err.count("\n") == 1


def test_of_a_bucket_for_backups_only_settings_of_buckets_can_be_said(
    moorage: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOORAGE_BACKUP_DATA", "/srv/new")
    assert moorage("backup", "s3://bucket") == 1
    assert moorage.err.startswith("moorage: MOORAGE_BACKUP_DATA: of a place for backups only s3_endpoint, s3_region")
    assert moorage("registry", "list") == 0


def test_a_folder_that_no_server_has_used_is_not_backed_up(tmp_path: Path) -> None:
    there = Terminal(tmp_path / "there")
    assert there("backup", str(tmp_path / "backups")) == 1
    assert there.err.startswith("moorage: there is no data folder")
    assert not (tmp_path / "backups").exists()


def test_keep_wants_one_at_least(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["backup", str(tmp_path), "--keep", "0"]).exit_code == 2
