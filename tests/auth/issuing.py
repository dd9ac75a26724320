"""An issuer of tokens that a test holds in its hands: real HTTP, real keys."""

import base64
import hmac
import json
import time
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from aiohttp import web
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "HS256", "none"]
AUDIENCE = "https://proget.example"


class Issuer:
    """Answers at `url`; what it answers with can be changed, and every path asked for is noted."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: dict[str, RSAKey | ECKey | OKPKey] = {"one": RSAKey.generate_key(2048, {"kid": "one"})}
        self.asked: list[str] = []
        self.now: float | None = None
        self.description: dict[str, Any] = {"issuer": url, "jwks_uri": f"{url}/keys"}
        self.published: list[object] = []
        self.broken: web.Response | None = None

    def claims(self, **more: object) -> dict[str, object]:
        """Return the claims of a usual token, changed as told; None takes one away."""
        now = int(self.now or time.time())
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "repo:acme/app:ref:refs/heads/main",
            "iat": now,
            "nbf": now,
            "exp": now + 240,
            "repository": "acme/app",
            "ref": "refs/heads/main",
        }
        return {name: value for name, value in {**usual, **more}.items() if value is not None}

    def token(self, header: Mapping[str, object] | None = None, key: Key | None = None, **more: object) -> str:
        """Sign a usual token, changed as told."""
        kid = (header or {}).get("kid", next(iter(self.keys)))
        headers = {"alg": "RS256", "typ": "JWT", "kid": kid, **(header or {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return sign(headers, self.claims(**more), key or self.keys.get(str(kid), next(iter(self.keys.values()))))

    async def answer(self, request: web.Request) -> web.Response:
        """Answer with the description or the keys."""
        self.asked.append(request.path)
        if self.broken is not None:
            broken, self.broken = self.broken, None
            return broken
        if request.path == "/keys":
            usual = [key.as_dict(private=False, use="sig") for key in self.keys.values()]
            return web.json_response({"keys": self.published or usual})
        return web.json_response(self.description)


def sign(header: Mapping[str, object], claims: Mapping[str, object], key: Key) -> str:
    """Return a token, whatever is in it."""
    return sign_text(header, json.dumps(claims), key)


def sign_text(header: Mapping[str, object], text: str, key: Key) -> str:
    """Return a token, even of what is no JSON."""
    registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact(dict(header), text, key, registry=registry)


SomeIssuer = TypeVar("SomeIssuer", bound=Issuer)


def open_issuer() -> AbstractAsyncContextManager[Issuer]:
    """Serve an issuer on loopback."""
    return serving(Issuer)


@asynccontextmanager
async def serving(kind: Callable[[str], SomeIssuer]) -> AsyncIterator[SomeIssuer]:
    """Serve an issuer of some kind on loopback."""
    runner = web.AppRunner(application := web.Application())
    issuer: SomeIssuer | None = None

    async def answer(request: web.Request) -> web.Response:
        assert issuer is not None
        return await issuer.answer(request)

    application.router.add_route("*", "/{path:.*}", answer)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        issuer = kind(f"http://{host}:{port}")
        yield issuer
    finally:
        await runner.cleanup()


def new_key(kind: str, kid: str) -> RSAKey | ECKey | OKPKey:
    """Make a key of a kind: RS256, ES256 or EdDSA."""
    if kind == "ES256":
        return ECKey.generate_key("P-256", {"kid": kid})
    if kind == "EdDSA":
        return OKPKey.generate_key("Ed25519", {"kid": kid})
    return RSAKey.generate_key(2048, {"kid": kid})


def signed_with_the_public_key(issuer: Issuer) -> str:
    """Return a token whose signature anybody can make, if a public key is taken for a shared secret."""
    head = encode({"alg": "HS256", "typ": "JWT", "kid": "one"}) + "." + encode(issuer.claims())
    mark = hmac.digest(issuer.keys["one"].as_pem(private=False), head.encode(), "sha256")
    return f"{head}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"


def encode(document: Mapping[str, object]) -> str:
    """Return a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
