"""What is pushed and pulled: images of small blobs, two big blobs, and files to upload that are new each time."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
class Content:
    """All that every server holds, and the files of the uploads."""

    image: Image
    medium: Source
    large: Source
    uploads: tuple[Path, ...]

    def stamped(self, stamp: str, count: int) -> list[Source]:
        """Return `count` large files whose bytes nobody has seen: the same for the same stamp."""
        with ThreadPoolExecutor() as threads:
            return list(
                threads.map(lambda pair: _stamp(pair[1], f"{stamp} {pair[0]}"), enumerate(self.uploads[:count]))
            )


def make_content(folder: Path) -> Content:
    """Return new content, its big blobs written to the folder: a gigabyte."""
    image = make_image()
    medium, large = _random(folder / "medium", MEDIUM), _random(folder / "large", LARGE)
    uploads = tuple(_random(folder / f"upload-{number}", LARGE) for number in range(AT_ONCE))
    return Content(image, _source(medium), _source(large), uploads)


def make_image() -> Image:
    """Return an image as builders make them, with small layers."""
    layers = tuple(os.urandom(LAYER_SIZE) for _ in range(LAYERS))
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(CONFIG_TYPE, config),
        "layers": [_descriptor(LAYER_TYPE, layer) for layer in layers],
        "annotations": {"org.opencontainers.image.revision": "@COUNT@"},
    }
    return Image(json.dumps(document).encode(), (config, *layers))


def digest(content: bytes) -> str:
    """Return the sha256 digest of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def tag(number: int) -> str:
    """Return one of the tags that repositories are filled with."""
    return f"v{number:06d}"


def _descriptor(media_type: str, content: bytes) -> dict[str, str | int]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def _random(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        for start in range(0, size, PIECE):
            file.write(os.urandom(min(PIECE, size - start)))
    return path


def _stamp(path: Path, stamp: str) -> Source:
    with path.open("r+b") as file:
        file.write(stamp.encode().ljust(STAMP))
    return _source(path)


def _source(path: Path) -> Source:
    with path.open("rb") as file:
        return Source(path, path.stat().st_size, f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")
