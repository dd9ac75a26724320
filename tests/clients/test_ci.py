"""A job signs in with its platform's token: by the steps of docs/ci.md as they are written, and no further."""

import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi
import pytest
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from tests.auth.issuing import Issuer, serving
from tests.clients.images import dockerfile
from tests.clients.programs import Program, environment
from tests.clients.servers import ADDRESS, Server, free_port
from tests.clients.servers import serving as serving_moorage
from tests.clients.test_signing_in import ask, basic, trusted
from tests.pipelines import AUDIENCE, GITHUB, GITLAB, HOST, KUBERNETES, PLATFORMS, SHA, Platform, shell, trust

pytestmark = pytest.mark.one_server

MOUNTED, SOURCE = "/var/run/proget/token", "/src"
RUNNER = "the runner's own token"
STEP_SECONDS = 120


class Runner(Issuer):
    """An issuer that also hands a job its token, as GitHub's runners do."""

    platform: Platform = GITHUB

    async def answer(self, request: web.Request) -> web.Response:
        """Answer like any issuer, and hand out a token."""
        if request.path != "/request":
            return await super().answer(request)
        assert request.headers["authorization"] == f"bearer {RUNNER}"
        assert request.query["api-version"] == "2.0"
        return web.json_response({"count": 1, "value": self.job(aud=request.query["audience"])})

    def job(self, **more: object) -> str:
        """Return the token of a job, in its platform's shape."""
        unlike = {"repository": None, "ref": None, "aud": AUDIENCE}
        claims: dict[str, Any] = {**unlike, **self.platform.claims, **more}
        return self.token(self.platform.header, **claims)


@dataclass(frozen=True)
class Company:
    """A server with the tables of the document, and who issues tokens by the names of those."""

    server: Server
    runners: dict[str, Runner]


@pytest.fixture(scope="module")
def company(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    data = tmp_path_factory.mktemp("ci") / "data"
    data.mkdir()
    port, plain = free_port(ADDRESS), free_port("127.0.0.1")
    doors = ["--https", f"{ADDRESS}:{port}", "--http", f"127.0.0.1:{plain}"]
    server = Server(f"{name}:{port}", "", data)
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        runners: dict[str, Runner] = {}
        for platform in PLATFORMS:
            runner = stack.enter_context(portal.wrap_async_context_manager(serving(Runner)))
            runner.platform, runners[platform.table] = platform, runner
        tables = [_here(trust(platform), runners[platform.table]) for platform in PLATFORMS]
        (data / "directories.toml").write_text("\n".join(tables))
        stack.enter_context(serving_moorage(data, *doors, ready=f"http://127.0.0.1:{plain}/readyz"))
        stack.enter_context(trusted(server))
        admin = basic(server.user, server.password)
        assert ask(server, "/api/v1/registries", admin, "POST", {"name": "DMC"})[0] == 201
        yield Company(server, runners)


def _here(table: str, runner: Runner) -> str:
    """Return a table whose issuer is the test's: only addresses are replaced, and what a private one needs is added."""
    (found,) = tomllib.loads(table)["trust"].values()
    lines = [line for line in table.splitlines() if not line.startswith(("origins", "allow_private"))]
    text = "\n".join(lines).replace("/etc/moorage/cluster-ca.crt", certifi.where())
    return text.replace(f'issuer = "{found["issuer"]}"', f'issuer = "{runner.url}"\nallow_private = true')


@pytest.fixture
def run(
    company: Company, docker_host: str, tmp_path: Path
) -> Iterator[Callable[[Platform, str], subprocess.CompletedProcess[str]]]:
    """Run what a platform's job runs, where it finds what it would find there."""
    home, source = tmp_path / "home", dockerfile(tmp_path / "source", layers=1)
    home.mkdir()
    runner = company.runners["github"]
    storage = tmp_path / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/graph"\nrunroot = "{tmp_path}/run"\n')
    usual = environment(home, company.server.authority) | {
        "DOCKER_HOST": docker_host,
        "DOCKER_BUILDKIT": "0",
        "CONTAINERS_STORAGE_CONF": str(storage),
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": RUNNER,
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{runner.url}/request?api-version=2.0",
        "CI_COMMIT_SHA": SHA,
    }

    def run(platform: Platform, token: str) -> subprocess.CompletedProcess[str]:
        words, script = shell(platform)
        (tmp_path / "token").write_text(token)
        here = {HOST: company.server.https, "${{ github.sha }}": SHA, MOUNTED: f"{tmp_path}/token", SOURCE: f"{source}"}
        for there, replaced in here.items():
            script = script.replace(there, replaced)
        variables = usual | {"PROGET_TOKEN": token}
        return subprocess.run(
            [*words, script],
            cwd=source,
            env=variables,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )

    yield run
    shutil.rmtree(home)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.table)
def test_the_steps_of_the_document_push_as_they_are_written(
    company: Company, run: Callable[[Platform, str], subprocess.CompletedProcess[str]], platform: Platform
) -> None:
    done = run(platform, company.runners[platform.table].job())
    assert done.returncode == 0, done.stderr + done.stdout
    tag = "latest" if platform is KUBERNETES else SHA
    admin = basic(company.server.user, company.server.password)
    status, _, body = ask(company.server, "/api/v1/activity?what=push-image&n=100", admin)
    assert status == 200
    assert f"oidc:{platform.table}:{platform.claims['sub']}" in body.decode(), body
    assert ask(company.server, f"/v2/dmc/acme/app/manifests/{tag}", admin, "HEAD")[0] == 200


def test_the_steps_end_where_the_rules_do(
    company: Company, run: Callable[[Platform, str], subprocess.CompletedProcess[str]]
) -> None:
    unprotected = run(GITLAB, company.runners["gitlab"].job(ref_protected="false"))
    assert unprotected.returncode != 0
    assert "this token is genuine, but matches no rule of the trusted issuer gitlab" in unprotected.stderr


@pytest.fixture(params=["docker", "podman"])
def client(
    request: pytest.FixtureRequest, program: Callable[..., Program], company: Company, docker_host: str, tmp_path: Path
) -> Iterator[Program]:
    authority = {"SSL_CERT_FILE": str(company.server.authority)}
    if request.param == "docker":
        yield program("docker", DOCKER_HOST=docker_host, DOCKER_BUILDKIT="0")
        return
    with tempfile.TemporaryDirectory(prefix="podman") as run:
        folders = ("--root", f"{tmp_path}/storage", "--runroot", run, "--storage-driver", "vfs")
        yield program("podman", *folders, **authority)


def test_a_job_signs_in_with_the_token_on_the_command_line(client: Program, company: Company, tmp_path: Path) -> None:
    server, github = company.server, company.runners["github"]
    image, other = f"{server.https}/dmc/acme/{client.name}:1", f"{server.https}/dmc/elsewhere/{client.name}:1"
    client("build", "--tag", image, dockerfile(tmp_path / "image", layers=1))
    client("tag", image, other)
    client("login", "-u", "oidc", "-p", github.job(), server.https)
    client("push", image)
    client("image", "rm", "--force", image)
    client("pull", image)
    assert "denied" in client.refused("push", other)
    client("login", "-u", "oidc", "-p", github.job(ref="refs/heads/patch"), server.https)
    client("pull", image)
    assert "denied" in client.refused("push", image)
    late = client.refused("login", "-u", "oidc", "-p", github.job(exp=1), server.https)
    assert "this token has expired" in late or client.name == "podman"
