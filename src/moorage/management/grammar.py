"""What the OpenAPI document says of values: which text is a name. Whether it is one is decided by the domain."""

from typing import Any

from moorage.domain import immutable
from moorage.domain.digest import DIGEST
from moorage.domain.name import LONGEST_NAME, LONGEST_REGISTRY, REGISTRY, REPOSITORY, TAG
from moorage.services import accounts, names
from moorage.services.directories import LONGEST_SUBJECT
from moorage.services.groups import LONGEST_EXTERNAL
from moorage.services.registries import LONGEST_DESCRIPTION

_SEGMENT = r"(?:\*|\*?(?:[a-z0-9._-]\*?)+)"


def _text(pattern: str, longest: int) -> dict[str, Any]:
    return {"pattern": f"^(?:{pattern})$", "minLength": 1, "maxLength": longest}


A_REGISTRY = _text(REGISTRY.pattern, LONGEST_REGISTRY)
A_REPOSITORY = _text(REPOSITORY.pattern, LONGEST_NAME - len("r/"))
A_TAG = {"pattern": f"^{TAG.pattern}$"}
A_DIGEST: dict[str, Any] = {"pattern": f"^(?:{DIGEST.pattern})$"}
A_REFERENCE = {"pattern": f"^(?:{TAG.pattern}|{DIGEST.pattern})$"}
A_USER = _text(names.NAME.pattern, names.LONGEST_NAME)
A_PASSWORD: dict[str, Any] = {"minLength": accounts.SHORTEST_PASSWORD, "maxLength": accounts.LONGEST_PASSWORD}
A_DESCRIPTION: dict[str, Any] = {"maxLength": LONGEST_DESCRIPTION}
A_DIRECTORY: dict[str, Any] = {"minLength": 1, "maxLength": names.LONGEST_NAME}
AN_EXTERNAL: dict[str, Any] = {"minLength": 1, "maxLength": LONGEST_EXTERNAL}
_REPOSITORIES = f"{_SEGMENT}(?:/{_SEGMENT})*"
A_PATTERN = _text(_REPOSITORIES, LONGEST_NAME)
_A_TAG_LIKE = immutable.PATTERN.pattern
AN_IMMUTABLE_TAG = _text(f"{_A_TAG_LIKE}(?: !{_A_TAG_LIKE})*(?: @{_REPOSITORIES})?", immutable.LONGEST_RULE)
A_REASON: dict[str, Any] = {"pattern": r"\S", "maxLength": immutable.LONGEST_REASON}
_A_SHORT_REGISTRY = rf"(?=[^/]{{1,{LONGEST_REGISTRY}}}/){REGISTRY.pattern}"
A_PLACE = _text(rf"\*|{_A_SHORT_REGISTRY}/{_REPOSITORIES}", LONGEST_REGISTRY + len("/") + LONGEST_NAME)
"""Where an access token is good."""
A_WHOLE_NAME = _text(f"{_A_SHORT_REGISTRY}/{REPOSITORY.pattern}", LONGEST_NAME)
"""A repository's name with its registry."""
A_SUBJECT: dict[str, Any] = {"minLength": 1, "maxLength": LONGEST_SUBJECT}
