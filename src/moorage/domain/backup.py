"""What a backup says of itself: a line of JSON, and a line with the digest of the first.

    {"format": 1, "name": "20261130T030000Z", …}
    {"digest": "sha256:…"}

docs/backup.md describes the members.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from moorage.domain.digest import Digest, digest_of, parse_digest
from moorage.domain.errors import ErrorCode, MoorageError

FORMAT = 1

NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)
_NAME = "%Y%m%dT%H%M%SZ"

_Digest = Annotated[str, AfterValidator(parse_digest)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Piece(_Part):
    """Some rows, kept compressed under the digest of `size` bytes."""

    digest: _Digest
    size: int
    rows: int


class Rows(_Part):
    """A table, in the order of its key."""

    name: str
    rows: int
    pieces: list[Piece]


class KeptFile(_Part):
    """A file of the data folder; `path` is relative to it."""

    path: str
    digest: _Digest
    size: int


class BackupManifest(_Part):
    """A backup; `created_at` is RFC 3339."""

    format: int
    name: str
    created_at: str
    moorage: str
    schema_version: str
    contents: dict[str, int]
    tables: list[Rows]
    blobs: Rows
    files: list[KeptFile]
    last_ids: dict[str, int]
    damaged: list[_Digest]

    @property
    def pieces(self) -> dict[Digest, tuple[int, str]]:
        """What is needed to read it, besides its blobs: size in bytes, and what it is."""
        found = {
            Digest(piece.digest): (piece.size, f"rows of {table.name}")
            for table in (*self.tables, self.blobs)
            for piece in table.pieces
        }
        return found | {Digest(file.digest): (file.size, file.path) for file in self.files}


def name_of(now: datetime, last: str | None) -> str:
    """Return a name for a backup made now; names ascend, whatever the clock does."""
    if last is not None:
        after = datetime.strptime(last, _NAME).replace(tzinfo=UTC) + timedelta(seconds=1)
        now = max(now, after)
    return now.strftime(_NAME)


def write_manifest(manifest: BackupManifest) -> bytes:
    """Return a manifest as it is kept."""
    line = manifest.model_dump_json().encode() + b"\n"
    return line + json.dumps({"digest": digest_of(line)}).encode() + b"\n"


def parse_manifest(name: str, content: bytes) -> BackupManifest:
    """Read a manifest; raise DIGEST_INVALID for one that is damaged, UNAVAILABLE for one of a newer format."""
    line, _, rest = content.partition(b"\n")
    line += b"\n"
    damaged = MoorageError(ErrorCode.DIGEST_INVALID, f"the backup {name} is damaged: its manifest is not what it was")
    try:
        if json.loads(rest) != {"digest": digest_of(line)}:
            raise damaged
        found = json.loads(line)
        if found["format"] > FORMAT:
            message = f"the backup {name} was written by a newer Moorage ({found['moorage']}); use that one"
            raise MoorageError(ErrorCode.UNAVAILABLE, message)
        manifest = BackupManifest.model_validate(found)
    except (ValueError, KeyError, TypeError, ValidationError):
        raise damaged from None
    if manifest.name != name:
        raise damaged
    return manifest
