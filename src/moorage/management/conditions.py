"""Changes on condition: a document is known by its `ETag`, and is changed only while it is what `If-Match` says.

The comparison is made in the transaction that makes the change, so that of two who read the same only one succeeds.

https://www.rfc-editor.org/rfc/rfc9110#name-conditional-requests
"""

import hashlib
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from moorage.domain.errors import ErrorCode, MoorageError

R = TypeVar("R")
D = TypeVar("D", bound=BaseModel)

ANY = "*"
ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


def etag_of(document: BaseModel) -> str:
    """Return the entity tag of a document: strong, the same wherever and whenever the document is the same."""
    return f'"{hashlib.sha256(document.model_dump_json().encode()).hexdigest()[:32]}"'


def names(header: str, etag: str, *, weak: bool) -> bool:
    """Tell whether a list of entity tags, or `*`, names this one; only a weak comparison overlooks `W/`."""
    if header.strip() == ANY:
        return True
    found = ENTITY_TAG.findall(header)
    return any(f'"{opaque}"' == etag for prefix, opaque in found if weak or not prefix)


class Tagged:
    """Puts the entity tag of what is answered into the answer."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def __call__(self, document: D) -> D:
        """Return the document, having set `ETag`."""
        self._response.headers["etag"] = etag_of(document)
        return document


class IfMatch:
    """The condition that a request makes, if it makes one."""

    def __init__(
        self,
        request: Request,
        if_match: Annotated[str, Header(description="Change it only while its ETag is this one.")] = "",  # noqa: ARG002  for the document
    ) -> None:
        self._sent: Sequence[str] = request.headers.getlist("if-match")

    def on(self, show: Callable[[R], BaseModel]) -> Callable[[R], None] | None:
        """Return what raises PRECONDITION_FAILED unless a record, as `show` shows it, is what was meant."""
        if not self._sent:
            return None

        def check(record: R) -> None:
            if not names(",".join(self._sent), etag_of(show(record)), weak=False):
                raise MoorageError(ErrorCode.PRECONDITION_FAILED)

        return check


ToTag = Annotated[Tagged, Depends()]
OnMatch = Annotated[IfMatch, Depends()]


def takes_condition(handler: Callable[..., Any]) -> bool:
    """Tell whether a handler heeds `If-Match`."""
    return _asks_for(handler, OnMatch)


def gives_etag(handler: Callable[..., Any]) -> bool:
    """Tell whether a handler's answer has an `ETag`."""
    return _asks_for(handler, ToTag)


def _asks_for(handler: Callable[..., Any], what: object) -> bool:
    return any(item.annotation == what for item in inspect.signature(handler).parameters.values())
