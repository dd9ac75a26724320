"""People as a directory knows them, and the account name that comes of it."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass

LONGEST_NAME = 64
MARKS = "._-"
_OTHERS = re.compile(r"[^a-z0-9._-]+", re.ASCII)
_MARKS = re.compile(r"[._-]{2,}")


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody a directory has vouched for.

    `directory` is its name in directories.toml; `subject` never changes and is never given to anybody else there.
    """

    directory: str
    subject: str
    name: str
    email: str = ""
    groups: tuple[str, ...] = ()


def account_name(identity: Identity) -> str:
    """Return the nearest valid account name: lower case, without accents, single marks for all else.

    Somebody whose name has no such letters gets one made of the directory's name and the subject.
    """
    plain = unicodedata.normalize("NFKD", identity.name.lower()).encode("ascii", "ignore").decode()
    marked = _MARKS.sub("-", _OTHERS.sub("-", plain))
    name = marked.strip(MARKS)[:LONGEST_NAME].rstrip(MARKS)
    if name:
        return name
    return f"{identity.directory}-{hashlib.sha256(identity.subject.encode()).hexdigest()[:12]}"
