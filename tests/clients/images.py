"""Images out of nothing: no network, no base image, new bytes each time."""

import gzip
import hashlib
import io
import json
import secrets
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def dockerfile(folder: Path, *, layers: int, size: int = 100_000) -> Path:
    """Write what `docker build` needs for an image of so many layers of `size` random bytes; return the folder."""
    folder.mkdir()
    lines = ["FROM scratch"]
    for number in range(layers):
        (folder / f"file{number}").write_bytes(secrets.token_bytes(size))
        lines.append(f"COPY file{number} /file{number}")
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    return folder


def layout(folder: Path, *, architectures: Sequence[str] = ("amd64",), layers: int = 2, size: int = 100_000) -> str:
    """Write an OCI image layout tagged `latest`; return the digest of the image, or of the index over several."""
    images = [_image(folder, architecture, layers, size) for architecture in architectures]
    top = images[0]
    if len(images) > 1:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": images}
        top = _blob(folder, json.dumps(index).encode(), INDEX)
    named = top | {"annotations": {"org.opencontainers.image.ref.name": "latest"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    digest: str = top["digest"]
    return digest


def _image(folder: Path, architecture: str, layers: int, size: int) -> dict[str, Any]:
    archives = [_tar(f"file{number}", size) for number in range(layers)]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [_digest(archive) for archive in archives]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _blob(folder, json.dumps(config).encode(), CONFIG),
        "layers": [_blob(folder, gzip.compress(archive), LAYER) for archive in archives],
    }
    image = _blob(folder, json.dumps(manifest).encode(), MANIFEST)
    return image | {"platform": {"os": "linux", "architecture": architecture}}


def _tar(name: str, size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = size
        archive.addfile(entry, io.BytesIO(secrets.token_bytes(size)))
    return buffer.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob(folder: Path, content: bytes, media_type: str) -> dict[str, Any]:
    digest = _digest(content)
    path = folder / "blobs" / digest.replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}
