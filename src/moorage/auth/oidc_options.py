"""What `[oidc.NAME]` and `[trust.NAME]` in directories.toml may say."""

import ssl
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from moorage.domain.trust import Rule

PORTS = {"https": 443, "http": 80}


def _certificates(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path.expanduser())
    except OSError as error:
        reason = "it holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(f"{path} cannot be used: {reason}") from None
    return path.expanduser()


Text = Annotated[str, Field(min_length=1, max_length=500)]


class IssuerOptions(BaseModel):
    """Any issuer: its address as it writes it, and whom else to ask about it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    issuer: Text
    origins: tuple[Text, ...] = ()
    """Where its keys and services may be, beside its own origin."""
    allow_private: bool = False
    ca_file: Annotated[Path, AfterValidator(_certificates)] | None = None

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        for url in (self.issuer, *self.origins):
            origin = origin_of(url)
            if not origin or "?" in url or "#" in url:
                raise ValueError("issuer and origins must be addresses like https://id.example.org")
            if origin.startswith("http:") and not self.allow_private:
                raise ValueError("issuer and origins must begin with https:// unless allow_private is true")
        return self

    @property
    def asked(self) -> frozenset[str]:
        """The origins that may be asked."""
        return frozenset(origin_of(url) for url in (self.issuer, *self.origins))


class TrustOptions(IssuerOptions):
    """Whose tokens count as passwords, made for whom, and what for."""

    audience: Text
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=1000)]


class OidcOptions(IssuerOptions):
    """Where people sign in for the web."""

    title: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    """What the button says; the directory's name if nothing."""
    client_id: Text
    client_secret: SecretStr | None = None
    scopes: tuple[Text, ...] = ("openid", "profile", "email")
    name_claim: Text = "preferred_username"
    groups_claim: Text = "groups"


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, the port only if it is not the scheme's; empty if it is none of ours."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in PORTS or not parts.hostname or parts.username is not None or not url.isascii():
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, PORTS[parts.scheme]} else "")
