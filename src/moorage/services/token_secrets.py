"""The secrets of access tokens: made up here, recognized anywhere, and kept as nothing but a hash.

    secret ::= "moorage_" 40*40 random 6*6 checksum      random, checksum ::= one of [A-Za-z0-9]

What scans code and logs for secrets finds them by their beginning, and knows by the checksum that it is one; so does
the server, which hashes nothing and asks no database for what was never a secret. SHA-256 alone is enough for 238
random bits: nobody can try them out.
"""

import hashlib
import re
import secrets
import string

PREFIX = "moorage_"
RANDOM = 40
CHECKED = 6
ALPHABET = string.ascii_letters + string.digits
SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9]{{{RANDOM + CHECKED}}}", re.ASCII)


def make_secret() -> str:
    """Return a secret that nobody has seen."""
    start = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return start + _checksum(start)


def is_secret(text: str) -> bool:
    """Tell whether a text has the form of a secret; no password that somebody chose has it."""
    return SECRET.fullmatch(text) is not None and text[-CHECKED:] == _checksum(text[:-CHECKED])


def hash_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    letters = ""
    for _ in range(CHECKED):
        number, rest = divmod(number, len(ALPHABET))
        letters += ALPHABET[rest]
    return letters
