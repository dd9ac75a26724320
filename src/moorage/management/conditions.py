"""Changes on condition: a document is known by its `ETag`, and is changed only while it is what `If-Match` says.

The comparison is made in the transaction that makes the change, so that of two who read the same only one succeeds.

https://www.rfc-editor.org/rfc/rfc9110#name-conditional-requests
"""

import hashlib
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from moorage.domain.errors import ErrorCode, MoorageError

R = TypeVar("R")
D = TypeVar("D", bound=BaseModel)

ANY = "*"
DOT = "."
ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


class Counting:
    """A document of which some fields only count what happened to the thing."""

    COUNTED: ClassVar[frozenset[str]]


def etag_of(document: BaseModel) -> str:
    """Return the entity tag of a document: strong, the same wherever and whenever the document is the same.

    What only counts stands in it by itself, behind a dot: `If-Match` overlooks that part.
    """
    if not isinstance(document, Counting):
        return f'"{_hash(document.model_dump_json(), 32)}"'
    counted = document.model_dump_json(include=set(document.COUNTED))
    return f'"{_hash(document.model_dump_json(exclude=set(document.COUNTED)), 32)}{DOT}{_hash(counted, 8)}"'


def _hash(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


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

    def on(self, show: Callable[[R], BaseModel]) -> Callable[[R | None], None] | None:
        """Return what raises PRECONDITION_FAILED unless a record, as `show` shows it, is what was meant.

        It is shown None where there is nothing yet or any more.
        """
        if not self._sent:
            return None

        def check(record: R | None) -> None:
            if record is None or not self._names(etag_of(show(record))):
                raise MoorageError(ErrorCode.PRECONDITION_FAILED)

        return check

    def _names(self, etag: str) -> bool:
        # Who read a thing that has been pulled since has seen all there is to change.
        return names(_uncounted(",".join(self._sent)), _uncounted(etag), weak=False)


class IfSet(IfMatch):
    """The condition that a request makes which changes a thing or makes it anew."""

    def __init__(
        self,
        request: Request,
        if_match: Annotated[str, Header(description="Change it only while its ETag is this one.")] = "",
        if_none_match: Annotated[str, Header(description="With *: only if there is none yet.")] = "",  # noqa: ARG002  for the document
    ) -> None:
        super().__init__(request, if_match)
        self._unless: Sequence[str] = request.headers.getlist("if-none-match")

    def on(self, show: Callable[[R], BaseModel]) -> Callable[[R | None], None] | None:
        """Return what raises PRECONDITION_FAILED as `IfMatch` does, or where there is what must not be."""
        matches = super().on(show)
        if not self._unless:
            return matches

        def check(record: R | None) -> None:
            if matches is not None:
                matches(record)
            if record is not None and names(",".join(self._unless), etag_of(show(record)), weak=True):
                raise MoorageError(ErrorCode.PRECONDITION_FAILED, "this is there already")

        return check


ToTag = Annotated[Tagged, Depends()]
OnMatch = Annotated[IfMatch, Depends()]
OnSet = Annotated[IfSet, Depends()]


def takes_condition(handler: Callable[..., Any]) -> bool:
    """Tell whether a handler heeds `If-Match`."""
    return _asks_for(handler, OnMatch) or _asks_for(handler, OnSet)


def gives_etag(handler: Callable[..., Any]) -> bool:
    """Tell whether a handler's answer has an `ETag`."""
    return _asks_for(handler, ToTag)


def _uncounted(text: str) -> str:
    return re.sub(r'\.[0-9a-f]{8}"', '"', text)


def _asks_for(handler: Callable[..., Any], what: object) -> bool:
    return any(item.annotation == what for item in inspect.signature(handler).parameters.values())
