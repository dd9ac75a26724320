"""Pulling, pushing and deleting images, their tags and their referrers.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
"""

from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import quote, urlencode

from moorage.distribution.http import Answer, Headers, Request, json_answer, names_etag, page_size
from moorage.domain.access import Action
from moorage.domain.digest import Digest, parse_digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.manifest import LARGEST, OCI_INDEX
from moorage.domain.name import Repository, parse_tag
from moorage.services.access import Access
from moorage.services.image_pulls import ImagePullService
from moorage.services.manifests import ManifestService
from moorage.services.records import ManifestRecord, ReferrerRecord
from moorage.services.tally import Tally

LARGEST_PAGE = 10_000


class ManifestHandlers:
    """Requests for `/v2/NAME/manifests/…`, `/v2/NAME/tags/list` and `/v2/NAME/referrers/…`."""

    def __init__(self, manifests: ManifestService, tally: Tally, pulls: ImagePullService, access: Access) -> None:
        self._manifests = manifests
        self._access = access
        self._tally = tally
        self._pulls = pulls

    def foresee(self, repository: Repository, reference: str) -> None:
        """Begin a GET or HEAD; see foresight.py."""
        self._manifests.foresee(repository, _reference(reference))

    async def get(self, request: Request, repository: Repository, reference: str) -> Answer:
        """GET: the bytes as they were pushed, whatever the client accepts: nothing is ever converted."""
        return self._answer(
            request, repository, reference, await self._manifests.get(repository, _reference(reference))
        )

    async def head(self, request: Request, repository: Repository, reference: str) -> Answer:
        """HEAD, as GET; but to whoever may push, a damaged image is not there: so their client sends all of it again.

        Others are told of it as before: to a client that pulls, what it lacks of it may be whole, or nothing.
        """
        record = await self._manifests.get(repository, _reference(reference))
        # Some clients look with a token that is to pull, and ask for another one when they send something.
        if record.is_damaged and await self._access.may(replace(request.caller, scope=None), Action.PUSH, repository):
            raise MoorageError(ErrorCode.MANIFEST_UNKNOWN)
        return self._answer(request, repository, reference, record)

    def _answer(self, request: Request, repository: Repository, reference: str, record: ManifestRecord) -> Answer:
        is_get = request.scope["method"] == "GET"
        # Who has an image asks by digest whether it is still there, before it is named in an index.
        if is_get or ":" in reference:
            self._pulls.note(repository, record.digest, request.caller.name)
        if names_etag(request.headers.get(b"if-none-match"), record.digest):
            return Answer(304, [(b"etag", b'"%s"' % record.digest.encode())])
        # A client asks for an index and then for one of its platforms, and often with a HEAD before: that is one pull.
        if not record.is_part and is_get:
            self._tally.pulled(repository)
        return Answer(200, _headers(record.digest, record.media_type, record.pushed_at), record.body)

    async def put(self, request: Request, repository: Repository, reference: str) -> Answer:
        """PUT by tag, or by digest with any number of `?tag=`."""
        digest: Digest | None = None
        tags = [parse_tag(tag) for tag in request.query.get("tag", [])]
        if ":" in reference:
            digest = parse_digest(reference)
        else:
            tags.append(parse_tag(reference))
        names = tuple(dict.fromkeys(tags))
        body = await request.read(LARGEST)
        stored = await self._manifests.put(
            request.caller, repository, digest, names, body, request.header(b"content-type")
        )
        headers: Headers = [
            (b"location", f"/v2/{repository}/manifests/{stored.digest}".encode()),
            (b"docker-content-digest", stored.digest.encode()),
        ]
        if stored.subject is not None:
            headers.append((b"oci-subject", stored.subject.encode()))
        if "tag" in request.query:
            headers.extend((b"oci-tag", tag.encode()) for tag in names)
        return Answer(201, headers)

    async def delete(self, request: Request, repository: Repository, reference: str) -> Answer:
        """DELETE of a tag alone, or of an image with its tags."""
        await self._manifests.delete(request.caller, repository, _reference(reference))
        return Answer(202)

    async def tags(self, request: Request, repository: Repository) -> Answer:
        """List tags in byte order."""
        limit = page_size(request.parameter("n"), LARGEST_PAGE)
        after = request.parameter("last") or ""
        size = LARGEST_PAGE if limit is None else limit
        names = await self._manifests.tags(repository, after, size + 1)
        headers = next_page(f"/v2/{repository}/tags/list", names, size)
        return json_answer(200, {"name": str(repository), "tags": list(names[:size])}, headers)

    async def referrers(self, request: Request, repository: Repository, digest: str) -> Answer:
        """List what refers to an image, as an index."""
        subject, wanted = parse_digest(digest), request.parameter("artifactType")
        records, last = await self._manifests.referrers(repository, subject, request.parameter("last") or "")
        headers: Headers = []
        if last is not None:
            query = urlencode({"last": last, **({"artifactType": wanted} if wanted else {})})
            headers.append((b"link", f'</v2/{repository}/referrers/{subject}?{query}>; rel="next"'.encode()))
        if wanted:
            records = tuple(record for record in records if record.artifact_type == wanted)
            headers.append((b"oci-filters-applied", b"artifactType"))
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [_descriptor(record) for record in records]}
        answer = json_answer(200, index, headers)
        answer.headers[0] = (b"content-type", OCI_INDEX.encode())
        return answer


def next_page(path: str, names: tuple[str, ...], size: int) -> Headers:
    """Link to what follows a page of `size` names, if `names` holds more."""
    if size == 0 or len(names) <= size:
        return []
    return [(b"link", f'<{path}?n={size}&last={quote(names[size - 1], safe="/")}>; rel="next"'.encode())]


def _reference(text: str) -> str:
    return parse_digest(text) if ":" in text else parse_tag(text)


@lru_cache(maxsize=4096)
def _headers(name: Digest, media_type: str, pushed_at: float) -> Headers:
    """Headers of a pull, made once for an image that is asked for again."""
    digest = name.encode()
    return [
        (b"content-type", media_type.encode()),
        (b"docker-content-digest", digest),
        (b"etag", b'"%s"' % digest),
        (b"last-modified", formatdate(pushed_at, usegmt=True).encode()),
    ]


def _descriptor(record: ReferrerRecord) -> dict[str, object]:
    found: dict[str, object] = {"mediaType": record.media_type, "digest": record.digest, "size": record.size}
    if record.artifact_type:
        found["artifactType"] = record.artifact_type
    if record.annotations:
        found["annotations"] = dict(record.annotations)
    return found
