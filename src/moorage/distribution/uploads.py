"""Pushing blobs: whole, in one stream, in chunks, or mounted from another repository.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs
"""

from moorage.distribution.http import Answer, Headers, Request
from moorage.domain.access import Action
from moorage.domain.digest import Algorithm, Digest, algorithm_of, parse_algorithm, parse_digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.name import Repository, is_digest, parse_repository
from moorage.domain.upload import UNKNOWN, Piece, Wanted, parse_piece, range_of
from moorage.services.access import Access
from moorage.services.blobs import BlobService
from moorage.services.registries import RegistryService
from moorage.services.uploads import UploadService

REFUSED = frozenset({ErrorCode.QUOTA_REACHED, ErrorCode.TOO_LARGE_FOR_QUOTA})
"""Why a mount fails that sending the bytes would not mend."""


class UploadHandlers:
    """Requests for `/v2/NAME/blobs/uploads/…`."""

    def __init__(self, uploads: UploadService, blobs: BlobService, registries: RegistryService, access: Access) -> None:
        self._uploads = uploads
        self._blobs = blobs
        self._registries = registries
        self._access = access

    def foresee(self, repository: Repository, upload_id: str) -> None:
        """Begin what is done to a session; see foresight.py."""
        self._uploads.foresee(repository, upload_id)

    async def begin(self, request: Request, repository: Repository) -> Answer:
        """POST: mount if asked and possible, take a whole blob if one comes along, else open a session."""
        await self._registries.ensure(request.caller, repository.registry)
        mount, whole = request.parameter("mount"), request.parameter("digest")
        if mount is not None and await self._mount(request, repository, mount):
            return _created(repository, mount)
        algorithm = parse_algorithm(request.parameter("digest-algorithm") or Algorithm.SHA256)
        if whole is None:
            wanted = Wanted(Digest(mount)) if mount is not None and is_digest(mount) else UNKNOWN
            upload = await self._uploads.begin(request.caller, repository, algorithm, wanted)
            return _accepted(repository, upload.id, 0)
        digest = parse_digest(whole)
        wanted = Wanted(digest, request.length)
        upload = await self._uploads.begin(request.caller, repository, algorithm_of(digest), wanted)
        piece = Piece(None, request.length)
        await self._uploads.finish(request.caller, repository, upload.id, digest, piece, request.body())
        return _created(repository, digest)

    async def status(self, request: Request, repository: Repository, upload_id: str) -> Answer:
        """GET: how far the session has come."""
        upload = await self._uploads.get(request.caller, repository, upload_id)
        return Answer(204, _session(repository, upload.id, upload.size))

    async def append(self, request: Request, repository: Repository, upload_id: str) -> Answer:
        """PATCH: a chunk, or the whole as a stream."""
        piece = parse_piece(request.header(b"content-range"), request.length)
        size = await self._uploads.append(request.caller, repository, upload_id, piece, request.body())
        return _accepted(repository, upload_id, size)

    async def finish(self, request: Request, repository: Repository, upload_id: str) -> Answer:
        """PUT: the last chunk, if any, and the digest of the whole."""
        text = request.parameter("digest")
        if text is None:
            message = "the closing PUT names the digest: ?digest=sha256:…"
            raise MoorageError(ErrorCode.DIGEST_INVALID, message)
        digest = parse_digest(text)
        piece = parse_piece(request.header(b"content-range"), request.length)
        await self._uploads.finish(request.caller, repository, upload_id, digest, piece, request.body())
        return _created(repository, digest)

    async def cancel(self, request: Request, repository: Repository, upload_id: str) -> Answer:
        """DELETE: the session and its bytes go."""
        await self._uploads.cancel(request.caller, repository, upload_id)
        return Answer(204)

    async def _mount(self, request: Request, repository: Repository, mount: str) -> bool:
        """Mount, or say no: whatever stands in the way, the client gets a session and sends the bytes."""
        try:
            source = parse_repository(request.parameter("from") or "")
            await self._access.check(request.caller, Action.PULL, source)
            return await self._blobs.mount(source, repository, parse_digest(mount))
        except MoorageError as error:
            if error.error in REFUSED:
                raise
            return False


def _session(repository: Repository, upload_id: str, size: int) -> Headers:
    # From the root and without a host: clients drop their credentials when scheme or host change.
    return [
        (b"location", f"/v2/{repository}/blobs/uploads/{upload_id}".encode()),
        (b"range", range_of(size).encode()),
        (b"docker-upload-uuid", upload_id.encode()),
    ]


def _accepted(repository: Repository, upload_id: str, size: int) -> Answer:
    return Answer(202, _session(repository, upload_id, size))


def _created(repository: Repository, digest: str) -> Answer:
    headers = [
        (b"location", f"/v2/{repository}/blobs/{digest}".encode()),
        (b"docker-content-digest", digest.encode()),
    ]
    return Answer(201, headers)
