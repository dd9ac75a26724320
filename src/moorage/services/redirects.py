"""Redirects: a client that can reach the store reads a blob there, and its bytes don't pass through here."""

from typing import Protocol

from moorage.domain.redirect import RedirectRule
from moorage.services.kept_blobs import SMALLEST
from moorage.services.records import BlobRecord, Registry


class Signer(Protocol):
    """The port to a store that clients can read from by themselves. Files have none."""

    def url_of(self, place: str) -> str:
        """Return a URL that a GET of a blob, or of any part of it, is answered at without credentials for some minutes.

        It is a secret. Whether there are any bytes nobody looks; BLOB_UNKNOWN for a place that is none of the store's.
        """


class RedirectService:
    """Says where else than here a blob is read."""

    def __init__(self, rule: RedirectRule, signer: Signer | None) -> None:
        self._rule = rule
        self._signer = signer

    def url_for(self, client: str, registry: Registry | None, blob: BlobRecord) -> str | None:
        """Return the URL that the client at an address is redirected to, which may read the blob; None for nowhere.

        The smallest blobs are kept here: a client has them for the one request that a redirect takes.
        """
        if self._signer is None or registry is None or blob.size <= SMALLEST:
            return None
        if not self._rule.redirects(registry.redirects, client):
            return None
        return self._signer.url_of(blob.place)
