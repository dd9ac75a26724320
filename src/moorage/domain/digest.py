"""Digests: what content is known by.

    digest    ::= algorithm ":" encoded
    algorithm ::= "sha256" | "sha512"
    encoded   ::= lower-case hexadecimal digits, 64 or 128

https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests
"""

import hashlib
import re
from enum import StrEnum
from typing import NewType

from moorage.domain.errors import ErrorCode, MoorageError

Digest = NewType("Digest", str)
"""A digest that has been through `parse_digest`, `digest_of` or a hasher."""


class Algorithm(StrEnum):
    """The registered algorithms of the image specification."""

    SHA256 = "sha256"
    SHA512 = "sha512"


DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")


def parse_digest(text: str) -> Digest:
    """Return the digest that `text` is, or raise DIGEST_INVALID."""
    if DIGEST.fullmatch(text) is None:
        message = "a digest is sha256: and 64, or sha512: and 128, lower-case hexadecimal digits"
        raise MoorageError(ErrorCode.DIGEST_INVALID, message, {"digest": text[:256]})
    return Digest(text)


def parse_algorithm(text: str) -> Algorithm:
    """Return the algorithm of that name, or raise DIGEST_INVALID."""
    try:
        return Algorithm(text)
    except ValueError:
        message = "this server knows the digest algorithms sha256 and sha512"
        raise MoorageError(ErrorCode.DIGEST_INVALID, message, {"algorithm": text[:64]}) from None


def algorithm_of(digest: Digest) -> Algorithm:
    """Return the algorithm a digest was made with."""
    return Algorithm(digest.partition(":")[0])


def digest_of(content: bytes, algorithm: Algorithm = Algorithm.SHA256) -> Digest:
    """Return the digest of bytes that are at hand."""
    return Digest(f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}")
