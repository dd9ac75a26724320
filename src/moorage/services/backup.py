"""A backup: a move whose destination is a shelf.

    blobs ─▶ the shelf, those that are not there ─▶ a moment ─▶ its rows, in pieces ─▶ the list of its blobs ─▶ manifest

The manifest comes last: without it nothing of a run counts, and content that has arrived is found by the next.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from moorage import __version__
from moorage.domain.backup import FORMAT, BackupManifest, KeptFile, Piece, Rows, name_of, write_manifest
from moorage.domain.digest import Algorithm, Digest, digest_of, parse_digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.backup_ports import RowsAsText, Shelf
from moorage.services.backup_shelf import streamed
from moorage.services.move_ports import Arrival, Moment
from moorage.services.store_port import Received, Stored

PIECE = 2000
"""Blobs in a piece of their list."""

LEVEL = 6
"""Of gzip; what is compressed is the same for the same rows, so that they are kept once."""


class ShelvedBlobs:
    """Blobs on a shelf, as a move reads and writes them: their place is their digest, and so is that of an upload."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def ensure(self, place: str, size: int) -> None:
        """See `BlobStore`."""
        if await self._shelf.size(Digest(place)) != size:
            raise MoorageError(ErrorCode.BLOB_UNKNOWN)

    def read(self, place: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """See `BlobStore`; from the beginning on."""
        assert offset == 0  # noqa: S101  a move reads whole blobs
        return self._shelf.read(Digest(place), length)

    async def append(self, place: str, offset: int, body: AsyncIterator[bytes], algorithm: Algorithm) -> Received:
        """See `BlobStore`; of a body that is not what the digest says nothing is kept."""
        del offset, algorithm
        broken: list[MoorageError] = []

        async def unbroken() -> AsyncIterator[bytes]:
            try:
                async for piece in body:
                    yield piece
            except MoorageError as error:
                broken.append(error)

        try:
            length = await self._shelf.put(parse_digest(place), unbroken())
        except MoorageError as error:
            if error.error is not ErrorCode.DIGEST_INVALID:
                raise
            return Received(0, None, place, *broken)
        return Received(length, Digest(place), place)

    async def commit(self, place: str, digest: Digest, size: int) -> Stored:
        """See `BlobStore`; it is there already."""
        del place, digest, size
        return Stored(None)

    async def reclaim(self, places: Sequence[str] = ()) -> tuple[str, ...]:
        """See `BlobStore`; there is nothing to give back."""
        return tuple(places)


class ShelfDestination:
    """The port `Destination` over a shelf; `manifest` is that of the backup, once it was made.

    `files` go along, by their path in the data folder.
    """

    def __init__(self, shelf: Shelf, rows: RowsAsText, files: Mapping[str, bytes]) -> None:
        self.manifest: BackupManifest | None = None
        self._shelf = shelf
        self._rows = rows
        self._files = files

    async def check(self) -> None:
        """See `Destination`; nothing here is overwritten."""

    async def arrivals(self, digests: Sequence[Digest]) -> Mapping[Digest, Arrival]:
        """See `Destination`; the shelf is asked for each."""
        return {digest: Arrival(digest, None, is_here=True) for digest in digests}

    async def expect(self, uploads: Mapping[Digest, str]) -> None:
        """See `Destination`; the shelf shows what has come."""

    async def arrived(self, digest: Digest, place: str | None) -> None:
        """See `Destination`; likewise."""

    async def take(
        self, moment: Moment, *, damaged: Collection[Digest], is_last: bool, tell: Callable[[int], None]
    ) -> tuple[str, ...]:
        """See `Destination`; what was there stays, as the backups of before."""
        del is_last
        now = datetime.now(UTC)
        wrong: list[str] = []
        tables = [await self._table(moment, table, wrong, tell) for table in self._rows.tables]
        missing: list[str] = []
        blobs = await self._blobs(moment, damaged, missing)
        names = await self._shelf.names()
        contents = await moment.contents()
        manifest = BackupManifest(
            format=FORMAT,
            name=name_of(now, names[-1] if names else None),
            created_at=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
            moorage=__version__,
            schema_version=self._rows.schema,
            contents={**asdict(contents), "rows": sum(table.rows for table in tables)},
            tables=tables,
            blobs=blobs,
            files=[await self._file(path, content) for path, content in self._files.items()],
            last_ids=dict(await moment.last_ids()),
            damaged=missing,
        )
        await self._shelf.save(manifest.name, write_manifest(manifest))
        self.manifest = manifest
        return tuple(wrong)

    async def _table(self, moment: Moment, table: str, wrong: list[str], tell: Callable[[int], None]) -> Rows:
        pieces = []
        async for rows in moment.rows(table):
            if table == self._rows.images:
                wrong += await moment.wrong(rows)
            lines = await asyncio.to_thread(self._rows.written, table, rows)
            pieces.append(await self._piece(lines, len(rows)))
            tell(len(rows))
        return Rows(name=table, rows=sum(piece.rows for piece in pieces), pieces=pieces)

    async def _blobs(self, moment: Moment, damaged: Collection[Digest], missing: list[str]) -> Rows:
        """List the blobs of a moment that are on the shelf."""
        pieces = []
        after = ""
        while blobs := await moment.blobs(after, PIECE):
            missing += [blob.digest for blob in blobs if blob.digest in damaged]
            here = [{"digest": blob.digest, "size": blob.size} for blob in blobs if blob.digest not in damaged]
            lines = "".join(f"{json.dumps(blob)}\n" for blob in here)
            pieces.append(await self._piece(lines.encode(), len(here)))
            after = blobs[-1].digest
        return Rows(name="blobs", rows=sum(piece.rows for piece in pieces), pieces=pieces)

    async def _piece(self, lines: bytes, rows: int) -> Piece:
        content = await asyncio.to_thread(gzip.compress, lines, LEVEL, mtime=0)
        return Piece(digest=await self._keep(content), size=len(content), rows=rows)

    async def _file(self, path: str, content: bytes) -> KeptFile:
        return KeptFile(path=path, digest=await self._keep(content), size=len(content))

    async def _keep(self, content: bytes) -> Digest:
        """Keep content that is at hand, if it is not there."""
        digest = digest_of(content)
        if await self._shelf.size(digest) != len(content):
            await self._shelf.put(digest, streamed(content))
        return digest
