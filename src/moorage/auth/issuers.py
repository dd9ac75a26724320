"""Issuers of OIDC: what they say about themselves, the keys they publish, and whether a token is theirs.

    ISSUER/.well-known/openid-configuration ─▶ {"issuer": ISSUER, "jwks_uri": …, …} ─▶ {"keys": […]}

Keys come from there and from nowhere else: what a token's header says about keys, beside the name of one, is refused.
https://openid.net/specs/openid-connect-discovery-1_0.html, https://www.rfc-editor.org/rfc/rfc7517,
https://www.rfc-editor.org/rfc/rfc8725 (what goes wrong with JWTs).
"""

import asyncio
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from pydantic import BaseModel, ValidationError

from moorage.auth.oidc_options import IssuerOptions
from moorage.auth.outbound import Outbound, OutboundError
from moorage.domain.errors import ErrorCode, MoorageError

WELL_KNOWN = "/.well-known/openid-configuration"

# No `none`, and nothing symmetric: a public key is no secret. Each goes with one kind of key only.
ALGORITHMS: Mapping[str, type[RSAKey | ECKey | OKPKey]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSAKey),
    **dict.fromkeys(("ES256", "ES384", "ES512"), ECKey),
    **dict.fromkeys(("EdDSA", "Ed25519"), OKPKey),
}
KINDS: Mapping[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
SHORTEST_RSA = 2048
MOST_KEYS = 100

REFUSED = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
"""What a header may not have: keys of its own, or a meaning that we don't know."""
TYPES = frozenset({"jwt", "at+jwt"})

FRESH_SECONDS = 3600
BELIEVED_SECONDS = 4 * 3600
"""How long keys go on counting while their issuer can't be asked."""
AGAIN_SECONDS = 30
"""Between two questions for the sake of a key that nobody knows: forged tokens cause no storm."""
RETRY_SECONDS = 10
CLOCKS_DIFFER = 60

SUBJECT = re.compile(r"[\x21-\x7e]{1,255}")
"""At most 255 ASCII characters; spaces and controls would only be there to confuse a log."""


class Description(BaseModel):
    """What an issuer says about itself, as far as it matters here."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


@dataclass(frozen=True, slots=True)
class _Known:
    description: Description
    keys: Mapping[str | None, Key]
    fetched_at: float

    def age(self, now: float) -> float:
        return abs(now - self.fetched_at)

    def serves(self, now: float, kid: str | None) -> bool:
        return self.age(now) < FRESH_SECONDS and (kid is None or kid in self.keys)


class TrustedIssuer:
    """One issuer; `now` is always Unix seconds."""

    def __init__(self, name: str, options: IssuerOptions) -> None:
        self._name = name
        self._issuer = options.issuer
        self.outbound = Outbound(options)
        self._known: _Known | None = None
        self._error = ""
        self._tried_at = float("-inf")
        self._asking = asyncio.Lock()

    async def description(self, now: float) -> Description:
        """Return what the issuer says about itself; raise UNAVAILABLE when it can't be asked."""
        return (await self._fresh(now)).description

    async def verify(self, token: str, now: float, audience: str) -> dict[str, Any]:
        """Return the claims of a token that this issuer made for an audience; raise UNAUTHORIZED, or UNAVAILABLE."""
        signed = _extract(token)
        header = signed.headers()
        key = await self._key(header.get("kid"), now)
        if not isinstance(key, ALGORITHMS[header["alg"]]) or not _is_right(signed, key):
            _refuse(f"this token was not signed by {self._issuer}")
        claims = _claims(signed.payload)
        if claims.get("iss") != self._issuer:
            _refuse(f"this token was not issued by {self._issuer}")
        if audience not in audiences(claims):
            _refuse(f"this token is not for the audience {audience}")
        _check_times(claims, now)
        if not isinstance(claims.get("sub"), str) or SUBJECT.fullmatch(claims["sub"]) is None:
            _refuse("this token does not say whom it is about")
        return claims

    async def _key(self, kid: object, now: float) -> Key:
        if kid is not None and not isinstance(kid, str):
            _refuse("the kid of a token is a text")
        known = await self._fresh(now)
        if kid not in known.keys:
            known = await self._fresh(now, kid)
        key = known.keys.get(kid)
        if key is None:
            _refuse(f"{self._issuer} publishes no such key as this token was signed with")
        return key

    async def _fresh(self, now: float, missing: str | None = None) -> _Known:
        """Return what is known, asked anew if that is too old or lacks the key `missing`."""
        known = self._known
        if known is not None and known.serves(now, missing):
            return known
        async with self._asking:
            known, waited = self._known, abs(now - self._tried_at)
            if known is not None and known.age(now) < FRESH_SECONDS:
                if known.serves(now, missing) or waited < AGAIN_SECONDS:
                    return known
            elif self._error and waited < RETRY_SECONDS:
                return self._still(known, now)
            self._tried_at = now
            try:
                self._known = await self._ask(now)
            except OutboundError as error:
                self._error = str(error)
                return self._still(known, now)
            self._error = ""
            return self._known

    def _still(self, known: _Known | None, now: float) -> _Known:
        if known is None or known.age(now) >= BELIEVED_SECONDS:
            raise MoorageError(ErrorCode.UNAVAILABLE, f"{self._name} can't be asked now: {self._error}")
        return known

    async def _ask(self, now: float) -> _Known:
        issuer = self._issuer
        try:
            description = Description.model_validate(await self.outbound.get(issuer.rstrip("/") + WELL_KNOWN))
        except ValidationError:
            raise OutboundError(f"{issuer}{WELL_KNOWN} is no description of an issuer") from None
        if description.issuer != issuer:
            raise OutboundError(f"{issuer} calls itself {description.issuer[:200]}")
        return _Known(description, _keys(await self.outbound.get(description.jwks_uri)), now)


def issuer_of(token: str) -> str | None:
    """Return who a token says has issued it: good for finding the issuer that verifies it, and for nothing else."""
    issuer = _claims(_extract(token).payload).get("iss")
    return issuer if isinstance(issuer, str) else None


def audiences(claims: Mapping[str, object]) -> tuple[str, ...]:
    """Return whom a token is for."""
    match claims.get("aud"):
        case str(one):
            return (one,)
        case list(several):
            return tuple(one for one in several if isinstance(one, str))
        case _:
            return ()


def _registry() -> jws.JWSRegistry:
    # Issuers may put what they like into a header (x5t, for one); what is dangerous there is refused by name.
    return jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)


def _extract(token: str) -> jws.CompactSignature:
    try:
        signed = jws.extract_compact(token.encode("ascii"), registry=_registry())
        header = signed.headers()
        kind = str(header.get("typ", "JWT")).lower().removeprefix("application/")
        if header.get("alg") in ALGORITHMS and kind in TYPES and not REFUSED & header.keys():
            return signed
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError):
        pass
    return _refuse("this is no token of an issuer, signed as one must be")


def _is_right(signed: jws.CompactSignature, key: Key) -> bool:
    try:
        with warnings.catch_warnings():
            # EdDSA is now called Ed25519, and the old name warned about; issuers still use it.
            warnings.simplefilter("ignore", SecurityWarning)
            key.check_alg(signed.headers()["alg"])
            return jws.validate_compact(signed, key, registry=_registry())
    except (JoseError, ValueError, TypeError, AttributeError):
        return False


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = json.loads(payload, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        _refuse("this token's content is no JSON object that says everything once")
    return claims


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a name given twice, each reader may take another one as meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def _check_times(claims: Mapping[str, object], now: float) -> None:
    ends = _moment(claims, "exp")
    if ends is None or ends <= now:
        _refuse("this token has expired" if ends is not None else "this token never expires, which no token may")
    begins = (_moment(claims, "nbf"), _moment(claims, "iat"))
    if any(moment is not None and moment > now + CLOCKS_DIFFER for moment in begins):
        _refuse("this token is not valid yet")


def _moment(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # NaN is smaller than nothing, and True a number.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e11:  # noqa: PLR2004  year 5138
        _refuse(f"the {name} of this token is no time")
    return float(value)


def _keys(document: Mapping[str, Any]) -> dict[str | None, Key]:
    """Return the keys that sign, by name; under None the only one, for tokens that don't name it."""
    listed = document.get("keys")
    found = [_import(member) for member in listed[:MOST_KEYS]] if isinstance(listed, list) else []
    keys = [key for key in found if key is not None]
    if not keys:
        raise OutboundError("the issuer publishes no key that could sign")
    by_name: dict[str | None, Key] = {key.kid: key for key in keys if key.kid is not None}
    return {**by_name, None: keys[0]} if len(keys) == 1 else by_name


def _import(member: object) -> Key | None:
    """Return a public key that signs; others, and what is none, are passed over."""
    if not isinstance(member, dict) or member.get("use", "sig") != "sig":
        return None
    try:
        kind = KINDS.get(member.get("kty", ""))
        if kind is None or ("kid" in member and not isinstance(member["kid"], str)):
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            key = kind.import_key(member)
        is_long_enough = not isinstance(key, RSAKey) or key.public_key.key_size >= SHORTEST_RSA
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return key if is_long_enough else None


def _refuse(why: str) -> NoReturn:
    raise MoorageError(ErrorCode.UNAUTHORIZED, why)
