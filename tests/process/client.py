"""A client over one connection that is kept: what it sends, and what it gets."""

import base64
import hashlib
import http.client
import json
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes


def digest_of(content: bytes) -> str:
    """Return a digest."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def basic(name: str, password: str) -> dict[str, str]:
    """Return the header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def manifest(*layers: bytes, note: str = "") -> bytes:
    """Return the manifest of an image with an empty config; a note makes another image of the same layers."""

    def describe(content: bytes, media_type: str) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": describe(b"{}", CONFIG),
        "layers": [describe(layer, LAYER) for layer in layers],
        "annotations": {"note": note},
    }
    return json.dumps(document).encode()


@dataclass(slots=True)
class Client:
    """Somebody who pushes to and pulls from one repository: over TLS with an authority to trust, else plainly."""

    host: str
    port: int
    repository: str
    account: tuple[str, str]
    authority: ssl.SSLContext | None = None
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        if self.authority is None:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=SECONDS)
        else:
            self.connection = http.client.HTTPSConnection(self.host, self.port, timeout=SECONDS, context=self.authority)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.connection.close()

    def ask(self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, **headers: str) -> Answer:
        """Send a request and read its answer; a path without a leading slash is the repository's."""
        url = path if path.startswith("/") else f"/v2/{self.repository}/{path}"
        sent = basic(*self.account) | {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, url, body, sent)
        return self.answer()

    def answer(self) -> Answer:
        """Read the answer to what was sent."""
        answer = self.connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def open(self, method: str, path: str, **headers: str) -> http.client.HTTPConnection:
        """Send a request's headers; the body and the answer are up to the caller."""
        self.connection.putrequest(method, path if path.startswith("/") else f"/v2/{self.repository}/{path}")
        for name, value in (basic(*self.account) | headers).items():
            self.connection.putheader(name.replace("_", "-"), value)
        self.connection.endheaders()
        return self.connection

    def create(self) -> None:
        """Make the registry; what is deleted there is gone at once."""
        address = self.repository.partition("/")[0]
        answer = self.ask(
            "POST", "/api/v1/registries", json.dumps({"name": address}).encode(), content_type="application/json"
        )
        assert answer.status == 201, answer
        assert self.keep(0).status == 200

    def keep(self, days: int) -> Answer:
        """Let the registry keep what is deleted from now on for so many days."""
        path, sent = f"/api/v1/registries/{self.repository.partition('/')[0]}", json.dumps({"trash_days": days})
        return self.ask("PATCH", path, sent.encode(), content_type="application/json")

    def begin(self) -> str:
        """Open an upload session and return its location."""
        answer = self.ask("POST", "blobs/uploads/")
        assert answer.status == 202, answer
        return answer.headers["location"]

    def append(self, location: str, start: int, content: bytes) -> Answer:
        """Send a chunk."""
        end = start + len(content) - 1
        kind = "application/octet-stream"
        return self.ask("PATCH", location, content, content_range=f"{start}-{end}", content_type=kind)

    def finish(self, location: str, digest: str, content: bytes = b"") -> Answer:
        """Close an upload."""
        return self.ask("PUT", f"{location}?digest={digest}", content)

    def push_blob(self, content: bytes) -> str:
        """Push a blob, and return its digest once it was acknowledged."""
        answer = self.finish(self.begin(), digest_of(content), content)
        assert answer.status == 201, answer
        return digest_of(content)

    def put(self, reference: str, body: bytes) -> Answer:
        """Push a manifest."""
        return self.ask("PUT", f"manifests/{reference}", body, content_type=MANIFEST)

    def push(self, tag: str, *layers: bytes, note: str = "") -> str:
        """Push an image, and return its digest once it was acknowledged."""
        for content in (b"{}", *layers):
            self.push_blob(content)
        body = manifest(*layers, note=note)
        answer = self.put(tag, body)
        assert answer.status == 201, answer
        return digest_of(body)

    def pull(self, reference: str) -> bytes:
        """Return a manifest, and fail unless it and all its blobs are there with the digests they are asked by."""
        answer = self.ask("GET", f"manifests/{reference}")
        assert answer.status == 200, answer
        assert answer.headers["docker-content-digest"] == digest_of(answer.body)
        document = json.loads(answer.body)
        for descriptor in (document["config"], *document["layers"]):
            blob = self.ask("GET", f"blobs/{descriptor['digest']}")
            assert blob.status == 200, blob
            assert digest_of(blob.body) == descriptor["digest"]
        return answer.body
