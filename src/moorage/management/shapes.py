"""What JSON looks like here: what is sent is read strictly, times are UTC, long lists come in pages.

A page holds `n` items past the key `after`; `next`, in the body and as a Link header, is the address of the one behind.
Where what fits must be looked for, it may hold fewer, or none, and have a `next` all the same.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

T = TypeVar("T")

USUAL = 50
MOST = 1000
LONGEST_KEY = 512

HALF_PAIR = re.compile("[\ud800-\udfff]")


class Sent(BaseModel):
    """A body that a client sends: no field beyond those it has is accepted."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        """Refuse what JSON can write and UTF-8 cannot: half of a surrogate pair."""
        if isinstance(value, str) and HALF_PAIR.search(value):
            raise ValueError("must be text of whole characters")
        return value


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(description="Address of the page behind this one; null on the last.")


def moment(seconds: float) -> datetime:
    """Return the time of Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def address_for(*parts: str) -> str:
    """Return the address below `/api/v1` that these path segments lead to."""
    return "/".join(("/api/v1", *(quote(part, safe="/") for part in parts)))


def _whole(value: object) -> int:
    if isinstance(value, int):
        return value
    if re.fullmatch(r"[0-9]{1,4}", str(value), re.ASCII) is None or not 1 <= int(str(value)) <= MOST:
        raise ValueError(f"must be a whole number, 1 to {MOST}")
    return int(str(value))


KEY = "The key of the last item of the page before."
After = Annotated[str, Query(max_length=LONGEST_KEY, description=KEY)]
Number = Annotated[
    int,
    BeforeValidator(_whole),
    Query(description=f"How many items, 1 to {MOST}.", json_schema_extra={"minimum": 1, "maximum": MOST}),
]


def key_like(pattern: str) -> Any:  # noqa: ANN401  what FastAPI says it returns
    """Describe the key of a list by time, which no other text can be."""
    return Query(max_length=LONGEST_KEY, description=KEY, json_schema_extra={"pattern": f"^(?:{pattern})?$"})


class Paging:
    """Which page of a list a request asks for."""

    def __init__(self, request: Request, response: Response, after: After = "", n: Number = USUAL) -> None:
        self.after = after
        self.limit = n + 1
        """One more than fits, which shows whether there is a next page."""
        self._request = request
        self._response = response

    def cut(
        self, rows: Sequence[T], key: Callable[[T], str], stopped: str | None = None
    ) -> tuple[Sequence[T], str | None]:
        """Return the rows of the page, of `limit` at most that were read, and the address of the next page.

        `stopped` is the key to go on from where it was looked no further for a full page.
        """
        page = rows[: self.limit - 1]
        after = stopped if len(rows) < self.limit else key(page[-1])
        if after is None:
            return page, None
        query = {**self._request.query_params, "after": after}
        address = f"{quote(self._request.url.path)}?{urlencode(query)}"
        self._response.headers["link"] = f'<{address}>; rel="next"'
        return page, address

    def of(self, rows: Iterable[T], key: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
        """Return the page of a list that is all there, by `key`, and the address of the next page."""
        behind = (row for row in sorted(rows, key=key) if key(row) > self.after)
        return self.cut(list(islice(behind, self.limit)), key)
