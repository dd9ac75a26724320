"""What a decision of retention goes by: everything there is to know about one repository. Times are Unix seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from moorage.domain.immutable import Rule as ImmutableRule

K = TypeVar("K")
V = TypeVar("V")

FALLBACK_DIGITS = 64
"""Digits of a digest in the tag under which clients attach something to an image: `sha256-….sig`."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image: `untagged_at` is when its last tag left it, `expires_after` the seconds that its label says."""

    digest: str
    pushed_at: float
    pulled_at: float | None = None
    subject: str | None = None
    untagged_at: float | None = None
    expires_after: int | None = None


@dataclass(frozen=True, slots=True)
class TagFacts:
    """A tag, when it was last pushed, and when it last came to point there."""

    name: str
    digest: str
    pushed_at: float
    moved_at: float = 0.0

    @property
    def at(self) -> float:
        """What its age counts from: one that was brought back is young again."""
        return max(self.pushed_at, self.moved_at)


@dataclass(frozen=True, slots=True)
class PinFacts:
    """Who keeps an image, why, and until when (None: until they say otherwise)."""

    by: str
    why: str
    until: float | None


@dataclass(frozen=True)
class RepositoryFacts:
    """A repository: `children` maps each index to its images, `pins` digests to those that are good now.

    `immutable` are the rules for tags that never go, `pulls_since` is when pulls of images began to be counted.
    """

    path: str
    images: Mapping[str, ImageFacts]
    tags: Sequence[TagFacts] = ()
    children: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pins: Mapping[str, Sequence[PinFacts]] = field(default_factory=dict)
    immutable: Sequence[ImmutableRule] = ()
    pulls_since: float = 0.0

    @cached_property
    def tagged(self) -> Mapping[str, Sequence[TagFacts]]:
        """Tags by the image they point to."""
        return _grouped((tag.digest, tag) for tag in self.tags)

    @cached_property
    def parents(self) -> Mapping[str, Sequence[str]]:
        """The indexes that name an image."""
        return _grouped((child, parent) for parent, children in self.children.items() for child in children)

    @cached_property
    def attached(self) -> Mapping[str, str]:
        """The image that a tag as `sha256-….sig` is about, by the name of the tag; only where both are here."""
        by_start: dict[str, str] = {}
        for digest in self.images:
            algorithm, _, encoded = digest.partition(":")
            by_start[f"{algorithm}-{encoded[:FALLBACK_DIGITS]}"] = digest
        found = ((tag, by_start.get(tag.name.partition(".")[0])) for tag in self.tags)
        return {tag.name: subject for tag, subject in found if subject is not None and subject != tag.digest}

    @cached_property
    def followers(self) -> Mapping[str, Sequence[str]]:
        """What stands and falls with an image: the images of an index, and what refers to it, by subject or tag."""
        referring = ((image.subject, image.digest) for image in self.images.values() if image.subject is not None)
        tagged = ((self.attached[tag.name], tag.digest) for tag in self.tags if tag.name in self.attached)
        of_index = ((parent, child) for parent, children in self.children.items() for child in children)
        return _grouped((*of_index, *referring, *tagged))

    @cached_property
    def pulled(self) -> Mapping[str, float]:
        """When an image was last pulled, or one of its platforms."""
        found = {digest: image.pulled_at for digest, image in self.images.items() if image.pulled_at is not None}
        for digest, at in list(found.items()):
            for parent in reach([digest], self.parents) - {digest}:
                found[parent] = max(found.get(parent, 0.0), at)
        return found


def reach(starts: Iterable[str], steps: Mapping[str, Sequence[str]]) -> set[str]:
    """Return what one comes to from some images, themselves included."""
    found = set(starts)
    waiting = list(found)
    while waiting:
        for following in steps.get(waiting.pop(), ()):
            if following not in found:
                found.add(following)
                waiting.append(following)
    return found


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    grouped: dict[K, list[V]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(value)
    return grouped
