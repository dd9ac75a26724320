"""A conversation with the distribution API, in process: what a client sends, and what it gets."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from moorage.domain.digest import Algorithm, Digest, digest_of
from moorage.domain.manifest import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST

ADMIN_PASSWORD = "correct horse battery"


def basic(name: str, password: str) -> dict[str, str]:
    """Return the header of HTTP Basic."""
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


class Conversation:
    """A client of one repository; every call returns the answer as it came."""

    def __init__(self, http: httpx.AsyncClient, repository: str = "dmc/ubuntu", **headers: str) -> None:
        self.http = http
        self.repository = repository
        self.headers = headers or basic("admin", ADMIN_PASSWORD)

    async def ask(
        self, method: str, path: str, content: bytes | AsyncIterator[bytes] | None = None, **headers: str
    ) -> httpx.Response:
        """Send a request; a path without a leading slash is the repository's."""
        url = path if path.startswith("/") else f"/v2/{self.repository}/{path}"
        every = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        sent = [(name.encode(), value.encode("latin-1")) for name, value in every.items()]
        return await self.http.request(method, url, content=content, headers=sent)

    async def begin(self, query: str = "") -> str:
        """Open an upload session and return its location."""
        answer = await self.ask("POST", f"blobs/uploads/{query}")
        assert answer.status_code == 202, answer.text
        return str(answer.headers["location"])

    async def push_blob(self, content: bytes, algorithm: Algorithm = Algorithm.SHA256) -> Digest:
        """Push a blob by POST and PUT."""
        digest = digest_of(content, algorithm)
        location = await self.begin()
        answer = await self.ask("PUT", f"{location}?digest={digest}", content)
        assert answer.status_code == 201, answer.text
        return digest

    async def push_image(self, reference: str, *layers: bytes, **members: Any) -> Digest:  # noqa: ANN401  JSON
        """Push an image of layers and an empty config; more members of the manifest by name."""
        config = b"{}"
        await self.push_blob(config)
        for layer in layers:
            await self.push_blob(layer)
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": describe(config, OCI_CONFIG),
            "layers": [describe(layer) for layer in layers],
            **members,
        }
        return await self.push_manifest(reference, document)

    async def push_manifest(self, reference: str, document: Mapping[str, Any] | bytes) -> Digest:
        """Push a manifest and return its digest; an empty reference pushes by digest."""
        body = document if isinstance(document, bytes) else encode(document)
        media_type = OCI_MANIFEST
        if not isinstance(document, bytes):
            media_type = document.get("mediaType", OCI_INDEX if "manifests" in document else OCI_MANIFEST)
        answer = await self.ask("PUT", f"manifests/{reference or digest_of(body)}", body, content_type=media_type)
        assert answer.status_code == 201, answer.text
        return Digest(answer.headers["docker-content-digest"])


def describe(content: bytes, media_type: str = "application/vnd.oci.image.layer.v1.tar") -> dict[str, Any]:
    """Return a descriptor of bytes."""
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a document's JSON; its bytes are what is pushed."""
    return json.dumps(document).encode()


def code_of(answer: httpx.Response) -> str:
    """Return the error code of an envelope."""
    errors = answer.json()["errors"]
    assert len(errors) == 1
    assert set(errors[0]) == {"code", "message", "detail"}
    assert errors[0]["message"]
    return str(errors[0]["code"])
