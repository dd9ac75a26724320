"""Machines without an account: what a CI job or a pod may do, by the token that its own platform gave it.

docker login -u oidc -p TOKEN      the name says that the password is such a token
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.auth.issuers import TrustedIssuer, issuer_of
from moorage.auth.oidc_options import TrustOptions
from moorage.domain.access import Caller, Given
from moorage.domain.activity import NOBODY, Facts, Reason, Who
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.trust import Rule, fitting
from moorage.services.tally import Tally

USER = "oidc"
JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
LONGEST_TOKEN = 16 * 1024


@dataclass(frozen=True, slots=True)
class _Trust:
    name: str
    options: TrustOptions
    issuer: TrustedIssuer

    async def verify(self, token: str, now: float) -> Mapping[str, Any]:
        return await self.issuer.verify(token, now, self.options.audience)

    def called(self, claims: Mapping[str, Any]) -> str:
        """Return what a machine is called, here and in activity."""
        return f"oidc:{self.name}:{claims['sub']}"

    def facts(self, claims: Mapping[str, Any]) -> dict[str, str]:
        """Return what is told of a token: nothing that could be used, and nothing that was not verified."""
        return {"issuer": self.name, "subject": str(claims["sub"])}


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a token opens nothing, for whoever sent it and for activity."""

    error: MoorageError
    who: Who = NOBODY
    reason: Reason = Reason.UNKNOWN
    facts: Facts | None = None


class Machines:
    """Knows machines by their tokens; the tally is told of each sign-in, and of each token that was refused."""

    def __init__(self, trusts: Mapping[str, TrustOptions], tally: Tally) -> None:
        self._trusts = [_Trust(name, options, TrustedIssuer(name, options)) for name, options in trusts.items()]
        self._tally = tally

    def know(self, name: str, password: str) -> bool:
        """Tell whether a name and password are a machine's; everything else is a person's."""
        return bool(self._trusts) and name == USER and JWT.fullmatch(password) is not None

    async def by_token(self, token: str, now: float) -> Caller:
        """Return the machine of a token, or raise UNAUTHORIZED, or UNAVAILABLE if its issuer can't be asked.

        `now` is Unix seconds. One issuer may stand in several tables: the first whose audience and rules fit counts.
        """
        try:
            found = await self._find(token, now)
        except MoorageError as error:
            if error.error is not ErrorCode.UNAUTHORIZED:
                raise
            found = _Refusal(error)
        if isinstance(found, Caller):
            return found
        self._tally.sign_in_refused(found.who, found.reason, found.facts)
        raise found.error

    async def _find(self, token: str, now: float) -> Caller | _Refusal:
        refusal = _Refusal(MoorageError(ErrorCode.UNAUTHORIZED, "no trusted issuer has issued this token"))
        for trust in self._issued_by(token):
            try:
                claims = await trust.verify(token, now)
            except MoorageError as error:
                if error.error is not ErrorCode.UNAUTHORIZED:
                    raise
                refusal = _Refusal(error)
                continue
            rules = fitting(trust.options.rules, claims)
            if rules:
                self._tally.signed_in(_who(trust, claims, rules), _told(trust, claims, rules))
                given = tuple((rule.on, rule.role) for rule in rules.values())
                return Caller(name=trust.called(claims), given=Given(given, float(claims["exp"])))
            message = f"this token is genuine, but matches no rule of the trusted issuer {trust.name}"
            refused = MoorageError(ErrorCode.UNAUTHORIZED, message)
            refusal = _Refusal(refused, Who(trust.called(claims)), Reason.NO_RULE, trust.facts(claims))
        return refusal

    def _issued_by(self, token: str) -> list[_Trust]:
        """Return where a token may come from, by its own word; raise UNAUTHORIZED for what is none."""
        if len(token) > LONGEST_TOKEN:
            raise MoorageError(ErrorCode.UNAUTHORIZED, f"a token has at most {LONGEST_TOKEN} characters")
        says = issuer_of(token)
        return [trust for trust in self._trusts if trust.options.issuer == says]


def _who(trust: _Trust, claims: Mapping[str, Any], rules: Mapping[int, Rule]) -> Who:
    """Return whose sign-in it is: where all is given in one registry, its owners may know."""
    registries = {rule.on.partition("/")[0] for rule in rules.values()}
    return Who(trust.called(claims), registry=registries.pop() if len(registries) == 1 else None)


def _told(trust: _Trust, claims: Mapping[str, Any], rules: Mapping[int, Rule]) -> Facts:
    numbers, given = " ".join(map(str, rules)), (f"{rule.role.value} on {rule.on}" for rule in rules.values())
    return {**trust.facts(claims), "rules": numbers, "given": ", ".join(dict.fromkeys(given))}
