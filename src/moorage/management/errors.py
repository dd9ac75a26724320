"""The one writer of errors: Problem Details for HTTP APIs.

https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from moorage.domain.errors import ErrorCode, MoorageError

MEDIA_TYPE = "application/problem+json"
MOST_FIELDS = 20
LONGEST_NAME = 64
CHALLENGE = 'Basic realm="Moorage", charset="UTF-8"'

OF_STATUS: Mapping[int, ErrorCode] = {
    HTTPStatus.NOT_FOUND: ErrorCode.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: ErrorCode.METHOD_UNKNOWN,
    HTTPStatus.REQUEST_TIMEOUT: ErrorCode.STALLED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ErrorCode.TOO_LARGE,
}
"""What the framework refuses by itself, or `Front` inside it; all else it refuses is a body that cannot be read."""

OF_FRONT = frozenset({ErrorCode.STALLED, ErrorCode.TOO_LARGE})
"""Of these: what says itself what is wrong."""

DIVIDER = "/-/"
"""Stands in an address between a repository's name and what is asked of it."""

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


class FieldError(BaseModel):
    """What is wrong with one value that was sent."""

    field: str = Field(description="Where it is: a field of the body, a part of the path or of the query.")
    message: str


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(description="Where the kind of error is explained.")
    title: str = Field(description="The kind of error in words.")
    status: int
    detail: str = Field(description="What happened this time.")
    code: str = Field(description="The kind of error, for programs.")
    request_id: str = Field(description="By which the server's log knows this request.")
    errors: list[FieldError] | None = Field(None, description="The values that are wrong, if that is the trouble.")


def problem(request: Request, error: MoorageError, headers: Mapping[str, str] | None = None) -> Response:
    """Write an error."""
    row = error.error
    body = Problem(
        type=f"/api/docs#{row.name}",
        title=row.message,
        status=row.status,
        detail=error.message,
        code=row.code,
        request_id=str(getattr(request.state, "request_id", "")),
        errors=_fields(error) or None,
    )
    sent = dict(headers or {})
    if row is ErrorCode.UNAUTHORIZED and not _is_browser(request):
        sent["www-authenticate"] = CHALLENGE
    if isinstance(error.detail, Mapping) and "retry_after" in error.detail:
        sent["retry-after"] = str(error.detail["retry_after"])
    return JSONResponse(body.model_dump(exclude_none=True), row.status, sent, MEDIA_TYPE)


def _fields(error: MoorageError) -> list[FieldError]:
    about = error.detail if isinstance(error.detail, Mapping) else {}
    if "field" in about:
        return [FieldError(field=about["field"], message=error.message)]
    return list(about.get("fields", ()))


def _is_browser(request: Request) -> bool:
    """Tell whether a challenge would make a browser open its own password window over the page."""
    return "cookie" in request.headers or "sec-fetch-site" in request.headers


async def _refused(request: Request, error: MoorageError) -> Response:
    request.state.hidden = error.is_hidden
    return problem(request, error)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    # The values themselves are left out: one of them may be a password.
    wrong = error.errors()[:MOST_FIELDS]
    fields = [FieldError(field=_place(item["loc"]), message=_sentence(item)) for item in wrong]
    message = "; ".join(f"{item.field}: {item.message}" for item in fields)
    return problem(request, MoorageError(ErrorCode.VALUE_INVALID, message, {"fields": fields}))


def _place(location: tuple[int | str, ...]) -> str:
    inner = [str(part) for part in location[1:] if isinstance(part, str)]
    name = ".".join(inner) or str(location[0])
    return name[:LONGEST_NAME].encode(errors="backslashreplace").decode()


def _sentence(item: Mapping[str, str]) -> str:
    if item["type"] == "json_invalid":
        return "this is no JSON"
    if item["type"] in {"model_attributes_type", "missing"} and len(item["loc"]) == 1:
        return "send a JSON object, with Content-Type: application/json"
    if item["type"] == "extra_forbidden":
        return "there is no such field"
    message = item["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


async def _not_served(request: Request, error: HTTPException) -> Response:
    row = OF_STATUS.get(error.status_code)
    if row is None:
        return problem(request, MoorageError(ErrorCode.VALUE_INVALID, "the body cannot be read"))
    methods = _methods(request)
    if methods and row in {ErrorCode.METHOD_UNKNOWN, ErrorCode.NOT_FOUND}:
        return problem(request, MoorageError(ErrorCode.METHOD_UNKNOWN), {"allow": ", ".join(methods)})
    return problem(request, MoorageError(row, error.detail if row in OF_FRONT else None))


def _methods(request: Request) -> list[str]:
    """Return what may be done at the address asked for."""
    found: set[str] = set()
    for route in request.app.routes:
        match, inner = route.matches(request.scope)
        # A repository's name would take all that is asked of one, too.
        if match is not Match.NONE and DIVIDER not in inner.get("path_params", {}).get("repository", ""):
            found |= route.methods
    return sorted(found | {"HEAD"} if "GET" in found else found)


async def _broken(request: Request, _error: Exception) -> Response:
    return problem(request, MoorageError(ErrorCode.UNKNOWN))


HANDLERS: Mapping[int | type[Exception], Handler] = {
    MoorageError: _refused,
    RequestValidationError: _invalid,
    HTTPException: _not_served,
    Exception: _broken,
}
