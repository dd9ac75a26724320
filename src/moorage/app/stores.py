"""The place for bytes that the settings name, opened and closed."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from moorage.app.reserve import Reserve
from moorage.blobstore.copies import FolderCopies
from moorage.blobstore.filesystem import FileBlobStore
from moorage.blobstore.registry_copies import RegistryCopies, Upstream
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.leftover_ports import Inventory
from moorage.services.redirects import Signer
from moorage.services.store_port import BlobStore
from moorage.services.verify_ports import Copies, Measuring
from moorage.settings import Settings
from moorage.settings.storage import BucketAddress, amazon

if TYPE_CHECKING:
    from moorage.blobstore.s3.bucket import Bucket


class Store(BlobStore, Measuring, Inventory, Protocol):
    """A place for bytes that verification can read, too, and that lists what it has."""


UPLOAD_MEMORY = 64 * 1024 * 1024
"""Bytes that all processes of a server have for uploads on their way to a bucket."""

LEAST_MEMORY = 24 * 1024 * 1024


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the store; a bucket that can't be used is UNAVAILABLE, with a line for the person who starts the server."""
    blobs = settings.blobs
    if isinstance(blobs, BucketAddress):
        async with _bucket(settings, blobs) as store:
            yield store
        return
    # Only where the database needs the room: it is on this disk, and can be, too, where blobs are not.
    files = (
        FileBlobStore(blobs, has_room=Reserve(settings.data).is_kept)
        if settings.database_file
        else FileBlobStore(blobs)
    )
    try:
        yield files
    finally:
        files.close()


def copies_in(folder: Path) -> Copies:
    """Return what is in a folder that may have what is damaged in the store."""
    return FolderCopies(folder)


@asynccontextmanager
async def copies_at(
    origin: str, registry: str | None, context: ssl.SSLContext | None, authorization: str | None
) -> AsyncIterator[Copies]:
    """Return what is in another registry that may have it; UNAVAILABLE where it does not answer. See `Upstream`."""
    async with RegistryCopies(Upstream(origin, registry, context, authorization)) as copies:
        await copies.check()
        yield copies


def signer_of(settings: Settings) -> Signer | None:
    """Return what signs URLs for clients, where blobs are in a bucket."""
    blobs = settings.blobs
    if not isinstance(blobs, BucketAddress):
        return None
    # As below.
    from moorage.blobstore.s3.signer import BucketSigner  # noqa: PLC0415

    return BucketSigner(bucket_at(settings, blobs, settings.s3_public_endpoint or settings.s3_endpoint))


@asynccontextmanager
async def _bucket(settings: Settings, blobs: BucketAddress) -> AsyncIterator[Store]:
    # Imported here: most servers and commands ask no bucket.
    from moorage.blobstore.s3.store import S3BlobStore  # noqa: PLC0415

    bucket = bucket_at(settings, blobs, settings.s3_endpoint)
    store = S3BlobStore(bucket, max(UPLOAD_MEMORY // settings.workers, LEAST_MEMORY))
    try:
        await check_bucket(bucket, blobs)
        yield store
    finally:
        await store.close()


async def check_bucket(bucket: "Bucket", named: BucketAddress) -> None:
    """Return when a bucket answers; raise UNAVAILABLE, with a line for the person who named it, when it doesn't."""
    try:
        await bucket.check()
    except MoorageError as error:
        reason = error.__cause__ or error.message
        message = f"the bucket {named.name} at {bucket.endpoint} can't be used: {reason}"
        raise MoorageError(ErrorCode.UNAVAILABLE, message) from error


def bucket_at(settings: Settings, blobs: BucketAddress, endpoint: str | None) -> "Bucket":
    """Return the bucket of the settings as it is reached at an endpoint; None is Amazon's."""
    from moorage.blobstore.s3.bucket import Bucket  # noqa: PLC0415  as above
    from moorage.blobstore.s3.signing import Keys  # noqa: PLC0415  likewise

    assert settings.s3_access_key_id is not None  # noqa: S101  the settings fit together
    assert settings.s3_secret_access_key is not None  # noqa: S101  likewise
    secret = settings.s3_secret_access_key.get_secret_value()
    keys = Keys(settings.s3_access_key_id.get_secret_value(), secret, settings.s3_region)
    name = blobs.name
    if endpoint is None:
        endpoint, name = amazon(settings.s3_region, blobs.name)
    return Bucket(endpoint, name, blobs.prefix, keys)
