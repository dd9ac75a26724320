"""What is done with backups that are there: read, listed, verified, pruned."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field

from moorage.domain.backup import BackupManifest, Piece, parse_manifest
from moorage.domain.digest import Digest, parse_digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.at_once import at_once
from moorage.services.backup_ports import Scratch, Shelf
from moorage.services.move_blobs import AT_ONCE, MISSING, OTHERS, UNREADABLE, Progress, digest_of_all

DAMAGE = frozenset({ErrorCode.BLOB_UNKNOWN, ErrorCode.DIGEST_INVALID})

NAMED = 5
"""Pieces that are named in one line, at most."""


@dataclass(frozen=True, slots=True)
class BackupDamage:
    """Content that is not what its digest says, or not there; what it is, and which backups need it."""

    digest: Digest
    reason: str
    what: str
    backups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of a verification: `read` pieces of content of so many bytes, each once."""

    backups: tuple[str, ...]
    read: int
    read_bytes: int
    unreadable: tuple[str, ...]
    """Why manifests can't be read."""

    damaged: tuple[BackupDamage, ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """Backups that were removed, and how much content that nothing else needs; or why nothing was."""

    backups: tuple[str, ...] = ()
    removed: int = 0
    refused: str | None = None


@dataclass(slots=True)
class _Needed:
    """Content that backups need."""

    size: int
    what: str
    backups: list[str] = field(default_factory=list)


async def manifest_of(shelf: Shelf, name: str | None) -> BackupManifest:
    """Return the manifest of a backup, None for the newest; NOT_FOUND when there is none."""
    names = await shelf.names()
    if not names:
        raise MoorageError(ErrorCode.NOT_FOUND, "there is no backup here")
    if name is not None and name not in names:
        message = f"there is no backup {name} here; the newest is {names[-1]} (moorage backup list)"
        raise MoorageError(ErrorCode.NOT_FOUND, message)
    chosen = name or names[-1]
    return parse_manifest(chosen, await shelf.load(chosen))


async def read_piece(shelf: Shelf, digest: Digest, size: int) -> bytes:
    """Return content; BLOB_UNKNOWN when it is missing, DIGEST_INVALID when it is not what its digest says."""
    if await shelf.size(digest) != size:
        raise MoorageError(ErrorCode.BLOB_UNKNOWN, MISSING)
    content = b"".join([piece async for piece in shelf.read(digest, size)])
    if await digest_of_all(streamed(content), digest) != digest:
        raise MoorageError(ErrorCode.DIGEST_INVALID, OTHERS)
    return content


async def read_list(shelf: Shelf, piece: Piece) -> Sequence[tuple[Digest, int]]:
    """Return a piece of a list of blobs, digests and sizes in bytes; raise as `read_piece` does."""
    lines = _lines(await read_piece(shelf, Digest(piece.digest), piece.size))
    rows = [json.loads(line) for line in lines.splitlines()]
    return [(parse_digest(row["digest"]), int(row["size"])) for row in rows]


async def unpack(shelf: Shelf, manifest: BackupManifest, scratch: Scratch) -> dict[str, bytes]:
    """Put the rows of a backup into a database, and return its files; raise DIGEST_INVALID when any is damaged."""
    damaged = []
    for digest, (size, what) in manifest.pieces.items():
        try:
            await read_piece(shelf, digest, size)
        except MoorageError as error:
            if error.error not in DAMAGE:
                raise
            damaged.append(f"{digest} ({what}): {error.message}")
    if damaged:
        more = f"; and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
        message = f"the backup {manifest.name} is damaged: {'; '.join(damaged[:NAMED])}{more}"
        raise MoorageError(ErrorCode.DIGEST_INVALID, message)
    await scratch.begin(manifest.schema_version)
    for table in manifest.tables:
        await scratch.fill(table.name, b"")
        for piece in table.pieces:
            await scratch.fill(table.name, _lines(await read_piece(shelf, Digest(piece.digest), piece.size)))
    await scratch.end(manifest.last_ids)
    return {file.path: await read_piece(shelf, Digest(file.digest), file.size) for file in manifest.files}


class ShelfService:
    """Looks after the backups on a shelf."""

    def __init__(self, shelf: Shelf, progress: Progress) -> None:
        self._shelf = shelf
        self._progress = progress
        self._unreadable = 0

    async def list(self) -> tuple[tuple[BackupManifest, ...], tuple[str, ...]]:
        """Return the manifests, the oldest first, and why those are not among them that can't be read."""
        found, unreadable = [], []
        for name in await self._shelf.names():
            try:
                found.append(parse_manifest(name, await self._shelf.load(name)))
            except MoorageError as error:
                if error.error is not ErrorCode.DIGEST_INVALID:
                    raise
                unreadable.append(error.message)
        return tuple(found), tuple(unreadable)

    async def verify(self, name: str | None) -> Verified:
        """Read all that backups need, or one of them, and compare it with its digest."""
        manifests, unreadable = await self.list()
        if name is not None:
            manifests, unreadable = (await manifest_of(self._shelf, name),), ()
        needed = await self._needed(manifests)
        damaged: list[BackupDamage] = []
        self._progress.begin("blobs", sum(need.size for need in needed.values()))
        whole: list[int] = []

        async def check(digest: Digest) -> None:
            need = needed[digest]
            reason = await self._wrong(digest, need.size)
            if reason is not None:
                damaged.append(BackupDamage(digest, reason, need.what, tuple(need.backups)))
            else:
                whole.append(need.size)

        await at_once(check, needed, AT_ONCE)
        # A backup may have been pruned meanwhile, and what it alone needed with it.
        there = set(await self._shelf.names())
        found = sorted((damage for damage in damaged if there & set(damage.backups)), key=lambda damage: damage.digest)
        names = tuple(manifest.name for manifest in manifests)
        return Verified(names, len(whole), sum(whole), unreadable, tuple(found))

    async def prune(self, keep: int) -> Pruned:
        """Remove all backups but the newest, and content that none of these needs; nobody else may write meanwhile.

        Nothing goes where a manifest or a list of blobs can't be read: what it needs can't be known.
        """
        manifests, unreadable = await self.list()
        if unreadable:
            return Pruned(refused=unreadable[0])
        kept, gone = manifests[-keep:], manifests[:-keep]
        needed: set[Digest] = set()
        for manifest in kept:
            needed |= manifest.pieces.keys()
            for piece in manifest.blobs.pieces:
                try:
                    needed.update(digest for digest, _ in await read_list(self._shelf, piece))
                except MoorageError as error:
                    if error.error not in DAMAGE:
                        raise
                    return Pruned(refused=f"the backup {manifest.name} is damaged: {piece.digest}: {error.message}")
        return await self._remove(gone, needed)

    async def _remove(self, gone: Sequence[BackupManifest], needed: Collection[Digest]) -> Pruned:
        """Remove backups, and all content but what is needed."""
        for manifest in gone:
            await self._shelf.drop(manifest.name)
        removed = 0
        async for digests in self._shelf.digests():
            unneeded = [digest for digest in digests if digest not in needed]
            await self._shelf.remove(unneeded)
            removed += len(unneeded)
        return Pruned(tuple(manifest.name for manifest in gone), removed)

    async def _needed(self, manifests: Sequence[BackupManifest]) -> dict[Digest, _Needed]:
        """Return what backups need, each once; lists of blobs that can't be read are among it, and name nothing."""
        needed: dict[Digest, _Needed] = {}
        for manifest in manifests:
            for digest, (size, what) in manifest.pieces.items():
                needed.setdefault(digest, _Needed(size, what)).backups.append(manifest.name)
            for piece in manifest.blobs.pieces:
                try:
                    listed = await read_list(self._shelf, piece)
                except MoorageError as error:
                    if error.error not in DAMAGE:
                        raise
                    continue
                for digest, size in listed:
                    needed.setdefault(digest, _Needed(size, "blob")).backups.append(manifest.name)
        return needed

    async def _wrong(self, digest: Digest, size: int) -> str | None:
        """Say what is wrong with content."""
        if await self._shelf.size(digest) != size:
            return MISSING
        try:
            is_right = await digest_of_all(self._told(digest, size), digest) == digest
        except MoorageError as error:
            if error.error is ErrorCode.BLOB_UNKNOWN:
                return MISSING
            # A disk that can't read one file is damage; one that can't read any is gone, and so is a store.
            self._unreadable += 1
            if error.error is not ErrorCode.UNAVAILABLE or self._unreadable > UNREADABLE:
                raise
            return error.message
        self._unreadable = 0
        return None if is_right else OTHERS

    async def _told(self, digest: Digest, size: int) -> AsyncIterator[bytes]:
        async for piece in self._shelf.read(digest, size):
            yield piece
            self._progress.advance(len(piece))


async def streamed(content: bytes) -> AsyncIterator[bytes]:
    """Stream content that is at hand."""
    yield content


def _lines(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        raise MoorageError(ErrorCode.DIGEST_INVALID, "it is no text compressed by gzip") from None
