"""Promise 11: what somebody forged opens no door, by whatever way it comes in, and no line out is opened for it."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey

from moorage.app.services import SYSTEM, Services
from moorage.app.worker import management
from moorage.auth.tokens import SignIn, Tokens
from moorage.domain.access import Caller
from moorage.domain.limits import TokenAction
from moorage.services.access_tokens import Wish
from moorage.settings import Settings, load
from tests.auth.issuing import AUDIENCE, Issuer, encode, open_issuer, sign, sign_text, signed_with_the_public_key
from tests.distribution.conversation import ADMIN_PASSWORD, basic

DOORS = ["/v2/", "/v2/dmc/ubuntu/manifests/latest", "/token", "/api/v1/me", "/api/v1/registries"]


@dataclass(frozen=True)
class Elsewhere:
    """The issuer that is trusted and one that is not, at the place that forged tokens name."""

    trusted: Issuer
    evil: Issuer


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    async with open_issuer() as trusted, open_issuer() as evil:
        yield Elsewhere(trusted, evil)


@pytest.fixture
def settings(tmp_path: Path, elsewhere: Elsewhere) -> Settings:
    data = tmp_path / "data"
    data.mkdir()
    (data / "directories.toml").write_text(
        f"""
        [trust.gha]
        issuer = "{elsewhere.trusted.url}"
        audience = "{AUDIENCE}"
        allow_private = true

        [[trust.gha.rules]]
        claims = {{ repository = "acme/app" }}
        role = "writer"
        on = "dmc/*"
        """
    )
    return load({"data": data}, {})


@pytest.fixture
async def api(settings: Settings, services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(management(settings, services))
    async with httpx.AsyncClient(transport=transport, base_url="https://proget:5443") as client:
        yield client


@pytest.fixture
async def lines(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return where a connection was opened to, or a name looked up for one."""
    found: list[object] = []
    loop = type(asyncio.get_running_loop())
    connect, look_up = loop.sock_connect, loop.getaddrinfo

    async def noted_connect(self: Any, sock: Any, address: Any) -> None:  # noqa: ANN401  the loop's own
        found.append(address)
        await connect(self, sock, address)

    async def noted_look_up(self: Any, host: Any, port: Any, **more: Any) -> Any:  # noqa: ANN401  the loop's own
        found.append(host)
        return await look_up(self, host, port, **more)

    monkeypatch.setattr(loop, "sock_connect", noted_connect)
    monkeypatch.setattr(loop, "getaddrinfo", noted_look_up)
    return found


class Presented:
    """A token, sent by every way there is."""

    def __init__(self, http: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
        self._http = http
        self._api = api

    async def answers(self, token: str) -> list[tuple[str, httpx.Response]]:
        """Send it as Bearer, as a machine's password, in both forms of the token service, and as a cookie."""
        found: list[tuple[str, httpx.Response]] = []
        for kind, headers in (("bearer", {"Authorization": f"Bearer {token}"}), ("machine", basic("oidc", token))):
            for path in DOORS:
                client = self._api if path.startswith("/api/") else self._http
                found.append((f"{kind} {path}", await client.get(path, headers=headers)))
        password = {"grant_type": "password", "username": "oidc", "password": token, "scope": "repository:dmc/a:push"}
        refresh = {"grant_type": "refresh_token", "refresh_token": token}
        cookie = {"Cookie": f"__Host-moorage={quote(token)}; moorage={quote(token)}"}
        found.append(("machine form", await self._http.post("/token", data=password)))
        found.append(("refresh", await self._http.post("/token", data=refresh)))
        found.append(("cookie", await self._api.get("/api/v1/me", headers=cookie)))
        return found


@pytest.fixture
def presented(http: httpx.AsyncClient, api: httpx.AsyncClient) -> Presented:
    return Presented(http, api)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decoded(part: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return document


def tricks(
    genuine: str, evil: Issuer, claims: Mapping[str, object], header: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield what a forger makes who has seen a genuine token and the public keys, but holds no key of ours."""
    head, body, mark = genuine.split(".")
    own, secret = RSAKey.generate_key(2048, {"kid": header["kid"]}), OctKey.import_key(b"e" * 32)
    public = own.as_dict(private=False)
    certificate = encoded(own.as_pem(private=False))
    yield "no algorithm", sign({**header, "alg": "none"}, claims, secret).rpartition(".")[0] + "." + mark
    yield "no algorithm and no signature", f"{encode({**header, 'alg': 'none'})}.{body}."
    yield "no signature", f"{head}.{body}."
    yield "half a signature", f"{head}.{body}.{mark[: len(mark) // 2]}"
    yield "other claims under the signature", f"{head}.{encode({**claims, 'sub': 'admin', 'uid': 1})}.{mark}"
    yield "another header over the signature", f"{encode({**header, 'kid': 'other'})}.{body}.{mark}"
    yield "a secret that was guessed", sign({**header, "alg": "HS256"}, claims, secret)
    yield "a key of the forger's own", sign({**header, "alg": "RS256"}, claims, own)
    yield "the key in the header", sign({**header, "alg": "RS256", "jwk": public}, claims, own)
    yield "the address of keys", sign({**header, "alg": "RS256", "jku": f"{evil.url}/keys"}, claims, own)
    yield "the address of a certificate", sign({**header, "alg": "RS256", "x5u": f"{evil.url}/cert"}, claims, own)
    yield "a certificate", sign({**header, "alg": "RS256", "x5c": [certificate]}, claims, own)
    for name, kid in {
        "a path": "../../../../../dev/null",
        "a statement": "x' UNION SELECT ''--",
        "an address": f"{evil.url}/keys",
    }.items():
        yield (
            f"a key name that is {name}",
            sign({**header, "alg": "HS256", "kid": kid}, claims, OctKey.import_key(bytes(32))),
        )
    yield "something critical", f"{encode({**header, 'crit': ['exp'], 'exp': 1})}.{body}.{mark}"
    yield "another issuer", sign({**header, "alg": "RS256"}, {**claims, "iss": evil.url}, own)
    twice = '{"alg":"RS256","alg":"none","kid":"one","typ":"JWT"}'
    yield "an algorithm given twice", f"{encoded(twice.encode())}.{body}.{mark}"


async def bearer(http: httpx.AsyncClient, headers: Mapping[str, str], **more: str) -> dict[str, Any]:
    answer = await http.get("/token", params={"scope": "repository:dmc/ubuntu:pull,push", **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def refused(presented: Presented, forged: Mapping[str, str]) -> None:
    for trick, token in forged.items():
        for way, answer in await presented.answers(token):
            # Without a signature it is no token of a machine but somebody's guess at a password: ten, and then a wait.
            assert answer.status_code == 401 or (answer.status_code == 429 and token.endswith(".")), (trick, way)
            assert token not in answer.text


async def test_nobody_forges_a_bearer_token_of_this_server(
    http: httpx.AsyncClient, presented: Presented, elsewhere: Elsewhere, lines: list[object]
) -> None:
    genuine = (await bearer(http, basic("admin", ADMIN_PASSWORD)))["token"]
    head, body, _ = genuine.split(".")
    forged = dict(tricks(genuine, elsewhere.evil, decoded(body), decoded(head)))
    assert len(forged) >= 12
    await refused(presented, forged)
    assert (await http.get("/v2/", headers={"Authorization": f"Bearer {genuine}"})).status_code == 200
    assert lines == elsewhere.evil.asked == []


async def test_nobody_forges_a_token_of_a_trusted_issuer(
    http: httpx.AsyncClient, presented: Presented, elsewhere: Elsewhere, lines: list[object]
) -> None:
    trusted, evil = elsewhere.trusted, elsewhere.evil
    genuine = trusted.token()
    await bearer(http, basic("oidc", genuine))
    assert lines, "the issuer was asked for its keys"
    head, body, _ = genuine.split(".")
    forged = dict(tricks(genuine, evil, decoded(body), decoded(head)))
    now = int(time.time())
    forged |= {
        "the public key as a secret": signed_with_the_public_key(trusted),
        "expired": trusted.token(exp=now - 1),
        "not valid yet": trusted.token(nbf=now + 3600),
        "for somebody else": trusted.token(aud="https://elsewhere.example"),
        "by another issuer": evil.token(),
        "by another issuer in our name": evil.token(iss=trusted.url),
        "another type": trusted.token({"typ": "logout+jwt"}),
        "claims given twice": _twice(trusted),
    }
    del lines[:]
    await refused(presented, forged)
    # Good as a password, and as nothing else.
    as_password = {f"machine {path}" for path in DOORS} | {"machine form"}
    for way, answer in await presented.answers(genuine):
        assert (way, answer.status_code == 401) == (way, way not in as_password)
    assert lines == evil.asked == []


def _twice(issuer: Issuer) -> str:
    """Return a token of which one reader takes the first word and another the last."""
    claims = json.dumps(issuer.claims())
    return sign_text(
        {"alg": "RS256", "typ": "JWT", "kid": "one"}, claims[:-1] + ', "repository": "acme/app"}', issuer.keys["one"]
    )


async def test_a_token_of_one_kind_is_none_of_another(
    http: httpx.AsyncClient, services: Services, presented: Presented, lines: list[object]
) -> None:
    given = await bearer(http, basic("admin", ADMIN_PASSWORD), offline_token="true")
    (key, *_) = await services.keys.list(SYSTEM)
    begun = Tokens({key.id: key.secret}).issue_sign_in(SignIn("acme", 1, "secret", "/"), time.time())
    opened = await services.accounts.sign_in("admin", ADMIN_PASSWORD)
    assert opened is not None
    wish = Wish("one", (TokenAction.PULL,), ("*",), time.time() + 60)
    _, secret = await services.access_tokens.create(SYSTEM, "mara", wish)
    # What each is good for; everything else is refused.
    good = {
        given["token"]: {f"bearer {path}" for path in DOORS if path != "/token"},
        given["refresh_token"]: {"refresh"},
        begun: set[str](),
        secret: {f"bearer {path}" for path in DOORS},
    }
    for token, ways in good.items():
        for way, answer in await presented.answers(token):
            assert (way, answer.status_code == 401) == (way, way not in ways), answer.text
    for word in (given["token"], begun, opened[0], opened[1].csrf, key.id):
        answer = await http.get("/v2/", headers={"Authorization": f"Bearer {word}"})
        assert answer.status_code == (200 if word == given["token"] else 401)
        assert (await http.get("/token", headers=basic("admin", word))).status_code == 401
    assert lines == []


async def test_a_token_that_another_server_signed_is_none_of_ours(
    services: Services, presented: Presented, lines: list[object]
) -> None:
    (key, *_) = await services.keys.list(SYSTEM)
    other = Tokens({key.id: b"another server's key, of 32 bytes"})
    admin = Caller(1, "admin", is_admin=True)
    forged = {"its own": other.issue(admin, {}, {}, time.time())}
    await refused(presented, forged)
    assert lines == []
