"""What is pushed and pulled: images of small blobs, two big blobs, and files to upload that are new each time."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bench.client import Source

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"

LAYERS = 5
LAYER_SIZE = 4096
MEDIUM = 2_000_000
LARGE = 200_000_000
AT_ONCE = 4
STAMP = 64
PIECE = 8 * 1024 * 1024

APP = "bench/app"
TAGGED = "bench/tagged"
PUSHED = "bench/pushed"
TAGS = 5_000
REPOSITORIES = 1_000
# One registry for all: Moorage names what the others have no name for by the first part.
MANY = "bench/many"
UPLOADED = "bench/uploaded"


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest and the blobs it names."""

    manifest: bytes
    blobs: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        """The manifest's digest."""
        return digest(self.manifest)


@dataclass(frozen=True, slots=True)
class Layered:
    """An image whose layers are files."""

    manifest: bytes
    config: bytes
    layers: tuple[Source, ...]

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.manifest) + len(self.config) + sum(layer.size for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Content:
    """All that every server holds, and the files of the uploads."""

    image: Image
    medium: Source
    large: Source
    uploads: tuple[Path, ...]
    layered: Mapping[str, Layered] = field(default_factory=dict)
    """Images of files, by repository."""

    def stamped(self, stamp: str, count: int) -> list[Source]:
        """Return `count` large files whose bytes nobody has seen: the same for the same stamp."""
        with ThreadPoolExecutor() as threads:
            return list(
                threads.map(lambda pair: stamped(pair[1], f"{stamp} {pair[0]}"), enumerate(self.uploads[:count]))
            )


def make_content(folder: Path, size: int = LARGE, count: int = AT_ONCE) -> Content:
    """Return new content; the large blob and so many others to upload, of that size, are written to the folder."""
    image = make_image()
    medium, large = write_random(folder / "medium", MEDIUM), write_random(folder / "large", size)
    uploads = tuple(write_random(folder / f"upload-{number}", size) for number in range(count))
    return Content(image, _source(medium), _source(large), uploads)


def make_image() -> Image:
    """Return an image as builders make them, with small layers."""
    layers = tuple(os.urandom(LAYER_SIZE) for _ in range(LAYERS))
    config = make_config("2026-01-01T00:00:00Z")
    return Image(make_manifest(config, [(digest(layer), len(layer)) for layer in layers]), (config, *layers))


def make_config(created: str) -> bytes:
    """Return an image's configuration: another one for another time."""
    rootfs = {"type": "layers", "diff_ids": []}
    return json.dumps({"architecture": "amd64", "os": "linux", "created": created, "rootfs": rootfs}).encode()


def make_manifest(config: bytes, layers: Sequence[tuple[str, int]]) -> bytes:
    """Return the manifest of an image, of the digests and sizes of its layers."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": digest(config), "size": len(config)},
        "layers": [{"mediaType": LAYER_TYPE, "digest": name, "size": size} for name, size in layers],
        "annotations": {"org.opencontainers.image.revision": "@COUNT@"},
    }
    return json.dumps(document).encode()


def digest(content: bytes) -> str:
    """Return the sha256 digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tag(number: int) -> str:
    """Return one of the tags that repositories are filled with."""
    return f"v{number:06d}"


def write_random(path: Path, size: int) -> Path:
    """Write a file of random bytes."""
    with path.open("wb") as file:
        for start in range(0, size, PIECE):
            file.write(os.urandom(min(PIECE, size - start)))
    return path


def stamped(path: Path, stamp: str) -> Source:
    """Write a stamp to the beginning of a file, so that nobody has seen its bytes."""
    with path.open("r+b") as file:
        file.write(stamp.encode().ljust(STAMP))
    return _source(path)


def _source(path: Path) -> Source:
    with path.open("rb") as file:
        return Source(path, path.stat().st_size, f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")
