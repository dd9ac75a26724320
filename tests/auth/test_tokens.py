"""A token is believed because this server signed it, for nothing else that it says of itself."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from moorage.auth.tokens import LIFETIME, REFRESH_LIFETIME, TokenError, Tokens
from moorage.domain.access import ANONYMOUS, Caller
from moorage.services.records import Account
from tests.auth.people import KEYS, NOW

TOKENS = Tokens(KEYS)
ANN = Caller(7, "ann", is_admin=True)
ANNS = Account(7, "ann", "hash", is_admin=True, is_disabled=False, created_at=0)
ASKED = {"dmc/ubuntu": frozenset({"pull", "push"}), "dmc/other": frozenset({"*"})}
GRANTED = {"dmc/ubuntu": frozenset({"pull"}), "dmc/other": frozenset[str]()}

HEADER = {"alg": "HS256", "kid": "new", "typ": "access+jwt"}
CLAIMS: dict[str, Any] = {
    "iss": "moorage",
    "aud": "moorage",
    "sub": "ann",
    "uid": 7,
    "iat": int(NOW),
    "exp": int(NOW) + 300,
    "asked": {},
    "granted": {"dmc/ubuntu": ["pull"]},
}


def encoded(part: object) -> bytes:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def forged(header: object, claims: object = CLAIMS, key: bytes = KEYS["new"]) -> str:
    """Sign a token as somebody would who holds `key`."""
    signed = encoded(header) + b"." + encoded(claims)
    return (signed + b"." + encoded(hmac.digest(key, signed, "sha256"))).decode()


def test_the_forger_of_these_tests_can_make_a_token_that_is_accepted() -> None:
    claims = TOKENS.read(forged(HEADER), NOW)
    assert (claims.user_id, claims.name) == (7, "ann")


def _rsa(header: dict[str, object]) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signed = encoded(header) + b"." + encoded(CLAIMS)
    return (signed + b"." + encoded(key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))).decode()


def _public_pem() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _tampered() -> str:
    header, _, signature = forged(HEADER).split(".")
    return f"{header}.{encoded(CLAIMS | {'uid': 1}).decode()}.{signature}"


OWN_KEY = {"kty": "oct", "k": encoded(b"e" * 32).decode()}
FORGED = {
    "no algorithm": forged({**HEADER, "alg": "none"}),
    "no algorithm and no signature": forged({**HEADER, "alg": "none"}).rpartition(".")[0] + ".",
    "a signature left out": forged(HEADER).rpartition(".")[0] + ".",
    "an empty key": forged(HEADER, key=b""),
    "another key": forged(HEADER, key=b"e" * 32),
    "the key's name as the key": forged(HEADER, key=b"new"),
    "RS256": _rsa({**HEADER, "alg": "RS256"}),
    "a public key as the secret": forged(HEADER, key=_public_pem()),
    "HS512": forged({**HEADER, "alg": "HS512"}),
    "its own key in the header": forged({**HEADER, "jwk": OWN_KEY}, key=b"e" * 32),
    "the address of its own key": forged({**HEADER, "jku": "http://127.0.0.1:9/keys"}, key=b"e" * 32),
    "a certificate": forged({**HEADER, "x5c": ["MIIB"]}, key=b"e" * 32),
    "a key name that is a path": forged({**HEADER, "kid": "../../../../dev/null"}, key=b""),
    "a key name that is a statement": forged({**HEADER, "kid": "x' UNION SELECT ''--"}, key=b""),
    "a key name that is no text": forged({**HEADER, "kid": ["new"]}),
    "no key name": forged({"alg": "HS256", "typ": "access+jwt"}),
    "a well signed header with more in it": forged({**HEADER, "jku": "https://example.org"}),
    "something critical": forged({**HEADER, "crit": ["b64"], "b64": False}),
    "another kind": forged({**HEADER, "typ": "JWT"}),
    "a header that is a list": forged([]),
    "a changed payload": _tampered(),
    "another issuer": forged(HEADER, CLAIMS | {"iss": "elsewhere"}),
    "another audience": forged(HEADER, CLAIMS | {"aud": "elsewhere"}),
    "several audiences": forged(HEADER, CLAIMS | {"aud": ["moorage", "elsewhere"]}),
    "a time to come": forged(HEADER, CLAIMS | {"nbf": int(NOW) + 3600}),
    "issued tomorrow": forged(HEADER, CLAIMS | {"iat": int(NOW) + 86400, "exp": int(NOW) + 90000}),
    "no end": forged(HEADER, {name: value for name, value in CLAIMS.items() if name != "exp"}),
    "an end that is no number": forged(HEADER, CLAIMS | {"exp": "never"}),
    "no person": forged(HEADER, {name: value for name, value in CLAIMS.items() if name != "uid"}),
    "claims that are a list": forged(HEADER, []),
    "claims that are no JSON": forged(HEADER, b"\xff{"),
    "a refresh token": TOKENS.issue_refresh(ANNS, NOW),
    "nothing": "",
    "dots": "..",
    "letters beyond ASCII": "é.é.é",
    "half a character": "\ud800.x.x",
    "too much": "a" * 200_000,
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        TOKENS.read(token, NOW)


@given(st.data())
def test_a_token_with_any_letter_changed_says_the_same_or_nothing(data: st.DataObject) -> None:
    token = TOKENS.issue(ANN, ASKED, GRANTED, NOW)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    changed = token[:place] + letter + token[place + 1 :]
    # The last letter of each part has bits that mean nothing.
    try:
        claims = TOKENS.read(changed, NOW)
    except TokenError:
        return
    assert claims == TOKENS.read(token, NOW)


@given(st.text())
def test_no_text_but_a_token_is_a_token(text: str) -> None:
    with pytest.raises(TokenError):
        TOKENS.read(text, NOW)


def test_a_token_says_who_has_it_and_what_was_asked_and_granted() -> None:
    claims = TOKENS.read(TOKENS.issue(ANN, ASKED, GRANTED, NOW), NOW)
    assert (claims.user_id, claims.name) == (7, "ann")
    assert (claims.scope.asked, claims.scope.granted) == (ASKED, GRANTED)
    assert (claims.scope.issued_at, claims.scope.expires_at) == (NOW, NOW + LIFETIME)


def test_nobody_in_particular_gets_a_token_too() -> None:
    assert TOKENS.read(TOKENS.issue(ANONYMOUS, {}, {}, NOW), NOW).user_id is None


def test_an_expired_token_still_says_when_it_expired() -> None:
    token = TOKENS.issue(ANN, ASKED, GRANTED, NOW)
    assert TOKENS.read(token, NOW + 3600).scope.expires_at == NOW + LIFETIME


def test_a_token_does_not_say_that_somebody_is_an_administrator() -> None:
    payload = TOKENS.issue(ANN, {}, {}, NOW).split(".")[1]
    assert "adm" not in base64.urlsafe_b64decode(payload + "==").decode()


def test_the_newest_key_signs_and_every_key_verifies() -> None:
    before, after = Tokens({"old": KEYS["old"]}), TOKENS
    assert after.read(before.issue(ANN, {}, {}, NOW), NOW).user_id == 7
    with pytest.raises(TokenError):
        before.read(after.issue(ANN, {}, {}, NOW), NOW)


def test_a_refresh_token_lasts_a_year_and_an_access_token_is_none() -> None:
    token = TOKENS.issue_refresh(ANNS, NOW)
    assert TOKENS.read_refresh(token, NOW + REFRESH_LIFETIME - 1).user_id == 7
    with pytest.raises(TokenError):
        TOKENS.read_refresh(token, NOW + REFRESH_LIFETIME)
    with pytest.raises(TokenError):
        TOKENS.read_refresh(TOKENS.issue(ANN, {}, {}, NOW), NOW)


def test_a_refresh_token_holds_nothing_of_the_password_but_a_mark() -> None:
    payload = base64.urlsafe_b64decode(TOKENS.issue_refresh(ANNS, NOW).split(".")[1] + "==")
    mark = json.loads(payload)["pwd"]
    assert ANNS.password_hash.encode() not in payload
    assert hashlib.sha256(ANNS.password_hash.encode()).hexdigest().startswith(mark)
