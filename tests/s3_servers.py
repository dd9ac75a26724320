"""Real stores that speak S3, each with a folder of its own."""

import contextlib
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from moorage.blobstore.s3.bucket import Bucket
from moorage.blobstore.s3.signing import EMPTY, Keys, signed_headers
from tests.clients.programs import PATH
from tests.clients.servers import free_port

USER, PASSWORD = "moorage", "correct-horse"
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class S3Server:
    """Where a store answers, as `http://HOST:PORT`, and the folder it keeps things in."""

    name: str
    endpoint: str
    folder: Path

    @property
    def keys(self) -> Keys:
        return Keys(USER, PASSWORD, "us-east-1")

    def bucket(self, name: str, prefix: str = "") -> Bucket:
        return Bucket(self.endpoint, name, prefix, self.keys)

    def make_bucket(self, name: str) -> None:
        """Make a bucket, unless there is one."""
        host = self.endpoint.removeprefix("http://")
        headers = signed_headers(self.keys, "PUT", host, f"/{name}", {}, EMPTY, datetime.now(UTC))
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT", headers=headers)
        try:
            urllib.request.urlopen(request).close()
        except urllib.error.HTTPError as error:
            with error:
                if error.code != HTTPStatus.CONFLICT:
                    raise


Command = Callable[[str, str], tuple[Sequence[str], dict[str, str]]]

COMMANDS: dict[str, Command] = {
    "versitygw": lambda address, folder: (
        ["versitygw", "--access", USER, "--secret", PASSWORD, "--port", address, "--quiet", "posix", folder],
        {},
    ),
    "minio": lambda address, folder: (
        ["minio", "server", folder, "--address", address, "--quiet"],
        {"MINIO_ROOT_USER": USER, "MINIO_ROOT_PASSWORD": PASSWORD, "MINIO_BROWSER": "off", "MINIO_UPDATE": "off"},
    ),
}


@contextlib.contextmanager
def s3_server(name: str, folder: Path, port: int | None = None) -> Iterator[S3Server]:
    """Run a store over a folder until it is no longer needed."""
    port = port or free_port("127.0.0.1")
    command, environment = COMMANDS[name](f"127.0.0.1:{port}", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".log").open("wb") as log:
        store = subprocess.Popen(
            command,
            env={**os.environ, "PATH": PATH, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = S3Server(name, f"http://127.0.0.1:{port}", folder)
    try:
        _await(server, store, folder.with_suffix(".log"))
        yield server
    finally:
        store.terminate()
        store.wait()


def _await(server: S3Server, store: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert store.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            server.make_bucket("moorage")
            return
        time.sleep(0.1)
    raise TimeoutError(log.read_text())
