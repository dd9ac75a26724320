"""How clients sign in as in the wild: anonymous, with a password, with a token, and with one that dies on the way."""

import contextlib
import json
import shutil
import ssl
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.clients.images import dockerfile, layout
from tests.clients.programs import Program, environment
from tests.clients.servers import ADDRESS, Server, free_port, serving
from tests.clients.slow_line import slow_line

SLOW = 60_000
"""Bytes a second."""
LONG_PUSH = 75
SHORT_LIFE = 60
"""Seconds: how long a push takes, and how long a token lasts that goes with it."""
SHORT_TOKENS = (sys.executable, str(Path(__file__).with_name("short_tokens.py")))
SECRET = "another horse battery staple"


def ask(
    server: Server, path: str, authorization: str = "", method: str = "GET", body: object = None
) -> tuple[int, dict[str, str], bytes]:
    """Send a request with the machine's own client; return status, headers by lower-case name, and body."""
    headers = {"Authorization": authorization} if authorization else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"https://{server.https}{path}", data, headers, method=method)
    request.add_header("Content-Type", "application/json")
    context = ssl.create_default_context(cafile=server.authority)
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def crane(program: Callable[..., Program]) -> Program:
    return program("crane")


@pytest.fixture
def docker(program: Callable[..., Program], docker_host: str) -> Program:
    return program("docker", DOCKER_HOST=docker_host, DOCKER_BUILDKIT="0")


@pytest.fixture
def podman(program: Callable[..., Program], tmp_path: Path) -> Iterator[Program]:
    with tempfile.TemporaryDirectory(prefix="podman") as run:
        yield program("podman", "--root", f"{tmp_path}/storage", "--runroot", run, "--storage-driver", "vfs")


@pytest.fixture
def public_image(crane: Program, server: Server, tmp_path: Path) -> Iterator[str]:
    """An image that anybody may pull; nobody is signed in afterwards."""
    reference, digest = f"{server.https}/open/image:1", layout(tmp_path / "open")
    crane("auth", "login", server.https, "--username", server.user, "--password-stdin", stdin=server.password)
    crane("push", tmp_path / "open", reference)
    crane("auth", "logout", server.https)
    admin = basic(server.user, server.password)
    assert ask(server, "/api/v1/registries/open", admin, "PATCH", {"visibility": "public"})[0] == 200
    yield f"{server.https}/open/image@{digest}"
    ask(server, "/api/v1/registries/open", admin, "PATCH", {"visibility": "private"})


@pytest.mark.usefixtures("public_image")
@pytest.mark.parametrize("authorization", ["", "Basic " + b64encode(b"admin:guess").decode(), "Bearer guess"])
def test_everybody_without_credentials_is_asked_for_them(server: Server, authorization: str) -> None:
    status, headers, body = ask(server, "/v2/", authorization)
    assert status == 401
    assert headers["www-authenticate"] == f'Bearer realm="https://{server.https}/token",service="moorage"'
    assert headers["docker-distribution-api-version"] == "registry/2.0"
    assert json.loads(body)["errors"][0]["code"] == "UNAUTHORIZED"


def test_anybody_pulls_from_a_public_registry(
    docker: Program, podman: Program, crane: Program, public_image: str, tmp_path: Path
) -> None:
    # Where it is told of a file of passwords, podman wants there to be one.
    (tmp_path / "home" / "auth.json").write_text("{}")
    assert crane("digest", public_image) == public_image.partition("@")[2]
    podman("pull", public_image)
    docker("pull", public_image)


@pytest.mark.usefixtures("public_image")
def test_nobody_pushes_to_a_public_registry_without_signing_in(crane: Program, server: Server, tmp_path: Path) -> None:
    said = crane.refused("push", tmp_path / "open", f"{server.https}/open/image:2")
    assert "UNAUTHORIZED" in said or "DENIED" in said


def test_a_stranger_learns_nothing_from_any_client(
    docker: Program, podman: Program, crane: Program, server: Server, tmp_path: Path
) -> None:
    crane("auth", "login", server.https, "--username", server.user, "--password-stdin", stdin=server.password)
    layout(tmp_path / "image")
    crane("push", tmp_path / "image", f"{server.https}/hidden/image:1")
    admin = basic(server.user, server.password)
    assert ask(server, "/api/v1/users", admin, "POST", {"name": "stranger", "password": SECRET})[0] in {201, 409}
    # podman goes first: it does not sign in where it finds that docker has.
    for client in (podman, docker, crane):
        login = ("auth", "login") if client is crane else ("login",)
        client(*login, server.https, "--username", "stranger", "--password-stdin", stdin=SECRET)
    verbs = ((docker, "pull"), (podman, "pull"), (crane, "manifest"))
    for client, verb in verbs:
        hidden = client.refused(verb, f"{server.https}/hidden/image:1").replace("hidden/image", "X")
        absent = client.refused(verb, f"{server.https}/absent/image:1").replace("absent/image", "X")
        assert without_times(hidden.replace("create hidden", "create X")) == without_times(
            absent.replace("create absent", "create X")
        )


def without_times(text: str) -> str:
    """Return what a client printed without the lines of its log that begin with a time."""
    return "\n".join(line.partition("msg=")[2] or line for line in text.splitlines() if not line.startswith("Trying"))


@pytest.mark.usefixtures("public_image")
def test_basic_is_taken_directly_and_a_token_is_bought_for_it(server: Server) -> None:
    admin = basic(server.user, server.password)
    path = "/v2/open/image/manifests/1"
    assert ask(server, path, admin)[0] == 200
    status, _, body = ask(server, "/token?service=moorage&scope=repository:open/image:pull", admin)
    bearer = f"Bearer {json.loads(body)['token']}"
    assert (status, ask(server, path, bearer)[0]) == (200, 200)
    status, headers, _ = ask(server, "/v2/open/image/blobs/uploads/", bearer, "POST")
    assert status == 401
    assert 'scope="repository:open/image:pull,push",error="insufficient_scope"' in headers["www-authenticate"]


@pytest.mark.one_server
def test_a_push_outlives_the_token_it_began_with(docker: Program, podman: Program, name: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    port, plain = free_port(ADDRESS), free_port("127.0.0.1")
    doors = ["--https", f"{ADDRESS}:{port}", "--http", f"127.0.0.1:{plain}"]
    ready = f"http://127.0.0.1:{plain}/readyz"
    with serving(data, *doors, ready=ready, program=SHORT_TOKENS), slow_line(ADDRESS, port, SLOW) as slow:
        server = Server(f"{name}:{slow}", "", data)
        (tmp_path / "other").mkdir()
        crane = Program("crane", environment(tmp_path / "other", server.authority))
        with trusted(server), ThreadPoolExecutor(3) as threads:
            pushes = [threads.submit(seconds_of_push, client, server, tmp_path) for client in (docker, podman, crane)]
            assert min(push.result() for push in pushes) > SHORT_LIFE


def seconds_of_push(client: Program, server: Server, folder: Path) -> float:
    """Sign in, push an image of one layer, check that it is there, and return how long the push took."""
    reference, source = f"{server.https}/long/{client.name}:1", folder / f"long-{client.name}"
    signing_in = ("--username", server.user, "--password-stdin")
    if client.name == "crane":
        client("auth", "login", server.https, *signing_in, stdin=server.password)
        layout(source, layers=1, size=SLOW * LONG_PUSH)
        push: tuple[str | Path, ...] = ("push", source, reference)
    else:
        client("login", server.https, *signing_in, stdin=server.password)
        client("build", "--tag", reference, dockerfile(source, layers=1, size=SLOW * LONG_PUSH))
        push = ("push", reference)
    began = time.monotonic()
    client(*push)
    took = time.monotonic() - began
    admin = basic(server.user, server.password)
    assert ask(server, f"/v2/long/{client.name}/manifests/1", admin, "HEAD")[0] == 200
    return took


@contextlib.contextmanager
def trusted(server: Server) -> Iterator[None]:
    """Let docker and podman trust a server."""
    folder = Path("/etc/docker/certs.d") / server.https
    folder.mkdir(parents=True)
    try:
        (folder / "ca.crt").write_bytes(server.authority.read_bytes())
        yield
    finally:
        shutil.rmtree(folder)
