"""How pages put things into words: sizes, times, numbers, digests, kinds, and text that users wrote."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from moorage.domain import sizes
from moorage.domain.digest import Digest
from moorage.domain.manifest import IMAGE_CONFIGS
from moorage.services.records import ImageRecord, RepositoryRecord, TagRecord

size = sizes.size
SHORT_DIGEST = 12
UNITS = (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400), ("hour", 3_600), ("minute", 60))
LENGTHS = (("h", 3_600), ("min", 60), ("s", 1))
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LAST = {"year": "last year", "month": "last month", "day": "yesterday"}
HELM_CHART = "application/vnd.cncf.helm.config.v1+json"
KINDS = {
    "application/vnd.buildkit.cacheconfig.v0": "Build cache",
    HELM_CHART: "Helm chart",
    "application/vnd.dev.cosign.simplesigning.v1+json": "Signature",
    "application/vnd.dev.sigstore.bundle.v0.3+json": "Signature",
    "application/vnd.docker.attestation.manifest.v1+json": "Attestation",
    "application/vnd.in-toto+json": "Attestation",
    "application/spdx+json": "SBOM",
    "application/vnd.cyclonedx+json": "SBOM",
    "application/vnd.wasm.config.v0+json": "WASM",
    "application/vnd.wasm.config.v1+json": "WASM",
}

# Cc and Cf of Unicode: controls, direction marks and invisible joiners. Line breaks and tabs are only white space.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def visible(value: object) -> object:
    r"""Return text with control and direction characters written out, as `\u202e`; anything else as it is."""
    # Nothing that is printable is a control, which is told much faster: pages have thousands of texts.
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", value)


def number(count: int, one: str = "", many: str = "") -> str:
    """Return a count, with its word if one is given: `1 tag`, `2,318 tags`."""
    word = one if count == 1 else many or (one and f"{one}s")
    return f"{count:,} {word}".rstrip()


def short(digest: Digest) -> str:
    """Return the first twelve hexadecimal digits of a digest."""
    return digest.partition(":")[2][:SHORT_DIGEST]


def passed(seconds: float) -> str:
    """Return a time span before now as the script writes it: `12 minutes ago`, `yesterday`."""
    for unit, length in UNITS:
        if seconds >= length:
            count = int(seconds // length)
            return LAST[unit] if count == 1 and unit in LAST else f"{number(count, unit)} ago"
    return "just now"


def iso(moment: float) -> str:
    """Return Unix seconds as `2026-11-23T14:20:00Z`."""
    return f"{datetime.fromtimestamp(int(moment), UTC).isoformat().removesuffix('+00:00')}Z"


def ago(moment: float, now: float) -> Markup:
    """Return Unix seconds as a `time` element that the script keeps fresh."""
    return _time(moment, passed(now - moment))


def ahead(moment: float, now: float) -> Markup:
    """Return a time to come likewise: `in 13 days`."""
    left = next((number(int((moment - now) // length), unit) for unit, length in UNITS if moment - now >= length), "")
    return _time(moment, f"in {left}" if left else "now")


def _time(moment: float, text: str) -> Markup:
    return Markup(f'<time datetime="{iso(moment)}" title="{date(moment)}" data-rel>{text}</time>')  # noqa: S704  our words


def date(moment: float) -> str:
    """Return Unix seconds as people write a time: `7 Dec 2026, 09:05 UTC`."""
    day = datetime.fromtimestamp(moment, UTC)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}, {day.hour:02}:{day.minute:02} UTC"


def took(seconds: float) -> str:
    """Return how long something took: `48 s`, `3 min`, `2 h`; less than a second is `less than 1 s`."""
    if seconds < 1:
        return "less than 1 s"
    name, length = next((name, length) for name, length in LENGTHS if seconds >= length)
    return f"{int(seconds // length)} {name}"


def day(moment: float) -> str:
    """Return Unix seconds as people name a day: `12 November`."""
    found = datetime.fromtimestamp(moment, UTC)
    return f"{found.day} {found:%B}"


def kind(image: TagRecord | ImageRecord | RepositoryRecord) -> str:
    """Return what kind of artifact this is, or nothing for a container image; of a repository, its newest tag's."""
    for media_type in (image.artifact_type, image.config_type):
        if media_type in KINDS:
            return KINDS[media_type]
    is_image = image.is_index or image.config_type is None or image.config_type in IMAGE_CONFIGS
    return "" if is_image else "Artifact"


def version(tag: str, image: TagRecord | ImageRecord) -> str:
    """Return a tag as people know it: helm stores `1.0.0+build.5` as `1.0.0_build.5`, since no tag has a plus.

    https://helm.sh/docs/topics/registries/
    """
    return tag.replace("_", "+") if image.config_type == HELM_CHART else tag


def pull(image: TagRecord | ImageRecord, place: str, tag: str = "") -> str:
    """Return the command that pulls from a place, as `server/dmc/app`, by tag or digest; nothing where none would.

    Helm asks for a version: https://helm.sh/docs/topics/registries/#the-pull-command
    """
    if image.config_type == HELM_CHART:
        return f"helm pull oci://{place} --version {version(tag, image)}" if tag else ""
    return f"docker pull {place}:{tag}" if tag else f"docker pull {place}@{image.digest}"


def platforms(image: TagRecord | ImageRecord) -> str:
    """Return the platforms in a few words: `linux/amd64`, `2 platforms`, or nothing."""
    if kind(image) or not image.platforms:
        return ""
    return image.platforms[0] if len(image.platforms) == 1 else number(len(image.platforms), "platform")


def content(image: ImageRecord) -> str:
    """Return kind and platforms of an image in one phrase: `Index, 2 platforms`, `linux/amd64`, `Helm chart`."""
    what = kind(image) or platforms(image)
    if not image.is_index:
        return what or "Artifact"
    return f"Index, {what}" if what else "Index"


def listed(words: Sequence[str], longest: int = 5) -> str:
    """Return words joined as in a sentence: `a`, `a and b`, `a, b and 3 more`."""
    shown = list(words[:longest])
    if len(words) > longest:
        shown.append(f"{len(words) - longest:,} more")
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1] if shown else "") if part)


def initials(name: str) -> str:
    """Return the letters of an avatar: first letters of two parts of a name, else its first two."""
    parts = [part for part in re.split(r"[^\w]|_", unicodedata.normalize("NFC", name)) if part]
    letters = parts[0][0] + parts[1][0] if len(parts) > 1 else (parts[0][:2] if parts else "?")
    return letters.upper()
