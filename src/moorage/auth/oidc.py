"""Signing in at an OpenID provider: the authorization code flow, with PKCE.

    browser                       here                                    provider
      button          ─────▶  secret, in a signed cookie
                      ◀─────  state, nonce and challenge, all made of it
      those           ──────────────────────────────────────────────────▶  who are you?
      code, state     ◀──────────────────────────────────────────────────
      code, state,
      cookie          ─────▶  state is the secret's?   code, verifier  ──▶
                              nonce is the secret's?  ◀──────  ID token

https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, https://www.rfc-editor.org/rfc/rfc7636 (PKCE),
https://www.rfc-editor.org/rfc/rfc9207 (`iss` in the answer), https://www.rfc-editor.org/rfc/rfc9700 (what goes wrong).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from moorage.auth.issuers import Description, TrustedIssuer
from moorage.auth.keyring import Keyring
from moorage.auth.oidc_options import OidcOptions, origin_of
from moorage.auth.outbound import OutboundError
from moorage.auth.tokens import SignIn, TokenError
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.identity import Identity
from moorage.services.web_sign_in import Arrival, Departure, Offer

MOST_GROUPS = 1000
LONGEST_SAID = 200


class WebDirectories:
    """The directories that people sign in at with their browser."""

    def __init__(self, providers: Mapping[str, OidcOptions], keyring: Keyring) -> None:
        self._providers = {name: _Provider(name, options) for name, options in providers.items()}
        self._keyring = keyring

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What to offer, in the order of the file."""
        return tuple(Offer(name, provider.title) for name, provider in self._providers.items())

    async def depart(self, name: str, back: str, target: str, user_id: int | None, now: float) -> Departure:
        """Return where to send a browser, and what it keeps meanwhile; raise NOT_FOUND, UNAVAILABLE."""
        begun = SignIn(name, user_id, secrets.token_urlsafe(32), target)
        url = await self._provider(name).address(back, begun.secret, now)
        return Departure(url, (await self._keyring.tokens()).issue_sign_in(begun, now))

    async def arrive(self, name: str, back: str, kept: str, answer: Mapping[str, str], now: float) -> Arrival:
        """Return who came back with what answer; raise NOT_FOUND, DENIED, UNAUTHORIZED, UNAVAILABLE."""
        provider = self._provider(name)
        try:
            begun = (await self._keyring.tokens()).read_sign_in(kept, now)
        except TokenError:
            begun = None
        if begun is None or begun.directory != name or not _same(answer.get("state", ""), _made("state", begun.secret)):
            message = "this sign-in was not begun in this browser, or more than ten minutes ago; begin again"
            raise MoorageError(ErrorCode.DENIED, message)
        return Arrival(await provider.identity(back, begun.secret, answer, now), begun.target, begun.user_id)

    def _provider(self, name: str) -> "_Provider":
        provider = self._providers.get(name)
        if provider is None:
            raise MoorageError(ErrorCode.NOT_FOUND)
        return provider


class _Provider:
    """One provider."""

    def __init__(self, name: str, options: OidcOptions) -> None:
        self.title = options.title or name
        self._name = name
        self._options = options
        self._issuer = TrustedIssuer(self.title, options)

    async def address(self, back: str, secret: str, now: float) -> str:
        """Return where the browser asks."""
        page = (await self._issuer.description(now)).authorization_endpoint or ""
        if not page.startswith("https://") and origin_of(page) not in self._options.asked:
            raise MoorageError(ErrorCode.UNAVAILABLE, f"{self.title} has no page to sign in at")
        asked = {
            "response_type": "code",
            "client_id": self._options.client_id,
            "redirect_uri": back,
            "scope": " ".join(self._options.scopes),
            "state": _made("state", secret),
            "nonce": _made("nonce", secret),
            "code_challenge": _digest(_made("verifier", secret)),
            "code_challenge_method": "S256",
        }
        return page + ("&" if "?" in page else "?") + urlencode(asked)

    async def identity(self, back: str, secret: str, answer: Mapping[str, str], now: float) -> Identity:
        """Return whom the provider vouches for."""
        if answer.get("iss", self._options.issuer) != self._options.issuer:
            raise MoorageError(ErrorCode.DENIED, f"this answer is not from {self.title}")
        if "code" not in answer:
            said = answer.get("error_description") or answer.get("error") or "no reason was given"
            raise MoorageError(ErrorCode.DENIED, f"{self.title} did not sign you in: {said[:LONGEST_SAID]}")
        try:
            description = await self._issuer.description(now)
            tokens = await self._tokens(description, back, _made("verifier", secret), answer["code"])
            claims = await self._claims(tokens, _made("nonce", secret), now)
            return self._identity({**await self._more(description, tokens, claims), **claims})
        except OutboundError as error:
            raise MoorageError(ErrorCode.UNAVAILABLE, f"{self.title} can't be asked now: {error}") from None

    async def _tokens(self, description: Description, back: str, verifier: str, code: str) -> dict[str, Any]:
        options = self._options
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
            "client_id": options.client_id,
        }
        basic = None
        if options.client_secret is not None:
            secret = options.client_secret.get_secret_value()
            if "client_secret_basic" in description.token_endpoint_auth_methods_supported:
                basic = (options.client_id, secret)
            else:
                form["client_secret"] = secret
        return await self._issuer.outbound.post(description.token_endpoint or "", form, basic)

    async def _claims(self, tokens: Mapping[str, Any], nonce: str, now: float) -> dict[str, Any]:
        claims = await self._issuer.verify(str(tokens.get("id_token", "")), now, self._options.client_id)
        if not _same(str(claims.get("nonce", "")), nonce):
            raise MoorageError(ErrorCode.UNAUTHORIZED, f"{self.title} answered for another sign-in; begin again")
        if claims.get("azp", self._options.client_id) != self._options.client_id:
            raise MoorageError(ErrorCode.UNAUTHORIZED, f"{self.title} answered for another program")
        return claims

    async def _more(
        self, description: Description, tokens: Mapping[str, Any], claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what the provider tells only when asked for it, if the ID token leaves something out."""
        token, wanted = tokens.get("access_token"), {self._options.name_claim, self._options.groups_claim}
        if description.userinfo_endpoint is None or not isinstance(token, str) or wanted <= claims.keys():
            return {}
        found = await self._issuer.outbound.get(description.userinfo_endpoint, token)
        # https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse: else it may be somebody else's.
        return found if found.get("sub") == claims["sub"] else {}

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        email = claims.get("email")
        email = email if isinstance(email, str) else ""
        name = claims.get(self._options.name_claim)
        name = name if isinstance(name, str) and name else email.partition("@")[0]
        return Identity(self._name, claims["sub"], name, email, _groups(claims.get(self._options.groups_claim)))


def _groups(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(group for group in value if isinstance(group, str))[:MOST_GROUPS] if isinstance(value, list) else ()


def _made(what: str, secret: str) -> str:
    """Return a value that only whoever has the secret can make, and that tells nothing about the others."""
    return _digest(f"{what}:{secret}")


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
