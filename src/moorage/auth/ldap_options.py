"""What directories.toml may say about an LDAP directory; each is explained in docs/directories.md."""

import re
import ssl
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

# Without TLS every password would travel readably, so ldap:// is StartTLS and nothing else.
URL = re.compile(r"ldaps?://(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?", re.ASCII)

Attribute = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9.-]*$")]
Text = Annotated[str, Field(min_length=1)]


class LdapOptions(BaseModel):
    """How to reach an LDAP server, and where in it people and groups are; times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str
    ca_file: Path | None = None
    bind_dn: Text | None = None
    bind_password: SecretStr | None = None
    people: Text
    person_filter: str = "(uid={name})"
    subject: Attribute = "entryUUID"
    name: Attribute = "uid"
    email: Attribute = "mail"
    member_of: Attribute | None = None
    groups: Text | None = None
    group_filter: str = "(member={dn})"
    timeout: Annotated[int, Field(ge=1, le=60)] = 5
    connections: Annotated[int, Field(ge=1, le=64)] = 4

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        if URL.fullmatch(url) is None:
            raise ValueError("this must be ldaps://HOST[:PORT], or ldap://HOST[:PORT] for StartTLS")
        return url

    @field_validator("ca_file")
    @classmethod
    def _certificates(cls, path: Path | None) -> Path | None:
        if path is not None:
            try:
                ssl.create_default_context(cafile=path.expanduser())
            except OSError as error:
                reason = "it holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
                raise ValueError(f"{path} cannot be used: {reason}") from None
        return path

    @field_validator("person_filter")
    @classmethod
    def _finds_people(cls, text: str) -> str:
        return _filter(text, "{name}")

    @field_validator("group_filter")
    @classmethod
    def _finds_groups(cls, text: str) -> str:
        return _filter(text, "{dn}")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if (self.bind_dn is None) != (self.bind_password is None):
            raise ValueError("bind_dn and bind_password need each other: give both or neither")
        if self.member_of is not None and self.groups is not None:
            raise ValueError("member_of and groups exclude each other: groups are read from the person or searched for")
        return self


def _filter(text: str, placeholder: str) -> str:
    """Return an LDAP filter (RFC 4515) that says where a value goes."""
    if not (text.startswith("(") and text.endswith(")") and placeholder in text) or text.count("(") != text.count(")"):
        raise ValueError(f"this must be a filter in parentheses that holds {placeholder}")
    return text
