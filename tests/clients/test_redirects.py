"""Clients through redirects: from Moorage over TLS to real stores over TLS, which have a name of their own."""

import contextlib
import json
import secrets
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moorage.services.kept_blobs import SMALLEST
from moorage.tls import ensure_certificates
from tests.clients.conftest import dockerd
from tests.clients.images import dockerfile, layout
from tests.clients.programs import Program, environment
from tests.clients.servers import ADDRESS, ALIAS, MOORAGE, NAME, Server, free_port, serving
from tests.clients.test_docker import digest_in
from tests.clients.test_skopeo import top
from tests.nginx import running
from tests.process.server import every
from tests.s3_servers import COMMANDS, s3_server

STORE = """
server {{
    listen {address} ssl;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    location / {{
        proxy_pass {store};
        proxy_set_header Host $http_host;
    }}
}}
"""

LOG_SECONDS = 60

Make = Callable[..., Program]


@pytest.fixture(scope="module", params=list(COMMANDS))
def redirecting(
    request: pytest.FixtureRequest, name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that redirects to a store, which its clients don't reach as it does."""
    folder = tmp_path_factory.mktemp(request.param)
    data = folder / "data"
    certificates = ensure_certificates(data / "tls", (NAME, ALIAS))
    tls, plain, public = free_port(ADDRESS), free_port("127.0.0.1"), f"{ADDRESS}:{free_port(ADDRESS)}"
    with s3_server(request.param, folder / "store") as store:
        settings = {
            "MOORAGE_STORAGE_URL": "s3://moorage/clients",
            "MOORAGE_S3_ENDPOINT": store.endpoint,
            "MOORAGE_S3_ACCESS_KEY_ID": store.keys.access_key_id,
            "MOORAGE_S3_SECRET_ACCESS_KEY": store.keys.secret_access_key,
            "MOORAGE_S3_PUBLIC_ENDPOINT": f"https://{ALIAS}:{public.partition(':')[2]}",
            "MOORAGE_REDIRECTS": "on",
        }
        before = STORE.format(address=public, cert=certificates.cert, key=certificates.key, store=store.endpoint)
        program = ["env", *(f"{variable}={value}" for variable, value in settings.items()), MOORAGE]
        doors = ["--https", f"{ADDRESS}:{tls}", "--http", f"127.0.0.1:{plain}"]
        with (
            running(folder / "nginx", public, before),
            serving(data, *doors, ready=f"http://127.0.0.1:{plain}/readyz", program=program),
        ):
            yield Server(f"{name}:{tls}", f"localhost:{plain}", data)


@pytest.fixture
def signed_in(redirecting: Server, tmp_path: Path) -> Make:
    """Make programs of one person who is signed in."""
    home = tmp_path / "home"
    home.mkdir()
    shared = environment(home, redirecting.authority)

    def make(name: str, *always: str, login: str = "login", **more: str) -> Program:
        program = Program(name, shared | more, always)
        user, password = ("--user", "--pass-stdin") if name == "regctl" else ("--username", "--password-stdin")
        program(*login.split(), redirecting.https, user, redirecting.user, password, stdin=redirecting.password)
        return program

    return make


@pytest.fixture(autouse=True)
def no_layer_is_pulled_through_the_server(redirecting: Server) -> Iterator[None]:
    log, end = redirecting.data.with_suffix(".log"), f"/{secrets.token_hex(8)}"
    before = len(log.read_text().splitlines())
    yield
    # Lines are written a moment later, and in order: where this request is, all before it are.
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://{redirecting.http}{end}")
    lines: list[dict[str, Any]] = []
    for _ in every(LOG_SECONDS):
        lines = [json.loads(line) for line in log.read_text().splitlines()[before:]]
        if lines and lines[-1].get("path") == end:
            break
    gets = [line for line in lines if line.get("method") == "GET" and "/blobs/sha256:" in line["path"]]
    assert [line["status"] for line in gets].count(307) >= 2
    assert all(line["bytes_sent"] <= SMALLEST for line in gets)


def test_skopeo(signed_in: Make, redirecting: Server, tmp_path: Path) -> None:
    skopeo, reference, digest = (
        signed_in("skopeo"),
        f"docker://{redirecting.https}/dmc/skopeo:1",
        layout(tmp_path / "a"),
    )
    skopeo("copy", f"oci:{tmp_path}/a:latest", reference)
    skopeo("copy", reference, f"oci:{tmp_path}/b:latest")
    assert top(tmp_path / "b") == digest


def test_crane(signed_in: Make, redirecting: Server, tmp_path: Path) -> None:
    crane = signed_in("crane", login="auth login")
    reference, digest = f"{redirecting.https}/dmc/crane:1", layout(tmp_path / "a")
    crane("push", tmp_path / "a", reference)
    crane("pull", "--format", "oci", reference, tmp_path / "b")
    assert top(tmp_path / "b") == digest
    crane("validate", "--remote", reference)


def test_oras(signed_in: Make, redirecting: Server, tmp_path: Path) -> None:
    oras, reference, digest = signed_in("oras"), f"{redirecting.https}/dmc/oras:1", layout(tmp_path / "a")
    oras("copy", "--from-oci-layout", f"{tmp_path}/a:latest", reference)
    oras("copy", reference, "--to-oci-layout", f"{tmp_path}/b:latest")
    assert top(tmp_path / "b") == digest


def test_regctl(signed_in: Make, redirecting: Server, tmp_path: Path) -> None:
    regctl = signed_in("regctl", login="registry login")
    reference, digest = f"{redirecting.https}/dmc/regctl:1", layout(tmp_path / "a")
    regctl("image", "copy", f"ocidir://{tmp_path}/a:latest", reference)
    regctl("image", "copy", reference, f"ocidir://{tmp_path}/b:latest")
    assert top(tmp_path / "b") == digest


def test_podman(signed_in: Make, redirecting: Server, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="podman") as run:
        podman = signed_in("podman", "--root", f"{tmp_path}/storage", "--runroot", run, "--storage-driver", "vfs")
        reference, digest = f"{redirecting.https}/dmc/podman:1", tmp_path / "digest"
        podman("build", "--tag", reference, dockerfile(tmp_path / "image", layers=2))
        podman("push", "--digestfile", digest, reference)
        podman("image", "rm", "--force", reference)
        podman("pull", reference)
        assert podman("image", "inspect", "--format", "{{.Digest}}", reference) == digest.read_text()


def test_docker(signed_in: Make, redirecting: Server, tmp_path: Path) -> None:
    with (
        # Its sockets' paths must be short.
        tempfile.TemporaryDirectory(prefix="dockerd") as folder,
        dockerd(Path(folder), SSL_CERT_FILE=str(redirecting.authority)) as address,
    ):
        docker = signed_in("docker", DOCKER_HOST=address, DOCKER_BUILDKIT="0")
        reference = f"{redirecting.https}/dmc/docker:1"
        docker("build", "--tag", reference, dockerfile(tmp_path / "image", layers=2))
        image = docker("image", "inspect", "--format", "{{.Id}}", reference)
        pushed = digest_in(docker("push", reference))
        docker("image", "rm", "--force", reference)
        assert digest_in(docker("pull", reference)) == pushed
        assert docker("image", "inspect", "--format", "{{.Id}}", reference) == image


def test_containerd(signed_in: Make, redirecting: Server, tmp_path: Path) -> None:
    crane = signed_in("crane", login="auth login")
    reference, digest = f"{redirecting.https}/dmc/containerd:1", layout(tmp_path / "a")
    crane("push", tmp_path / "a", reference)
    with (
        tempfile.TemporaryDirectory(prefix="dockerd") as folder,
        # It brings a containerd along.
        dockerd(Path(folder), SSL_CERT_FILE=str(redirecting.authority)),
    ):
        ctr = Program("ctr", crane.environment, ("--address", f"{folder}/exec/containerd/containerd.sock"))
        who = f"{redirecting.user}:{redirecting.password}"
        ctr("content", "fetch", "--user", who, "--tlscacert", redirecting.authority, reference)
        assert digest in ctr("content", "list", "--quiet")
