"""Small blobs from a bucket, kept in memory: an image's configuration is pulled as often as the image."""

from moorage.domain.digest import Digest

SMALLEST = 16 * 1024
"""Bytes of a blob that is worth keeping: to send it costs no more than to tell where it is."""

ROOM = 8 * 1024 * 1024
"""Bytes that one process keeps at most."""


class KeptBlobs:
    """Whole blobs, the last that were asked for."""

    def __init__(self, room: int = ROOM) -> None:
        self._left = room
        self._bodies: dict[Digest, bytes] = {}

    def get(self, digest: Digest) -> bytes | None:
        """Return a blob's bytes, if they are kept."""
        body = self._bodies.pop(digest, None)
        if body is not None:
            # Anew, and so at the end: what was asked for longest ago goes first.
            self._bodies[digest] = body
        return body

    def keep(self, digest: Digest, body: bytes) -> None:
        """Keep bytes that were compared with their digest, and drop others for them."""
        if digest not in self._bodies:
            self._bodies[digest] = body
            self._left -= len(body)
            while self._left < 0:
                self._left += len(self._bodies.pop(next(iter(self._bodies))))
