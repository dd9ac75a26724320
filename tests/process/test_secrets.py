"""Every kind of secret that the server makes, is told or is shown stays out of all that it says and writes.

What people type is in `test_canary.py`; here are the secrets with a life of their own: they are made, used rightly and
wrongly, and revoked, while a provider and a directory are asked, and in the end while the database is broken.
"""

import base64
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from aiohttp import web
from anyio.from_thread import start_blocking_portal

from tests.auth.issuing import AUDIENCE, serving
from tests.auth.test_oidc import Provider
from tests.process.server import MOORAGE, PASSWORD, Launcher, Running
from tests.process.test_canary import shapes
from tests.ui.visitor import hidden

ADMIN = ("admin", PASSWORD)
BIND, CLIENT, FIRST, TYPED = "bind-Qx7-password", "client-Qx7-secret", "first-Qx7-password", "typed-Qx7-password"
SCOPE = "repository:dmc/app:pull,push"


class Moody(Provider):
    """A provider that gives no tokens while it is failing (an HTTP status)."""

    failing: int | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """Answer like any other provider, or with the error."""
        if request.path == "/token" and self.failing is not None:
            return web.json_response({"error": "server_error"}, status=self.failing)
        return await super().answer(request)


@pytest.fixture
def provider() -> Iterator[Moody]:
    """Somebody else's server, which vouches for people and for jobs."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving(Moody)) as provider:
        yield provider


@pytest.fixture
def directories(tmp_path: Path, provider: Moody) -> Path:
    file = tmp_path / "directories.toml"
    file.write_text(
        f"""
        [ldap.corp]
        url = "ldaps://127.0.0.1:1"
        bind_dn = "cn=moorage"
        bind_password = "{BIND}"
        people = "dc=corp"

        [oidc.acme]
        issuer = "{provider.url}"
        client_id = "moorage"
        client_secret = "{CLIENT}"
        allow_private = true

        [trust.ci]
        issuer = "{provider.url}"
        audience = "{AUDIENCE}"
        allow_private = true

        [[trust.ci.rules]]
        claims = {{ repository = "acme/app" }}
        role = "writer"
        on = "dmc/*"
        """
    )
    return file


class Session:
    """What is sent to a server; every answer is kept, but for the one that hands a secret out."""

    def __init__(self, running: Running) -> None:
        self.web = httpx.Client(base_url=f"http://127.0.0.1:{running.http}", timeout=60)
        self.answers: list[httpx.Response] = []
        self.secrets: dict[str, str] = {
            "admin": PASSWORD,
            "bind": BIND,
            "client": CLIENT,
            "first": FIRST,
            "typed": TYPED,
        }

    def ask(self, method: str, path: str, **sent: object) -> httpx.Response:
        """Send a request, by default without any cookie."""
        answer = self.web.request(method, path, **sent)  # type: ignore[arg-type]
        self.answers.append(answer)
        return answer

    def given(self, method: str, path: str, **sent: object) -> httpx.Response:
        """Send a request whose answer hands out a secret, and don't keep it."""
        answer = self.ask(method, path, **sent)
        del self.answers[-1]
        assert answer.status_code < 400, answer.text
        return answer

    def token(self, name: str, **sent: object) -> dict[str, str]:
        """Buy a bearer token, and know it for a secret."""
        found: dict[str, str] = self.given("GET", f"/token?service=moorage&scope={SCOPE}", **sent).json()
        self.secrets[f"{name} bearer"] = found["token"].rpartition(".")[2]
        return found

    def use(self, name: str, secret: str) -> None:
        """Show a secret wherever somebody may show one, in the right place or not."""
        for path in ("/v2/", "/v2/dmc/app/tags/list", "/api/v1/me", "/api/v1/users"):
            self.ask("GET", path, auth=(name, secret))
            self.ask("GET", path, headers={"authorization": f"Bearer {secret}"})
        self.ask("GET", "/token", auth=(f"{name}x", secret))
        self.ask("GET", "/token", auth=(secret, "in the place of the name"))
        self.ask("GET", "/v2/", headers={"authorization": f"Token {secret}"})
        self.ask("GET", f"/v2/?access_token={secret}", headers={"cookie": f"moorage={secret}"})
        for form in (
            {"grant_type": "refresh_token", "refresh_token": secret},
            {"grant_type": "password", "username": f"{name}x", "password": secret},
        ):
            self.ask("POST", "/token", data=form)

    def page(self, path: str, **sent: object) -> httpx.Response:
        """Fill in the form of a page."""
        shown = self.ask("GET", path)
        origin = {"origin": str(self.web.base_url).rstrip("/")}
        return self.ask("POST", path, data={**hidden(shown.text), **sent}, headers=origin)


def people(session: Session) -> None:
    """Add people and robots with all that opens a door to them."""
    session.given("POST", "/api/v1/registries", json={"name": "DMC"}, auth=ADMIN)
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    invited = {"name": "mara", "password": FIRST, "password_expires_at": end}
    assert session.ask("POST", "/api/v1/users", json=invited, auth=ADMIN).status_code == 201
    refresh = session.token("mara", params={"offline_token": "true"}, auth=("mara", FIRST))["refresh_token"]
    session.secrets["refresh"] = refresh.rpartition(".")[2]
    session.use("mara", FIRST)
    session.use("mara", refresh)
    for owner, path in {"mara": "/users/mara", "bot": "/robots/bot", "ci": "/registries/dmc/robots/ci"}.items():
        if owner != "mara":
            session.ask("POST", f"/api/v1{path.rpartition('/')[0]}", json={"name": owner}, auth=ADMIN)
        made = session.given("POST", f"/api/v1{path}/tokens", json={"name": "one"}, auth=ADMIN).json()
        secret = session.secrets[owner] = made["secret"]
        session.token(owner, auth=(owner, secret))
        session.use(owner, secret)
        session.ask("GET", f"/api/v1{path}/tokens", auth=ADMIN)
        assert session.ask("DELETE", f"/api/v1{path}/tokens/one", auth=ADMIN).status_code == 204
        session.use(owner, secret)


def jobs(session: Session, provider: Moody) -> None:
    """Let jobs come with tokens that are right, late, another's and forged."""
    claim = session.secrets["claim"] = "claim-Qx7-in-a-token"
    genuine = provider.token(sub="job", more=claim)
    expired, elsewhere = (
        provider.token(exp=int(time.time()) - 9, more=claim),
        provider.token(repository="x", more=claim),
    )
    for name, jwt in {
        "job": genuine,
        "late": expired,
        "other": elsewhere,
        "forged": genuine[:-9] + "AAAAAAAAA",
    }.items():
        session.secrets[name] = jwt.rpartition(".")[2]
        session.use("oidc", jwt)
    session.token("job's", auth=("oidc", genuine))


def browsers(session: Session, provider: Moody) -> None:
    """Sign in at pages: here, at a directory that is down, and at a provider that fails before it vouches."""
    session.page("/-/sign-in", user="mara", password=FIRST)
    session.secrets["session"] = session.web.cookies["moorage"]
    for path in ("/", "/-/account", "/dmc"):
        session.ask("GET", path)
    session.web.cookies.clear()
    session.page("/-/sign-in", user="kim", password=TYPED)
    for number, broken in enumerate((400, 500, None)):
        away = session.given("GET", "/-/sign-in/acme")
        kept = session.secrets[f"departure {number}"] = session.web.cookies["moorage_sign_in"].rpartition(".")[2]
        assert kept
        asked = {name: values[0] for name, values in parse_qs(urlsplit(away.headers["location"]).query).items()}
        provider.nonce, provider.failing = asked["nonce"], broken
        code = session.secrets[f"code {number}"] = f"code-Qx7-{number}-of-the-provider"
        answer = session.ask("GET", "/-/sign-in/acme/back", params={"code": code, "state": asked["state"]})
        assert (answer.status_code == 303) is (broken is None), answer.text
        session.ask("GET", "/-/sign-in/acme/back", params={"code": code, "state": "another"})
    session.secrets["session of zoe"] = session.web.cookies["moorage"]
    session.ask("GET", "/-/account")
    session.web.cookies.clear()


def reports(session: Session) -> None:
    """Read all that a server tells of what happened."""
    lists = ["users", "robots", "registries", "groups", "keys", "activity", "activity.jsonl", "registries/dmc/members"]
    for path in ("/metrics", "/readyz", "/api/v1/openapi.json", *(f"/api/v1/{name}" for name in lists)):
        assert session.ask("GET", path, auth=ADMIN).status_code == 200, path
    session.ask("POST", "/api/v1/keys", json={}, auth=ADMIN)


def break_down(session: Session, database: Path) -> list[bytes]:
    """Take the tables away and show every secret once more; return the signing keys."""
    with closing(sqlite3.connect(database)) as tables:
        keys = [bytes(secret) for (secret,) in tables.execute("SELECT secret FROM signing_keys")]
        for table in ("access_tokens", "sessions"):
            tables.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        tables.commit()
    for name in ("mara", "bot", "ci"):
        session.use(name, session.secrets[name])
    for name in ("session", "session of zoe"):
        session.ask("GET", "/-/account", headers={"cookie": f"moorage={session.secrets[name]}"})
    assert any(answer.status_code >= 500 for answer in session.answers)
    return keys


def told(answer: httpx.Response) -> list[tuple[str, str]]:
    """Return an answer's headers, but for cookies: those are secrets for this very browser."""
    return [(name, value) for name, value in answer.headers.multi_items() if name != "set-cookie"]


def test_no_secret_is_found_in_what_the_server_says_and_writes(
    launch: Launcher, provider: Moody, directories: Path
) -> None:
    running = launch("--log-level", "debug", "--log-format", "json", "--directories", str(directories))
    session = Session(running)
    with session.web:
        people(session)
        jobs(session, provider)
        browsers(session, provider)
        assert provider.authorization, "the client's secret was sent"
        reports(session)
        assert all(answer.status_code < 500 or answer.status_code == 503 for answer in session.answers)
        keys = break_down(session, running.data / "moorage.db")
    assert running.stop() == 0
    said = {
        "answers": b"\n".join(answer.content + repr(told(answer)).encode() for answer in session.answers),
        "stdout": running.out.read_bytes(),
        "stderr": running.err.read_bytes(),
    }
    assert b"no such table" in said["stdout"] + said["stderr"]
    files = {str(path): path.read_bytes() for path in running.data.rglob("*") if path.is_file()}
    for name, secret in session.secrets.items():
        for shape in shapes(secret):
            assert [place for place, text in (said | files).items() if shape in text] == [], (name, shape)
    for key in keys:
        for text in (key, key.hex().encode(), base64.b64encode(key)[:-2], base64.urlsafe_b64encode(key)[:-2]):
            assert [place for place, content in said.items() if text in content] == []


@pytest.mark.parametrize(
    "wrong",
    [
        'client_secrett = "canary-Qx7"',
        'client_secret = "canary-Qx7',
        'client_secret = ["canary-Qx7"]',
        'client_secret = "canary-Qx7"\nbind_password = "canary-Qx7"',
    ],
)
def test_a_file_of_directories_that_is_wrong_is_told_without_its_secrets(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "directories.toml"
    file.write_text(f'[oidc.acme]\nissuer = "https://id.example.org"\nclient_id = "moorage"\n{wrong}\n')
    command = [MOORAGE, "serve", "--data", str(tmp_path / "data"), "--directories", str(file)]
    done = subprocess.run([*command, "--https", "off", "--http", "127.0.0.1:1"], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"directories.toml" in done.stderr
    assert b"Qx7" not in done.stdout + done.stderr
