"""Manifests and indexes: what is refused, and what an accepted one names.

The bytes are kept as they came; this module only reads them. Refusal is by syntax, never by a list of known media
types, so that content from tomorrow's clients is stored today.

https://github.com/opencontainers/image-spec/blob/main/manifest.md
https://github.com/opencontainers/image-spec/blob/main/image-index.md
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from moorage.domain.digest import DIGEST, Digest
from moorage.domain.errors import ErrorCode, MoorageError

LARGEST = 4 * 1024 * 1024
"""Bytes of the largest manifest accepted."""

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
IMAGE_CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})

SCHEMA_VERSION = 2
SCHEMA_1 = frozenset(f"application/vnd.docker.distribution.manifest.v1+{form}" for form in ("json", "prettyjws"))
MEDIA_TYPE = re.compile(r"application/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}", re.ASCII)
LARGEST_SIZE = 2**63 - 1
LARGEST_IMAGE = 2**46
"""Bytes of an image's blobs as it gives them: so many that no real one is refused, and that sums fit 64 bits."""

LONGEST_NUMBER = 20

PLATFORM_PART = re.compile(r"[A-Za-z0-9_.+-]{1,64}", re.ASCII)
SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A descriptor of the image specification; `size` in bytes."""

    media_type: str
    digest: Digest
    size: int
    artifact_type: str | None = None
    platform: Mapping[str, Any] | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    is_foreign: bool = False

    @property
    def platform_name(self) -> str | None:
        """`linux/arm64/v8`; None where there is none or it is an attestation's `unknown/unknown`."""
        return platform_name(self.platform)

    @property
    def is_attestation(self) -> bool:
        """Tell whether this child of an index only says something about its sibling (BuildKit's convention)."""
        return "vnd.docker.reference.type" in self.annotations


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an image manifest (config and layers) or an index (children) names."""

    media_type: str
    is_index: bool
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    children: tuple[Descriptor, ...]
    subject: Descriptor | None
    artifact_type: str | None
    annotations: Mapping[str, str]

    @property
    def blobs(self) -> Iterator[Descriptor]:
        """Config and layers: what must be linked to the repository, foreign layers aside."""
        if self.config:
            yield self.config
        yield from self.layers


def parse_manifest(body: bytes, content_type: str | None) -> Manifest:
    """Read a manifest as a client sent it; raise MANIFEST_INVALID, or UNSUPPORTED for Docker's schema 1."""
    document = parse_json(body)
    media_type = _media_type(document, content_type)
    if document.get("schemaVersion") == 1 or media_type in SCHEMA_1:
        message = "Docker image manifest schema 1 is not supported; push with a client of 2017 or later"
        raise MoorageError(ErrorCode.UNSUPPORTED, message)
    if document.get("schemaVersion", SCHEMA_VERSION) != SCHEMA_VERSION:
        _refuse("schemaVersion must be 2")
    is_index = "manifests" in document
    if is_index and ("layers" in document or "config" in document):
        _refuse("a manifest cannot be an image (config, layers) and an index (manifests) at once")
    _check_shape(media_type, document)
    config = _descriptor(document["config"], "config") if "config" in document else None
    manifest = Manifest(
        media_type=media_type,
        is_index=is_index,
        config=config,
        layers=(*_descriptors(document, "layers"), *_descriptors(document, "blobs")),
        children=_descriptors(document, "manifests"),
        subject=_descriptor(document["subject"], "subject") if document.get("subject") is not None else None,
        artifact_type=_text(document, "artifactType") or (config.media_type if config else None),
        annotations=_annotations(document, "manifest"),
    )
    if sum(blob.size for blob in manifest.blobs) > LARGEST_IMAGE:
        _refuse(f"config and layers are larger than {LARGEST_IMAGE} bytes")
    return manifest


def parse_json(body: bytes) -> dict[str, Any]:
    """Read a JSON object strictly: UTF-8, no duplicate names, no NaN, no endless numbers, no lone surrogates."""
    try:
        document = json.loads(
            body.decode(),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_short_int,
            parse_float=_finite,
        )
        if SURROGATE_ESCAPE.search(body):
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        message = f"this is no JSON: {reason.encode(errors='replace').decode()}"
        raise MoorageError(ErrorCode.MANIFEST_INVALID, message) from None
    if not isinstance(document, dict):
        _refuse("a manifest is a JSON object")
    return document


def platform_name(platform: Mapping[str, Any] | None) -> str | None:
    """Return `os/architecture[/variant]` of a platform object or an image config; None where it says nothing."""
    if not platform:
        return None
    parts = [_platform_part(platform.get(key)) for key in ("os", "architecture", "variant")]
    if not (parts[0] and parts[1]):
        return None
    return "/".join(part for part in parts if part)


def platforms_of(manifest: Manifest, config: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the platforms an image runs on: its children's, or that of its config (the parsed config blob)."""
    if not manifest.is_index:
        own = platform_name(config)
        return (own,) if own else ()
    found = (child.platform_name for child in manifest.children if not child.is_attestation)
    return tuple(dict.fromkeys(name for name in found if name))


def _platform_part(found: object) -> str | None:
    is_name = isinstance(found, str) and found != "unknown" and PLATFORM_PART.fullmatch(found) is not None
    return str(found) if is_name else None


def _media_type(document: dict[str, Any], content_type: str | None) -> str:
    declared = (content_type or "").partition(";")[0].strip()
    inner = _text(document, "mediaType")
    if declared and inner and declared != inner:
        _refuse(f"Content-Type is {declared[:127]} and mediaType is {inner[:127]}; they must agree")
    media_type = declared or inner or (OCI_INDEX if "manifests" in document else OCI_MANIFEST)
    if MEDIA_TYPE.fullmatch(media_type) is None:
        _refuse(f"{media_type[:127]} is no media type of a manifest")
    return media_type


def _check_shape(media_type: str, document: dict[str, Any]) -> None:
    """Refuse a well-known media type without its members; an unknown one promises none."""
    if media_type in {OCI_MANIFEST, DOCKER_MANIFEST} and not ("config" in document and "layers" in document):
        _refuse("an image manifest has config and layers")
    if media_type in {OCI_INDEX, DOCKER_LIST} and "manifests" not in document:
        _refuse("an index has manifests")


def _descriptors(document: dict[str, Any], name: str) -> tuple[Descriptor, ...]:
    # Go writes null for a list that nothing was added to.
    found = document.get(name)
    if found is None:
        return ()
    if not isinstance(found, list):
        _refuse(f"{name} must be a list")
    return tuple(_descriptor(item, f"{name}[{place}]") for place, item in enumerate(found))


def _descriptor(found: object, where: str) -> Descriptor:
    if not isinstance(found, dict):
        _refuse(f"{where} must be a descriptor")
    digest, size = found.get("digest"), found.get("size")
    if not isinstance(digest, str) or DIGEST.fullmatch(digest) is None:
        _refuse(f"{where} has no sha256 or sha512 digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= LARGEST_SIZE:
        _refuse(f"{where} has no size in bytes")
    platform, urls = found.get("platform"), found.get("urls")
    if not (platform is None or isinstance(platform, dict)):
        _refuse(f"{where}.platform must be an object")
    return Descriptor(
        media_type=_text(found, "mediaType") or "",
        digest=Digest(digest),
        size=size,
        artifact_type=_text(found, "artifactType"),
        platform=platform,
        annotations=_annotations(found, where),
        is_foreign=isinstance(urls, list) and bool(urls),
    )


def _annotations(document: dict[str, Any], where: str) -> dict[str, str]:
    found = document.get("annotations")
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        _refuse(f"annotations of {where} must be an object of strings")
    return found


def _text(document: dict[str, Any], name: str) -> str | None:
    found = document.get(name)
    if not (found is None or isinstance(found, str)):
        _refuse(f"{name} must be a string")
    return found or None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a name occurs twice in one object"
        raise ValueError(message)
    return found


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON number"
    raise ValueError(message)


def _short_int(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        message = f"a number of {len(text)} digits"
        raise ValueError(message)
    return int(text)


def _finite(text: str) -> float:
    number = float(text) if len(text) <= LONGEST_NUMBER * 2 else math.inf
    if not math.isfinite(number):
        message = "a number that is too long or too large"
        raise ValueError(message)
    return number


def _refuse(message: str) -> NoReturn:
    raise MoorageError(ErrorCode.MANIFEST_INVALID, message)
