"""What is measured, as a table."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import images
from bench.access import GetsAs, Patience, Refusal, Who
from bench.content import APP, MANY, REPOSITORIES, TAGGED, TAGS, Content, digest, make_content, tag
from bench.crowd import Crowd
from bench.figures import BYTES, MEMORY, MICROSECONDS, REQUESTS, SECONDS, Unit
from bench.images import LARGE, SMALL, Pulls, Pushes, make_images
from bench.seed import fill
from bench.servers import BASELINE, SERVERS, Running
from bench.work import Downloads, Gets, Heads, Memory, Start, TagPuts, Uploads, Work, is_body

PAGE = 100
IMAGES = ((SMALL, "1 MB", 8), (LARGE, "500 MB", 4))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result."""

    name: str
    unit: Unit
    work: Work


def local(content: Content) -> tuple[Row, ...]:
    """Return the rows for one machine, server and clients together."""
    small = content.image.blobs[1]
    small_path = f"/v2/{APP}/blobs/{digest(small)}"
    return (
        *small_answers(content),
        Row("blob GET 4 kB, 32 connections", REQUESTS, Gets(small_path, 32, is_body(small))),
        Row("blob GET 2 MB, 8 connections", BYTES, Downloads(content.medium, 8)),
        Row("blob GET 200 MB, 1 connection", BYTES, Downloads(content.large, 1)),
        Row("upload 200 MB, POST PUT", BYTES, Uploads(1, is_patched=False)),
        Row("upload 200 MB, POST PATCH PUT", BYTES, Uploads(1, is_patched=True)),
        Row("upload 4 × 200 MB, POST PUT", BYTES, Uploads(4, is_patched=False)),
        Row("upload 4 × 200 MB, POST PATCH PUT", BYTES, Uploads(4, is_patched=True)),
        Row("tag PUT, same image, 8 connections", REQUESTS, TagPuts(8, is_new_image=False)),
        Row("tag PUT, new image, 8 connections", REQUESTS, TagPuts(8, is_new_image=True)),
        Row(
            "first 100 of 5,000 tags, 8 connections",
            REQUESTS,
            Gets(f"/v2/{TAGGED}/tags/list?n={PAGE}", 8, is_tags, TAGGED),
        ),
        Row("first 100 of 1,000 repositories, 8 connections", REQUESTS, Gets(f"/v2/_catalog?n={PAGE}", 8, is_catalog)),
        Row("memory, idle", MEMORY, Memory(is_worked=False)),
        Row("memory, after work", MEMORY, Memory(is_worked=True)),
        Row("start to first answer", SECONDS, Start()),
    )


def small_answers(content: Content) -> tuple[Row, ...]:
    """Return the rows for what costs a server little, so that it counts what it does for each request."""
    image, small = content.image, content.image.blobs[1]
    by_tag, by_digest = f"/v2/{APP}/manifests/latest", f"/v2/{APP}/manifests/{image.digest}"
    is_manifest = is_body(image.manifest)
    return (
        Row("manifest GET by tag, 32 connections", REQUESTS, Gets(by_tag, 32, is_manifest)),
        Row("manifest GET by digest, 32 connections", REQUESTS, Gets(by_digest, 32, is_manifest)),
        Row("manifest HEAD by tag, 32 connections", REQUESTS, Heads(by_tag, 32, image.digest)),
        Row("manifest HEAD by digest, 32 connections", REQUESTS, Heads(by_digest, 32, image.digest)),
        Row("blob HEAD, 32 connections", REQUESTS, Heads(f"/v2/{APP}/blobs/{digest(small)}", 32, digest(small))),
    )


def scale(content: Content) -> tuple[Row, ...]:
    """Return the rows for servers that keep their blobs in a bucket."""
    return (
        *small_answers(content),
        *(
            Row(f"push {label}, {told(clients)}", BYTES, Pushes(size, clients))
            for size, label, many in IMAGES
            for clients in (1, many)
        ),
        *(
            Row(f"pull {label}, {told(clients)}{', redirected' if is_redirected else ''}", BYTES, pulls)
            for is_redirected in (False, True)
            for size, label, many in IMAGES
            for clients in (1, many)
            for pulls in [Pulls(size, clients, is_redirected)]
        ),
    )


def told(clients: int) -> str:
    """Return how many clients there are, in words."""
    return "1 client" if clients == 1 else f"{clients} clients"


def access(_content: Content) -> tuple[Row, ...]:
    """Return the rows that tell what it costs to know who asks."""
    rows = [Row(f"manifest GET, {who.value}, 32 connections", REQUESTS, GetsAs(who, 32)) for who in Who]
    beside = [Row(f"99 of 100 manifest GETs beside {crowd.value}", MICROSECONDS, Patience(4, crowd)) for crowd in Crowd]
    return (
        *rows,
        *beside,
        Row("a stranger's longer wait where an image is hidden", MICROSECONDS, Refusal()),
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of rows, what servers are given before, and whether a store and a database run beside them."""

    rows: Callable[[Content], tuple[Row, ...]]
    make: Callable[[Path], Content] = make_content
    fill: Callable[[Running, Content], None] = fill
    has_engines: bool = False
    servers: tuple[str, ...] = tuple(server.name for server in SERVERS)


PROFILES: Mapping[str, Profile] = {
    "local": Profile(local),
    "access": Profile(access),
    "scale": Profile(scale, make_images, images.fill, has_engines=True, servers=(BASELINE, "moorage")),
}


def is_tags(body: bytes) -> bool:
    """Tell whether these are the first tags. docker-registry v2 knows no pages of tags: it answers with all."""
    expected = sorted(["latest", *map(tag, range(TAGS))])
    found = json.loads(body)["tags"]
    return found == expected[:PAGE] or (len(found) > PAGE and sorted(found) == expected)


def is_catalog(body: bytes) -> bool:
    """Tell whether these are the first names."""
    expected = [APP, *(f"{MANY}/{number:04d}" for number in range(REPOSITORIES))]
    return bool(json.loads(body)["repositories"] == expected[:PAGE])
