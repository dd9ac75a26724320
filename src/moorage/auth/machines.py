"""Machines without an account: what a CI job or a pod may do, by the token that its own platform gave it.

docker login -u oidc -p TOKEN      the name says that the password is such a token
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from moorage.auth.issuers import TrustedIssuer, issuer_of
from moorage.auth.oidc_options import TrustOptions
from moorage.domain.access import Caller, Given
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.trust import given

USER = "oidc"
JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
LONGEST_TOKEN = 16 * 1024


@dataclass(frozen=True, slots=True)
class _Trust:
    name: str
    options: TrustOptions
    issuer: TrustedIssuer

    async def caller(self, token: str, now: float) -> Caller:
        claims = await self.issuer.verify(token, now, self.options.audience)
        roles = given(self.options.rules, claims)
        if not roles:
            message = f"this token is genuine, but matches no rule of the trusted issuer {self.name}"
            raise MoorageError(ErrorCode.UNAUTHORIZED, message)
        return Caller(name=f"oidc:{self.name}:{claims['sub']}", given=Given(roles, float(claims["exp"])))


class Machines:
    """Knows machines by their tokens."""

    def __init__(self, trusts: Mapping[str, TrustOptions]) -> None:
        self._trusts = [_Trust(name, options, TrustedIssuer(name, options)) for name, options in trusts.items()]

    def know(self, name: str, password: str) -> bool:
        """Tell whether a name and password are a machine's; everything else is a person's."""
        return bool(self._trusts) and name == USER and JWT.fullmatch(password) is not None

    async def by_token(self, token: str, now: float) -> Caller:
        """Return the machine of a token, or raise UNAUTHORIZED, or UNAVAILABLE if its issuer can't be asked.

        `now` is Unix seconds. One issuer may stand in several tables: the first whose audience and rules fit counts.
        """
        if len(token) > LONGEST_TOKEN:
            raise MoorageError(ErrorCode.UNAUTHORIZED, f"a token has at most {LONGEST_TOKEN} characters")
        says = issuer_of(token)
        refused = MoorageError(ErrorCode.UNAUTHORIZED, "no trusted issuer has issued this token")
        for trust in self._trusts:
            if trust.options.issuer != says:
                continue
            try:
                return await trust.caller(token, now)
            except MoorageError as error:
                if error.error is not ErrorCode.UNAUTHORIZED:
                    raise
                refused = error
        raise refused
