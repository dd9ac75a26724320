"""Signing in at a provider: only the browser that began it, only the answer to this very question."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import web

from moorage.auth.keyring import Keyring
from moorage.auth.oidc import WebDirectories
from moorage.auth.oidc_options import OidcOptions
from moorage.auth.tokens import SIGN_IN_LIFETIME, SignIn, Tokens
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity
from moorage.services.web_sign_in import Arrival, Departure
from tests.auth.issuing import Issuer, serving
from tests.auth.people import KEYS

NOW = 1_800_000_000.0
BACK = "https://proget/-/sign-in/corp/back"
CLIENT = "moorage"


class Fixed(Keyring):
    """A keyring that needs no database."""

    def __init__(self) -> None:
        self._fixed = Tokens(KEYS)

    async def tokens(self) -> Tokens:
        return self._fixed


class Provider(Issuer):
    """An issuer with a token endpoint, which answers as it is told."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.description |= {
            "authorization_endpoint": f"{url}/authorize?tenant=7",
            "token_endpoint": f"{url}/token",
            "userinfo_endpoint": f"{url}/me",
        }
        self.sent: dict[str, str] = {}
        self.authorization = ""
        self.nonce = ""
        self.more: dict[str, Any] = {}
        self.me: dict[str, Any] = {}

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            self.asked.append(request.path)
            self.sent = {name: str(value) for name, value in (await request.post()).items()}
            self.authorization = request.headers.get("authorization", "")
            claims: dict[str, Any] = {"aud": CLIENT, "sub": "u1", "nonce": self.nonce, "preferred_username": "Zoe"}
            return web.json_response({"id_token": self.token(**{**claims, **self.more}), "access_token": "at"})
        if request.path == "/me":
            self.asked.append(request.path)
            assert request.headers["authorization"] == "Bearer at"
            return web.json_response(self.me)
        return await super().answer(request)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with serving(Provider) as provider:
        provider.now = NOW
        yield provider


def doors_of(provider: Provider, **more: object) -> WebDirectories:
    options = {"issuer": provider.url, "client_id": CLIENT, "client_secret": "s e:cret", "allow_private": True, **more}
    return WebDirectories({"corp": OidcOptions.model_validate(options)}, Fixed())


@pytest.fixture
def doors(provider: Provider) -> WebDirectories:
    return doors_of(provider)


async def leave(
    doors: WebDirectories, provider: Provider, user_id: int | None = None
) -> tuple[Departure, dict[str, str]]:
    """Begin, and let the provider know the nonce; return what the browser keeps and what it will answer."""
    departure = await doors.depart("corp", BACK, "/dmc", user_id, NOW)
    asked = dict(parse_qsl(urlsplit(departure.url).query))
    provider.nonce = asked["nonce"]
    return departure, {"code": "c", "state": asked["state"], "iss": provider.url}


async def refusal(doors: WebDirectories, kept: str, answer: dict[str, str], now: float = NOW) -> MoorageError:
    with pytest.raises(MoorageError) as refused:
        await doors.arrive("corp", BACK, kept, answer, now)
    return refused.value


async def test_there_and_back(doors: WebDirectories, provider: Provider) -> None:
    provider.more = {"email": "zoe@acme.example", "groups": ["dev", 7, "ops"]}
    departure, answer = await leave(doors, provider, user_id=7)
    url = urlsplit(departure.url)
    asked = dict(parse_qsl(url.query))
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{provider.url}/authorize"
    assert asked["tenant"] == "7"
    assert (asked["response_type"], asked["client_id"], asked["redirect_uri"]) == ("code", CLIENT, BACK)
    assert (asked["scope"], asked["code_challenge_method"]) == ("openid profile email", "S256")
    arrival = await doors.arrive("corp", BACK, departure.kept, answer, NOW)
    assert arrival == Arrival(Identity("corp", "u1", "Zoe", "zoe@acme.example", ("dev", "ops")), "/dmc", 7)
    digest = hashlib.sha256(provider.sent["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
    assert provider.sent["redirect_uri"] == BACK
    assert "client_secret" not in provider.sent
    assert base64.b64decode(provider.authorization.removeprefix("Basic ")) == b"moorage:s+e%3Acret"
    assert "/me" not in provider.asked


async def test_a_secret_goes_into_the_form_where_the_provider_wants_that(provider: Provider) -> None:
    provider.description["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    doors = doors_of(provider)
    departure, answer = await leave(doors, provider)
    await doors.arrive("corp", BACK, departure.kept, answer, NOW)
    assert (provider.sent["client_secret"], provider.authorization) == ("s e:cret", "")


async def test_what_the_token_leaves_out_is_asked_for_and_about_the_same_person(
    doors: WebDirectories, provider: Provider
) -> None:
    provider.me = {"sub": "u1", "groups": "dev", "preferred_username": "somebody else"}
    departure, answer = await leave(doors, provider)
    found = (await doors.arrive("corp", BACK, departure.kept, answer, NOW)).identity
    assert (found.name, found.groups) == ("Zoe", ("dev",))
    provider.me["sub"] = "u2"
    departure, answer = await leave(doors, provider)
    assert (await doors.arrive("corp", BACK, departure.kept, answer, NOW)).identity.groups == ()


async def test_another_browser_or_a_later_day_is_refused_before_the_provider_is_asked(
    doors: WebDirectories, provider: Provider
) -> None:
    departure, answer = await leave(doors, provider)
    other, theirs = await leave(doors, provider)
    tokens = Tokens(KEYS)
    elsewhere = tokens.issue_sign_in(SignIn("other", None, "s", "/"), NOW)
    for kept, given in (
        ("", answer),
        ("x.y.z", answer),
        (departure.kept, {**answer, "state": ""}),
        (departure.kept, theirs),
        (other.kept, answer),
        (departure.kept + "x", answer),
        (elsewhere, answer),
    ):
        assert (await refusal(doors, kept, given)).error is ErrorCode.DENIED
    late = await refusal(doors, departure.kept, answer, NOW + SIGN_IN_LIFETIME)
    assert "begin again" in late.message
    assert "/token" not in provider.asked


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"code": None, "error": "access_denied", "error_description": "you may not"},
            "did not sign you in: you may not",
        ),
        ({"code": None, "error": "login_required"}, "did not sign you in: login_required"),
        ({"code": None}, "no reason was given"),
        ({"iss": "https://evil.example"}, "is not from corp"),
    ],
)
async def test_a_refusal_says_what_the_provider_says(
    doors: WebDirectories, provider: Provider, answer: dict[str, str | None], said: str
) -> None:
    departure, usual = await leave(doors, provider)
    given = {name: value for name, value in {**usual, **answer}.items() if value is not None}
    refused = await refusal(doors, departure.kept, given)
    assert refused.error is ErrorCode.DENIED
    assert said in refused.message
    assert "/token" not in provider.asked


@pytest.mark.parametrize(
    "more",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"exp": int(NOW) - 1},
        {"iss": "https://evil.example"},
        {"sub": None},
    ],
)
async def test_a_token_for_another_time_place_or_question_is_refused(
    doors: WebDirectories, provider: Provider, more: dict[str, Any]
) -> None:
    provider.more = more
    departure, answer = await leave(doors, provider)
    assert (await refusal(doors, departure.kept, answer)).error is ErrorCode.UNAUTHORIZED


async def test_a_provider_that_fails_is_named_with_the_reason_and_no_secret(
    doors: WebDirectories, provider: Provider
) -> None:
    provider.description["token_endpoint"] = f"{provider.url}/broken"
    departure, answer = await leave(doors, provider)
    provider.broken = web.json_response({"error": "invalid_grant", "error_description": "used before"}, status=400)
    refused = await refusal(doors, departure.kept, answer)
    assert refused.error is ErrorCode.UNAVAILABLE
    assert refused.message.startswith("corp can't be asked now: ")
    assert refused.message.endswith("answered 400: used before")
    assert "cret" not in refused.message


async def test_a_page_to_sign_in_at_is_served_over_tls(provider: Provider) -> None:
    for page in ("http://evil.example/", "javascript:alert(1)", None):
        provider.description["authorization_endpoint"] = page
        with pytest.raises(MoorageError, match="no page to sign in at"):
            await doors_of(provider).depart("corp", BACK, "/", None, NOW)


async def test_a_name_comes_from_the_claim_that_is_configured_or_from_the_mail_address(provider: Provider) -> None:
    for claims, option, name in (
        ({"upn": "zoe.b"}, {"name_claim": "upn"}, "zoe.b"),
        ({"preferred_username": None, "email": "z@acme.example"}, {}, "z"),
        ({"preferred_username": 7}, {}, ""),
    ):
        doors, provider.more = doors_of(provider, **option), claims
        departure, answer = await leave(doors, provider)
        assert (await doors.arrive("corp", BACK, departure.kept, answer, NOW)).identity.name == name


async def test_what_is_offered_has_a_title(provider: Provider) -> None:
    assert [offer.title for offer in doors_of(provider).offers] == ["corp"]
    assert [offer.title for offer in doors_of(provider, title="Acme").offers] == ["Acme"]
    with pytest.raises(MoorageError):
        await doors_of(provider).depart("other", BACK, "/", None, NOW)


async def test_what_a_browser_keeps_is_no_bearer_token(doors: WebDirectories, provider: Provider) -> None:
    departure, _ = await leave(doors, provider)
    for read in (Tokens(KEYS).read, Tokens(KEYS).read_refresh):
        with pytest.raises(Exception, match="not issued here"):
            read(departure.kept, NOW)
