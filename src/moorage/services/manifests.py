"""Images and tags: stored as they came, once everything they name is there."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from moorage.domain.access import Caller
from moorage.domain.activity import Change, Facts, Kind, image_name, tag_name
from moorage.domain.digest import Digest, algorithm_of, digest_of
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import IMAGE_CONFIGS, Descriptor, Manifest, parse_manifest, platforms_of
from moorage.domain.name import Repository, Tag, is_digest
from moorage.domain.retention import LABEL, parse_span
from moorage.domain.upload import check_digest
from moorage.services.ports import Blobs, Manifests
from moorage.services.recording import recorded_as
from moorage.services.records import Dropped, ManifestRecord, NewManifest, Pushed, ReferrerRecord
from moorage.services.store_port import BlobStore

LARGEST_CONFIG = 1024 * 1024
"""Bytes of the largest image config that is read for its platform."""

CONFIGS_KEPT = 4096
"""Configs of which is kept in memory what counts: one is often pushed under many tags, and can never change."""

LONGEST_PLATFORM = 64
PLATFORM = ("os", "architecture", "variant")


class ManifestService:
    """The use cases of images and tags."""

    def __init__(self, manifests: Manifests, blobs: Blobs, store: BlobStore) -> None:
        self._manifests = manifests
        self._configs: dict[Digest, Mapping[str, Any]] = {}
        self._blobs = blobs
        self._store = store

    async def get(self, repository: Repository, reference: str) -> ManifestRecord:
        """Return an image by tag or digest, or raise MANIFEST_UNKNOWN."""
        found = await self._manifests.find(repository, reference)
        if found is None:
            raise MoorageError(ErrorCode.MANIFEST_UNKNOWN, None, {"name": str(repository), "reference": reference})
        return found

    def foresee(self, repository: Repository, reference: str) -> None:
        """Begin to find an image for a request that will `get` it."""
        self._manifests.foresee(repository, reference)

    async def put(
        self,
        caller: Caller,
        repository: Repository,
        digest: Digest | None,
        tags: Sequence[Tag],
        body: bytes,
        content_type: str | None,
    ) -> NewManifest:
        """Store an image under its digest and point tags at it; raise DIGEST_INVALID when it has another digest."""
        manifest = parse_manifest(body, content_type)
        found = digest_of(body, algorithm_of(digest)) if digest else digest_of(body)
        if digest is not None:
            check_digest(digest, found)
        config = await self._config(repository, manifest)
        new = describe(manifest, found, body, config)
        with recorded_as(caller, partial(_push, repository, new)):
            await self._manifests.put(repository, new, tags, caller.name)
        return new

    async def delete(self, caller: Caller, repository: Repository, reference: str) -> None:
        """Delete a tag alone, or an image with its tags; raise MANIFEST_UNKNOWN."""
        with recorded_as(caller, partial(_deletion, repository, reference)):
            if is_digest(reference):
                deleted = await self._manifests.delete(repository, Digest(reference), caller.name)
            else:
                deleted = await self._manifests.delete_tag(repository, reference, caller.name)
        if deleted is None:
            raise MoorageError(ErrorCode.MANIFEST_UNKNOWN, None, {"name": str(repository), "reference": reference})

    async def tags(self, repository: Repository, after: str, limit: int) -> tuple[str, ...]:
        """List tag names in byte order, or raise NAME_UNKNOWN."""
        found = await self._manifests.tags(repository, after, limit)
        if found is None:
            raise MoorageError(ErrorCode.NAME_UNKNOWN, None, {"name": str(repository)})
        return found

    async def referrers(
        self, repository: Repository, subject: Digest, after: str
    ) -> tuple[tuple[ReferrerRecord, ...], Digest | None]:
        """List what refers to an image, past the digest `after`, and the digest to go on from if there is more.

        First what says so itself, then what old clients left under a tag of the image's name.
        """
        found, last = await self._manifests.referrers(repository, subject, after)
        fallback = await self._manifests.find(repository, fallback_tag(subject)) if last is None else None
        if fallback is None:
            return found, last
        # In a thread: it can be megabytes, and anyone may ask.
        manifest = await asyncio.to_thread(parse_manifest, fallback.body, fallback.media_type)
        more = {child.digest: _referrer_of(child) for child in manifest.children}
        own = {record.digest for record in found}
        return (*found, *(record for digest, record in more.items() if digest not in own)), None

    async def _config(self, repository: Repository, manifest: Manifest) -> Mapping[str, Any] | None:
        """Read an image's config for its platform and label; one that is not here or cannot be read says nothing."""
        config = manifest.config
        if config is None or config.media_type not in IMAGE_CONFIGS or config.size > LARGEST_CONFIG:
            return None
        blob = await self._blobs.find(repository, config.digest)
        if blob is None or blob.is_damaged or blob.size > LARGEST_CONFIG:
            return None
        # Only now: what another repository's config says is nobody's business here.
        known = self._configs.get(config.digest)
        if known is not None:
            return known
        try:
            pieces = [piece async for piece in self._store.read(blob.place, 0, blob.size)]
            found = json.loads(b"".join(pieces))
        except (MoorageError, ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        if len(self._configs) >= CONFIGS_KEPT:
            self._configs.clear()
        says = self._configs[config.digest] = {name: _short(found.get(name)) for name in PLATFORM} | _label_of(found)
        return says


def _push(repository: Repository, manifest: NewManifest, pushed: Pushed) -> Iterator[Change]:
    if pushed.is_first:
        yield Change(Kind.CREATE_REPOSITORY, str(repository))
    after: Facts = {"media_type": manifest.media_type, "size": manifest.own_size}
    yield Change(Kind.PUSH_IMAGE, image_name(repository, manifest.digest), None, after)
    for move in pushed.moved:
        before = {"digest": move.previous} if move.previous else None
        yield Change(Kind.MOVE_TAG, tag_name(repository, move.tag), before, {"digest": manifest.digest})


def _deletion(repository: Repository, reference: str, gone: Dropped | None) -> Iterator[Change]:
    if gone is None:
        return
    for tag in gone.tags:
        yield Change(Kind.DELETE_TAG, tag_name(repository, tag), {"digest": gone.digest})
    if is_digest(reference):
        yield Change(Kind.DELETE_IMAGE, image_name(repository, reference))


def _label_of(config: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the label of an image's config that says how long the image is good for."""
    container = config.get("config")
    labels = container.get("Labels") if isinstance(container, dict) else None
    return {LABEL: _short(labels.get(LABEL))} if isinstance(labels, dict) else {}


def _short(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= LONGEST_PLATFORM else None


def fallback_tag(subject: Digest) -> str:
    """Return the tag under which clients list referrers where a registry doesn't; at most 64 digits of the digest.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
    """
    algorithm, _, encoded = subject.partition(":")
    return f"{algorithm}-{encoded[:64]}"


def describe(manifest: Manifest, digest: Digest, body: bytes, config: Mapping[str, Any] | None) -> NewManifest:
    """Gather what is stored of a manifest beside its bytes."""
    sizes = {blob.digest: blob.size for blob in manifest.blobs}
    own = [layer.digest for layer in manifest.layers if not layer.is_foreign]
    label = manifest.annotations.get(LABEL) or (config or {}).get(LABEL)
    needed = dict.fromkeys([*([manifest.config.digest] if manifest.config else []), *own])
    return NewManifest(
        digest=digest,
        media_type=manifest.media_type,
        artifact_type=manifest.artifact_type,
        config_type=manifest.config.media_type if manifest.config else None,
        is_index=manifest.is_index,
        subject=manifest.subject.digest if manifest.subject else None,
        annotations=manifest.annotations,
        platforms=platforms_of(manifest, config),
        body=body,
        own_size=len(body) + sum(sizes.values()),
        needed=tuple(needed),
        named=tuple(dict.fromkeys((*sizes, *(child.digest for child in manifest.children)))),
        expires_after=parse_span(label) if label else None,
    )


def _referrer_of(child: Descriptor) -> ReferrerRecord:
    return ReferrerRecord(child.digest, child.media_type, child.size, child.artifact_type, child.annotations)
