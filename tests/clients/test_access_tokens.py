"""docker and podman with access tokens in place of a password: what they may, and what is told when they may not."""

import json
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.images import dockerfile
from tests.clients.programs import Program
from tests.clients.servers import Server
from tests.clients.test_signing_in import SECRET, ask, basic


@pytest.fixture(params=["docker", "podman"])
def client(
    request: pytest.FixtureRequest, program: Callable[..., Program], docker_host: str, tmp_path: Path
) -> Iterator[Program]:
    if request.param == "docker":
        yield program("docker", DOCKER_HOST=docker_host, DOCKER_BUILDKIT="0")
        return
    with tempfile.TemporaryDirectory(prefix="podman") as run:
        yield program("podman", "--root", f"{tmp_path}/storage", "--runroot", run, "--storage-driver", "vfs")


class Office:
    """A registry of its own, with its owner `boss`, its robot `bot`, and whoever makes access tokens for them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        mark = secrets.token_hex(4)
        self.registry, self.boss, self.bot = f"office-{mark}", f"boss-{mark}", f"bot-{mark}"
        self._registry = f"registries/{self.registry}"
        self.do("POST", "registries", {"name": self.registry})
        self.do("POST", "users", {"name": self.boss, "password": SECRET})
        self.do("POST", f"{self._registry}/robots", {"name": self.bot})
        self.do("PUT", f"{self._registry}/members/{self.boss}", {"role": "owner"})
        self.do("PUT", f"{self._registry}/members/{self.bot}", {"role": "writer"})

    def do(self, method: str, path: str, body: object = None) -> bytes:
        """Send a request as administrator."""
        admin = basic(self.server.user, self.server.password)
        status, _, answer = ask(self.server, f"/api/v1/{path}", admin, method, body)
        assert status < 300, answer
        return answer

    def token(self, account: str, name: str, **more: object) -> str:
        """Make an access token and return its secret."""
        owner = f"users/{account}" if account == self.boss else f"{self._registry}/robots/{account}"
        secret: str = json.loads(self.do("POST", f"{owner}/tokens", {"name": name, **more}))["secret"]
        return secret

    def expire(self, name: str) -> None:
        """Let the time be over for which an access token was made: the shortest is longer than a test."""
        self.server.change(f"UPDATE access_tokens SET expires_at = 1000 WHERE name = '{name}'")  # noqa: S608  ours

    def image(self, name: str) -> str:
        """Return what an image of the registry is called."""
        return f"{self.server.https}/{self.registry}/{name}:1"


@pytest.fixture
def office(server: Server) -> Office:
    return Office(server)


def sign_in(client: Program, office: Office, account: str, secret: str) -> None:
    client("login", office.server.https, "--username", account, "--password-stdin", stdin=secret)


def test_an_access_token_is_good_for_what_it_says_and_the_client_says_so(
    client: Program, office: Office, tmp_path: Path
) -> None:
    app, team = office.image("app"), office.image("team/app")
    client("build", "--tag", app, dockerfile(tmp_path / "image", layers=1))
    client("tag", app, team)
    sign_in(client, office, office.bot, office.token(office.bot, "pipeline"))
    client("push", app)
    client("pull", app)
    sign_in(client, office, office.boss, office.token(office.boss, "reader", actions=["pull"]))
    client("pull", app)
    assert "denied: the access token reader is good for pull in *; this needs more" in client.refused("push", app)
    within = f"{office.registry}/team/*"
    sign_in(client, office, office.boss, office.token(office.boss, "team", patterns=[within]))
    client("push", team)
    refused = f"denied: the access token team is good for pull, push in {within}; this needs more"
    assert refused in client.refused("pull", app)


def test_a_dead_access_token_is_refused_in_words(client: Program, office: Office, tmp_path: Path) -> None:
    app = office.image("app")
    client("build", "--tag", app, dockerfile(tmp_path / "image", layers=1))
    secret = office.token(office.boss, "laptop")
    sign_in(client, office, office.boss, secret)
    client("push", app)
    office.do("DELETE", f"users/{office.boss}/tokens/laptop")
    for verb in ("pull", "push"):
        assert "unauthorized: this access token is not known here, or it was revoked" in client.refused(verb, app)
    client.refused("login", office.server.https, "--username", office.boss, "--password-stdin", stdin=secret)
    name = f"late-{client.name}"
    sign_in(client, office, office.bot, office.token(office.bot, name))
    client("pull", app)
    office.expire(name)
    for verb in ("pull", "push"):
        said = client.refused(verb, app)
        assert f"unauthorized: the access token {name} has expired; make a new one" in said
