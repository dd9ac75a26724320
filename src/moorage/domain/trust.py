"""What the own token of a CI job or a pod is given: rules over the claims that its issuer signed.

claims = { repository = "acme/app", ref = "refs/heads/*" }    all must match; `*` is any characters
role   = "writer"                                             what is given: reader, writer or maintainer
on     = "dmc/acme/*"                                         on these repositories of one registry
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from moorage.domain.access import Role
from moorage.domain.errors import MoorageError
from moorage.domain.name import REGISTRY
from moorage.domain.pattern import matches, parse_pattern

LONGEST_PATTERN = 300


def _of_one_registry(pattern: str) -> str:
    registry, slash, path = pattern.partition("/")
    if not slash or not path or REGISTRY.fullmatch(registry) is None or registry != registry.lower():
        raise ValueError("must begin with a registry's address in lower case, as in dmc/acme/*")
    try:
        return f"{registry}/{parse_pattern(path)}"
    except MoorageError as error:
        raise ValueError(f"behind the registry's address, {error.message}") from None


def _not_owner(role: Role) -> Role:
    if role is Role.OWNER:
        raise ValueError("must be reader, writer or maintainer: who runs a job's code must not own the registry")
    return role


class Rule(BaseModel):
    """One rule; `claims` holds patterns by the claim's name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    claims: Mapping[str, Annotated[str, Field(max_length=LONGEST_PATTERN)]]
    role: Annotated[Role, AfterValidator(_not_owner)]
    on: Annotated[str, Field(max_length=LONGEST_PATTERN), AfterValidator(_of_one_registry)]

    @field_validator("claims")
    @classmethod
    def _tells_apart(cls, claims: Mapping[str, str]) -> Mapping[str, str]:
        # Public issuers sign tokens for everybody: without a claim that tells one's own, the whole world would match.
        if not any(pattern.strip("*") for pattern in claims.values()):
            raise ValueError("must name at least one claim and a value other than *")
        return claims

    def fits(self, claims: Mapping[str, object]) -> bool:
        """Tell whether a token with these claims matches; a claim that is a list matches by any of its members."""
        return all(
            any(matches(pattern, value) for value in _texts(claims.get(name))) for name, pattern in self.claims.items()
        )


def fitting(rules: Iterable[Rule], claims: Mapping[str, object]) -> dict[int, Rule]:
    """Return the rules that a token with these claims matches, by their place: 1 is the first."""
    return {number: rule for number, rule in enumerate(rules, 1) if rule.fits(claims)}


def _texts(value: object) -> tuple[str, ...]:
    match value:
        case bool():
            return (str(value).lower(),)
        case str() | int():
            return (str(value),)
        case list():
            return tuple(member for member in value if isinstance(member, str))
        case _:
            return ()
