"""What a route knows of what is sent to it. The rest is refused: what is ignored looks as if it had been heeded."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant

from moorage.domain.errors import ErrorCode, MoorageError

LONGEST_NAME = 64


def check_known(request: Request) -> None:
    """Raise VALUE_INVALID for a parameter that the route has not, or has once, and for a body where it takes none.

    What the fields of a body may be is said by its shape.
    """
    route = request.scope["route"]
    sent = [name for name, _ in request.query_params.multi_items()]
    known = set(_parameters(route.dependant)) if sent else set()
    for number, name in enumerate(sent):
        if name not in known:
            _refuse(name, "there is no such parameter")
        if name in sent[:number]:
            _refuse(name, "is there twice")
    if route.body_field is None and _has_body(request):
        raise MoorageError(ErrorCode.VALUE_INVALID, "this takes no body")


def _parameters(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _parameters(inner)


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _refuse(name: str, why: str) -> None:
    raise MoorageError(ErrorCode.VALUE_INVALID, why, {"field": name[:LONGEST_NAME]})
