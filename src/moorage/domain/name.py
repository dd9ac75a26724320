r"""Names: registries, repositories, tags, and how an image name is put together.

    image      ::= server "/" registry "/" repository [ ":" tag ] [ "@" digest ]
    registry   ::= [A-Za-z0-9]+ ([._-] [A-Za-z0-9]+)*                      1 to 64 characters; lower case in addresses
    repository ::= component ("/" component)*
    component  ::= [a-z0-9]+ (("." | "_" | "__" | "-"+) [a-z0-9]+)*
    tag        ::= [A-Za-z0-9_] [A-Za-z0-9._-]{0,127}

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
"""

import re
from dataclasses import dataclass
from typing import NewType

from moorage.domain.digest import DIGEST, Digest
from moorage.domain.errors import ErrorCode, MoorageError

RegistryName = NewType("RegistryName", str)
Tag = NewType("Tag", str)

RESERVED = frozenset({"v1", "v2", "api", "token", "livez", "readyz", "metrics", "ca.crt"})
LONGEST_REGISTRY = 64
LONGEST_NAME = 255

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REGISTRY = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*", re.ASCII)
REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """A repository's name: `dmc/team/app` is repository `team/app` of the registry whose address is `dmc`."""

    registry: str
    path: str

    def __str__(self) -> str:
        """Return the name as clients write it after the server's."""
        return f"{self.registry}/{self.path}"


@dataclass(frozen=True, slots=True)
class Image:
    """A pasted image name, taken apart: any of tag and digest may be missing."""

    repository: Repository
    tag: Tag | None
    digest: Digest | None


def parse_registry(text: str) -> RegistryName:
    """Return `text` as the name of a registry, as typed, or raise NAME_INVALID with the rule it breaks."""
    if len(text) > LONGEST_REGISTRY or REGISTRY.fullmatch(text) is None:
        message = "a registry name is 1 to 64 letters and digits, with single . - or _ between them"
        raise MoorageError(ErrorCode.NAME_INVALID, message, {"name": text[:LONGEST_NAME]})
    if text.lower() in RESERVED:
        message = f"{text.lower()} is a name the server keeps for itself; choose another"
        raise MoorageError(ErrorCode.NAME_INVALID, message, {"name": text})
    return RegistryName(text)


def address_of(name: str) -> str:
    """Return the address of the registry of that name: the first path component of its image names."""
    return name.lower()


def parse_repository(text: str) -> Repository:
    """Return the repository that `registry/repository` names, or raise NAME_INVALID; one component is NAME_UNKNOWN."""
    if len(text) > LONGEST_NAME or REPOSITORY.fullmatch(text) is None:
        message = (
            "a repository name is lower-case letters and digits with . _ - between them, in parts divided by /, "
            f"{LONGEST_NAME} characters at most"
        )
        raise MoorageError(ErrorCode.NAME_INVALID, message, {"name": text[:LONGEST_NAME]})
    registry, slash, path = text.partition("/")
    if not slash:
        message = (
            f"image names here have three parts, server/registry/repository: {text} names a registry only; "
            f"push to server/{text}/NAME or server/REGISTRY/{text}"
        )
        raise MoorageError(ErrorCode.NAME_UNKNOWN, message, {"name": text})
    if len(registry) > LONGEST_REGISTRY or registry in RESERVED or REGISTRY.fullmatch(registry) is None:
        message = f"no registry can be called {registry}"
        raise MoorageError(ErrorCode.NAME_UNKNOWN, message, {"name": text})
    return Repository(registry, path)


def parse_tag(text: str) -> Tag:
    """Return the tag, or raise TAG_INVALID."""
    if TAG.fullmatch(text) is None:
        message = "a tag is 1 to 128 letters, digits, . _ and -, and begins with a letter, a digit or _"
        raise MoorageError(ErrorCode.TAG_INVALID, message, {"tag": text[:LONGEST_NAME]})
    return Tag(text)


def is_digest(reference: str) -> bool:
    """Tell whether a manifest reference is a digest rather than a tag (tags have no colon)."""
    return DIGEST.fullmatch(reference) is not None


def parse_image(text: str) -> Image:
    """Take `registry/repository[:tag][@digest]` apart; raise like the parsers of its pieces."""
    rest, at, digest = text.partition("@")
    head, colon, tag = rest.rpartition(":")
    if "/" in tag:
        head, colon, tag = rest, "", ""
    if at and DIGEST.fullmatch(digest) is None:
        raise MoorageError(ErrorCode.DIGEST_INVALID, None, {"digest": digest[:LONGEST_NAME]})
    repository = parse_repository(head if colon else rest)
    return Image(repository, parse_tag(tag) if colon else None, Digest(digest) if at else None)
