"""Blobs that a disk has damaged, in every way, and pushes that bring them again."""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.process.client import Client, digest_of, manifest
from tests.process.server import MOORAGE, Launcher

KILOBYTE = 1024


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    """Lose the end."""
    os.truncate(path, path.stat().st_size - 1)


def lengthen(path: Path) -> None:
    """Gain a byte."""
    with path.open("ab") as file:
        file.write(b"\0")


def lose(path: Path) -> None:
    """Lose the file."""
    path.unlink()


def empty(path: Path) -> None:
    """Lose all bytes, but not the file."""
    os.truncate(path, 0)


def swap(one: Path, other: Path) -> None:
    """Let two files change places."""
    aside = one.with_suffix(".aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


KINDS: Sequence[tuple[Callable[[Path], None], str]] = (
    (flip, "changed"),
    (truncate, "truncated"),
    (lengthen, "longer"),
    (lose, "missing"),
    (empty, "truncated"),
)


@dataclass(frozen=True)
class Image:
    """An image of one layer of its own."""

    repository: str
    tag: str
    layer: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.layer)

    @property
    def name(self) -> str:
        return f"{self.repository}:{self.tag}"


def some_images(count: int) -> list[Image]:
    """Return images of three repositories, whose layers are as many different sizes."""
    return [Image(f"dmc/app{at % 3}", f"v{at}", os.urandom(KILOBYTE * (1 + 13 * at) + at)) for at in range(count)]


def push_as_clients_do(client: Client, image: Image) -> int:
    """Push an image; what a HEAD finds is not sent again. Return how many blobs were sent."""
    sent = 0
    for content in (b"{}", image.layer):
        if client.ask("HEAD", f"blobs/{digest_of(content)}").status == 404:
            client.push_blob(content)
            sent += 1
    answer = client.put(image.tag, manifest(image.layer))
    assert answer.status == 201, answer
    return sent


def verify(launch: Launcher, *words: str) -> tuple[int, Any]:
    """Run `moorage verify` on the data folder, and return its exit code and what it found."""
    command = [MOORAGE, "verify", "--json", "--data", str(launch.data), *words]
    done = subprocess.run(command, env=launch.environment(), check=False, capture_output=True)
    return done.returncode, json.loads(done.stdout or b"null") or done.stderr.decode()
