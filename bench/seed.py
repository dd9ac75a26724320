"""What every server holds before it is measured: one image, big blobs, a repository of many tags, many repositories."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from bench import content, load
from bench.client import Connection
from bench.content import APP, MANIFEST_TYPE, MANY, PUSHED, REPOSITORIES, TAGGED, TAGS, Content, Image
from bench.servers import Running

THREADS = 8


def fill(running: Running, given: Content) -> None:
    """Fill an empty server; raise Unexpected when it refuses something."""
    headers = running.password()
    with Connection(running.endpoint, headers) as connection:
        for repository in (APP, TAGGED, PUSHED):
            push(connection, repository, given.image, "latest")
        for source in (given.medium, given.large):
            load.upload(connection, APP, source, is_patched=False)
    manifest = given.image.manifest

    def put_tag(connection: Connection, number: int) -> None:
        for repository in (TAGGED, PUSHED):
            put_manifest(connection, repository, manifest, content.tag(number))

    def make_repository(connection: Connection, number: int) -> None:
        push(connection, f"{MANY}/{number:04d}", given.image, "latest")

    _each(running, range(TAGS), put_tag)
    _each(running, range(REPOSITORIES), make_repository)


def push(connection: Connection, repository: str, image: Image, tag: str) -> None:
    """Push an image; blobs that the server has are mounted."""
    for blob in image.blobs:
        digest = content.digest(blob)
        path = f"/v2/{repository}/blobs/uploads/"
        answer = connection.request("POST", f"{path}?mount={digest}&from={APP}").expect(202, 201)
        if answer.status != 201:  # noqa: PLR2004
            location = answer.location
            path = f"{location}{'&' if '?' in location else '?'}digest={digest}"
            kind = {"content-type": "application/octet-stream"}
            connection.request("PUT", path, blob, headers=kind).expect(201)
    put_manifest(connection, repository, image.manifest, tag)


def put_manifest(connection: Connection, repository: str, manifest: bytes, reference: str) -> None:
    """PUT a manifest whose blobs the repository has."""
    kind = {"content-type": MANIFEST_TYPE}
    connection.request("PUT", f"/v2/{repository}/manifests/{reference}", manifest, headers=kind).expect(201)


def _each(running: Running, numbers: Iterable[int], do: Callable[[Connection, int], None]) -> None:
    own = threading.local()
    opened: list[Connection] = []

    def one(number: int) -> None:
        if not hasattr(own, "connection"):
            own.connection = Connection(running.endpoint, running.password())
            opened.append(own.connection)
        do(own.connection, number)

    try:
        with ThreadPoolExecutor(THREADS) as threads:
            for _ in threads.map(one, numbers):
                pass
    finally:
        for connection in opened:
            connection.close()
