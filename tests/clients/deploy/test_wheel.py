"""The wheel in an empty environment: which driver comes with what, and what a start without it says."""

import os
import sys
from pathlib import Path

import pytest

from tests.clients.deploy.stand_ins import COMPOSE
from tests.clients.programs import Program

HOUSE = COMPOSE.parent.parent
NOWHERE = "postgresql://moorage:secret@127.0.0.1:1/moorage"


@pytest.fixture(scope="module")
def uv() -> Program:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "MOORAGE_"))}
    return Program(str(Path(sys.executable).with_name("uv")), kept)


@pytest.fixture(scope="module")
def installed(uv: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel without extras; beside it lie the wheel and what else may be installed."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ("build", "--wheel", "--no-build-isolation", "--python", sys.executable)
    uv(*build, "--out-dir", folder, HOUSE)
    locked = ("export", "--frozen", "--all-extras", "--no-dev", "--no-emit-project", "--no-hashes", "--quiet")
    uv(*locked, "--project", HOUSE, "--output-file", folder / "locked.txt")
    uv("venv", "--python", sys.executable, folder / "environment")
    install(uv, folder / "environment", "")
    return folder / "environment"


def install(uv: Program, environment: Path, extras: str) -> None:
    """Install the wheel with extras, as `[postgres]`, of the versions in the lock file."""
    (wheel,) = environment.parent.glob("moorage-*.whl")
    python = environment / "bin" / "python"
    uv(
        "pip",
        "install",
        "--python",
        python,
        "--constraints",
        wheel.with_name("locked.txt"),
        f"moorage{extras} @ {wheel}",
    )


def start(environment: Path, *flags: str) -> str:
    """Start the server, which must not work; return what it says."""
    moorage = Program(str(environment / "bin" / "moorage"), {"PATH": "/usr/bin"} | KEYS)
    (line,) = moorage.refused("serve", "--data", environment.parent / "data", *flags).splitlines()
    return line


KEYS = {"MOORAGE_S3_ACCESS_KEY_ID": "moorage", "MOORAGE_S3_SECRET_ACCESS_KEY": "secret"}


def test_a_start_without_its_driver_says_what_to_install(uv: Program, installed: Path) -> None:
    assert "install moorage[postgres]" in start(installed, "--database-url", NOWHERE)
    install(uv, installed, "[postgres]")
    assert "moorage[postgres]" not in start(installed, "--database-url", NOWHERE)


def test_a_bucket_is_asked_with_and_without_its_extra(uv: Program, installed: Path) -> None:
    bucket = ("--storage-url", "s3://bucket", "--s3-endpoint", "http://127.0.0.1:1")
    said = start(installed, *bucket)
    assert "the bucket bucket at http://127.0.0.1:1 can't be used" in said
    install(uv, installed, "[s3]")
    assert start(installed, *bucket) == said
