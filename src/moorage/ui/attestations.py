"""Attestations: children of an index that are no platform, but say something about one.

    index ── manifests[] ── platform linux/amd64            an image
                         └─ platform unknown/unknown        its attestation
                            vnd.docker.reference.type       └─ layers[] ── in-toto.io/predicate-type

https://docs.docker.com/build/metadata/attestations/attestation-storage/
"""

from collections.abc import Collection, Mapping

from moorage.domain.digest import Digest
from moorage.domain.manifest import Descriptor, Manifest, parse_manifest
from moorage.domain.name import Repository
from moorage.services.manifests import ManifestService

ATTESTATION = "Attestation"
PREDICATE = "in-toto.io/predicate-type"
PREDICATES = {
    "https://slsa.dev/provenance": "Provenance",
    "https://spdx.dev/Document": "SBOM",
    "https://cyclonedx.org/": "SBOM",
}
"""What statements are, by how the address of their type begins."""

MOST_READ = 20
"""How many attestations of one index are read for what they say; the others are only called attestations."""


async def attestations(
    manifests: ManifestService, repository: Repository, index: Digest, here: Collection[Digest]
) -> Mapping[Digest, tuple[str, ...]]:
    """Return what those of an index's children that are attestations say, as `("SBOM", "Provenance")`, by digest.

    `here` are the children that the repository has.
    """
    children = (await _read(manifests, repository, index)).children
    found: dict[Digest, tuple[str, ...]] = {}
    for child in children:
        if child.digest in here and child.digest not in found and _is_attestation(child):
            is_read = len(found) < MOST_READ
            found[child.digest] = await _says(manifests, repository, child.digest) if is_read else (ATTESTATION,)
    return found


async def _says(manifests: ManifestService, repository: Repository, digest: Digest) -> tuple[str, ...]:
    layers = (await _read(manifests, repository, digest)).layers
    words = (_word(layer.annotations.get(PREDICATE, "")) for layer in layers)
    return tuple(dict.fromkeys(words)) or (ATTESTATION,)


async def _read(manifests: ManifestService, repository: Repository, digest: Digest) -> Manifest:
    record = await manifests.get(repository, digest)
    return parse_manifest(record.body, record.media_type)


def _is_attestation(child: Descriptor) -> bool:
    platform = child.platform or {}
    return child.is_attestation or (platform.get("os"), platform.get("architecture")) == ("unknown", "unknown")


def _word(predicate: str) -> str:
    return next((word for start, word in PREDICATES.items() if predicate.startswith(start)), ATTESTATION)
