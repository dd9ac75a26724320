"""A token counts when the issuer's own keys signed it for us; keys come from the issuer and from nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from joserfc.jwk import RSAKey

from moorage.auth.issuers import AGAIN_SECONDS, BELIEVED_SECONDS, FRESH_SECONDS, RETRY_SECONDS, TrustedIssuer
from moorage.auth.oidc_options import IssuerOptions
from moorage.domain.errors import ErrorCode, MoorageError
from tests.auth.issuing import AUDIENCE, Issuer, encode, new_key, open_issuer, signed_with_the_public_key

NOW = 1_800_000_000.0


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with open_issuer() as issuer:
        issuer.now = NOW
        yield issuer


@pytest.fixture
def trusted(issuer: Issuer) -> TrustedIssuer:
    return TrustedIssuer("gha", IssuerOptions(issuer=issuer.url, allow_private=True))


async def refusal(trusted: TrustedIssuer, token: str, now: float = NOW) -> MoorageError:
    with pytest.raises(MoorageError) as refused:
        await trusted.verify(token, now, AUDIENCE)
    return refused.value


async def test_a_token_of_the_issuer_says_what_it_says(issuer: Issuer, trusted: TrustedIssuer) -> None:
    claims = await trusted.verify(issuer.token(), NOW, AUDIENCE)
    assert (claims["repository"], claims["ref"]) == ("acme/app", "refs/heads/main")


@pytest.mark.parametrize(("alg", "kind"), [("PS256", "RS256"), ("ES256", "ES256"), ("EdDSA", "EdDSA")])
async def test_other_algorithms_count_with_their_kind_of_key(
    issuer: Issuer, trusted: TrustedIssuer, alg: str, kind: str
) -> None:
    issuer.keys["other"] = new_key(kind, "other")
    assert await trusted.verify(issuer.token({"alg": alg, "kid": "other"}), NOW, AUDIENCE)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"exp": NOW - 1}, "expired"),
        ({"exp": None}, "never expires"),
        ({"exp": "tomorrow"}, "no time"),
        ({"exp": True}, "no time"),
        ({"exp": float("nan")}, "no time"),
        ({"exp": 1e300}, "no time"),
        ({"nbf": NOW + 120}, "not valid yet"),
        ({"iat": NOW + 120}, "not valid yet"),
        ({"iss": "https://evil.example"}, "not issued by"),
        ({"iss": None}, "not issued by"),
        ({"aud": "https://elsewhere.example"}, "not for the audience"),
        ({"aud": None}, "not for the audience"),
        ({"aud": {AUDIENCE: 1}}, "not for the audience"),
        ({"aud": AUDIENCE + "/"}, "not for the audience"),
        ({"sub": None}, "whom it is about"),
        ({"sub": ""}, "whom it is about"),
        ({"sub": "a\nb"}, "whom it is about"),
        ({"sub": ["a"]}, "whom it is about"),
    ],
)
async def test_a_genuine_token_that_is_not_for_now_or_us_is_refused(
    issuer: Issuer, trusted: TrustedIssuer, more: dict[str, Any], why: str
) -> None:
    refused = await refusal(trusted, issuer.token(**more))
    assert refused.error is ErrorCode.UNAUTHORIZED
    assert why in refused.message


async def test_one_audience_of_several_is_enough(issuer: Issuer, trusted: TrustedIssuer) -> None:
    assert await trusted.verify(issuer.token(aud=["https://elsewhere.example", AUDIENCE]), NOW, AUDIENCE)


def forged(issuer: Issuer) -> dict[str, str]:
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    public = stranger.as_dict(private=False)
    head, body, mark = issuer.token().split(".")
    other = issuer.token(repository="acme/secret").split(".")
    return {
        "another's key under the same name": issuer.token(key=stranger),
        "a key in the header": issuer.token({"jwk": public}, key=stranger),
        "an address of keys in the header": issuer.token({"jku": f"{issuer.url}/keys"}),
        "an address of a certificate": issuer.token({"x5u": f"{issuer.url}/cert"}),
        "a certificate in the header": issuer.token({"x5c": ["MIIB"]}),
        "a header that must be understood": issuer.token({"crit": ["b64"], "b64": False}),
        "no algorithm": issuer.token({"alg": "none"}),
        "no signature": f"{head}.{body}.",
        "the public key as a secret": signed_with_the_public_key(issuer),
        "claims of another token": f"{head}.{other[1]}.{mark}",
        "the header of another algorithm": issuer.token({"alg": "PS256"}).split(".")[0] + f".{body}.{mark}",
        "another kind of token": issuer.token({"typ": "logout+jwt"}),
        "a name of a key that is no text": encode({"alg": "RS256", "kid": 1}) + f".{body}.{mark}",
        "no token at all": "a.b.c",
        "half a token": f"{head}.{body}",
        "not even ASCII": "ä.ö.ü",
    }


async def test_forged_tokens_are_refused(issuer: Issuer, trusted: TrustedIssuer) -> None:
    assert await trusted.verify(issuer.token(), NOW, AUDIENCE)
    asked = list(issuer.asked)
    for name, token in forged(issuer).items():
        assert (await refusal(trusted, token)).error is ErrorCode.UNAUTHORIZED, name
    assert issuer.asked == asked


async def test_keys_are_asked_for_once_and_again_when_they_are_old(issuer: Issuer, trusted: TrustedIssuer) -> None:
    token = issuer.token(exp=NOW + 10 * FRESH_SECONDS)
    await asyncio.gather(*(trusted.verify(token, NOW, AUDIENCE) for _ in range(20)))
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    await trusted.verify(token, NOW + FRESH_SECONDS, AUDIENCE)
    assert len(issuer.asked) == 4


async def test_a_new_key_works_at_once_and_an_old_one_until_it_is_gone(issuer: Issuer, trusted: TrustedIssuer) -> None:
    old = issuer.token(exp=NOW + 10 * FRESH_SECONDS)
    await trusted.verify(old, NOW, AUDIENCE)
    issuer.keys = {"two": new_key("RS256", "two")}
    new = issuer.token()
    later = NOW + AGAIN_SECONDS
    assert await trusted.verify(new, later, AUDIENCE)
    assert "no such key" in (await refusal(trusted, old, later)).message


async def test_unknown_keys_cause_no_storm(issuer: Issuer, trusted: TrustedIssuer) -> None:
    await trusted.verify(issuer.token(), NOW, AUDIENCE)
    issuer.asked.clear()
    later = NOW + AGAIN_SECONDS
    tokens = [issuer.token({"kid": f"guess {number}"}) for number in range(20)]
    await asyncio.gather(*(refusal(trusted, token, later) for token in tokens))
    assert len(issuer.asked) == 2


async def test_a_token_need_not_name_the_only_key(issuer: Issuer, trusted: TrustedIssuer) -> None:
    assert await trusted.verify(issuer.token({"kid": None}), NOW, AUDIENCE)
    issuer.keys["two"] = new_key("RS256", "two")
    again = TrustedIssuer("gha", IssuerOptions(issuer=issuer.url, allow_private=True))
    assert "no such key" in (await refusal(again, issuer.token({"kid": None}))).message


async def test_an_issuer_that_is_down_is_said_to_be_and_its_keys_count_for_a_while(
    issuer: Issuer, trusted: TrustedIssuer
) -> None:
    token = issuer.token(exp=NOW + 10 * BELIEVED_SECONDS)
    issuer.broken = web.Response(status=500)
    down = await refusal(trusted, token)
    assert down.error is ErrorCode.UNAVAILABLE
    assert down.message.startswith("gha can't be asked now: ")
    assert "answered 500" in down.message
    assert (await refusal(trusted, token)).error is ErrorCode.UNAVAILABLE
    assert len(issuer.asked) == 1
    start = NOW + RETRY_SECONDS
    assert await trusted.verify(token, start, AUDIENCE)
    issuer.broken = web.Response(status=500)
    assert await trusted.verify(token, start + FRESH_SECONDS, AUDIENCE)
    issuer.broken = web.Response(status=500)
    assert (await refusal(trusted, token, start + BELIEVED_SECONDS)).error is ErrorCode.UNAVAILABLE


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"jwks_uri": "https://evil.example/keys"},
        {"jwks_uri": "http://127.0.0.1:1/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "http://user@[::1"},
        {"jwks_uri": 7},
    ],
)
async def test_an_issuer_speaks_for_itself_and_at_its_own_address_only(
    issuer: Issuer, trusted: TrustedIssuer, description: dict[str, Any]
) -> None:
    issuer.description |= description
    assert (await refusal(trusted, issuer.token())).error is ErrorCode.UNAVAILABLE
    assert issuer.asked == ["/.well-known/openid-configuration"]


async def test_keys_elsewhere_are_fetched_where_that_is_allowed(issuer: Issuer) -> None:
    async with open_issuer() as other:
        other.keys = issuer.keys
        issuer.description["jwks_uri"] = f"{other.url}/keys"
        options = IssuerOptions(issuer=issuer.url, origins=(other.url,), allow_private=True)
        assert await TrustedIssuer("gha", options).verify(issuer.token(), NOW, AUDIENCE)
        assert other.asked == ["/keys"]


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 302, "headers": {"location": "https://evil.example/"}},
        {"text": "[]"},
        {"text": "not JSON"},
        {"text": "[" * 100_000},
        {"text": " " * 300_000},
        {"text": "{}", "headers": {"content-encoding": "gzip"}},
    ],
)
async def test_no_detour_and_nothing_large_or_strange_is_read(
    issuer: Issuer, trusted: TrustedIssuer, answer: dict[str, Any]
) -> None:
    issuer.broken = web.Response(**answer)
    assert (await refusal(trusted, issuer.token())).error is ErrorCode.UNAVAILABLE
    assert len(issuer.asked) == 1


@pytest.mark.parametrize(
    "listed",
    [
        {"use": "enc"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "PQ"},
        {"kty": ["RSA"]},
        {"kid": 7},
        {"n": "AQAB"},
        {"n": None},
        {"alg": "PS256"},
    ],
)
async def test_keys_that_may_not_sign_are_passed_over(
    issuer: Issuer, trusted: TrustedIssuer, listed: dict[str, Any]
) -> None:
    token = issuer.token()
    public = issuer.keys["one"].as_dict(private=False)
    issuer.published = ["no key", {**public, **listed}, new_key("RS256", "other").as_dict(private=False)]
    assert (await refusal(trusted, token)).error is ErrorCode.UNAUTHORIZED
