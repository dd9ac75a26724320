"""The API described: as an OpenAPI document for programs, and as a page for people, made of that same document."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute

from moorage.domain.errors import ErrorCode
from moorage.management.errors import MEDIA_TYPE, Problem

ABOUT = (
    "Whoever calls is known by HTTP Basic with a user name and password, by a token as Bearer, or by the session of "
    "the web pages. Bodies are JSON. A list comes in pages: n says how many items, after is the key of the last item "
    "of the page before, and next, also sent as a Link header, is the address of the page behind."
)
CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-moorage",
        "description": "Of the web pages; a change must repeat the session's token in X-CSRF-Token.",
    },
}
PERMISSION = "x-moorage-permission"
REFUSALS: Mapping[int | str, str] = {
    400: "A value is not allowed, or the body cannot be read.",
    401: "Nobody said who asks, or what was said is no good.",
    403: "Whoever asks may not do this.",
    404: "There is no such thing, or whoever asks may not see it.",
    429: "Too many wrong passwords; Retry-After says for how long.",
}
OF_CHANGES: Mapping[int | str, str] = {
    408: "The body stood still.",
    409: "It is in the way of something that is there.",
    412: "If-Match names another ETag than it has now, or it has none; or If-None-Match names the one it has.",
    413: "The body is too large.",
    415: "The body is packed: send it without Content-Encoding.",
}
BROKEN: Mapping[int | str, str] = {"5XX": "The server cannot do this now, or is broken."}
ETAG = {"ETag": {"description": "Names this state, for If-Match and If-None-Match.", "schema": {"type": "string"}}}
TEMPLATES = Path(__file__).parent / "templates"
SCHEMAS = "#/components/schemas/"

Schema = Mapping[str, Any]


def answers(method: str, status: int, *, has_etag: bool) -> dict[int | str, dict[str, Any]]:
    """Return the answers of an operation beside its document: each refusal is a problem."""
    refusals: dict[int | str, str] = {**REFUSALS, **({} if method == "GET" else OF_CHANGES), **BROKEN}
    content = {MEDIA_TYPE: {"schema": {"$ref": SCHEMAS + "Problem"}}}
    found: dict[int | str, dict[str, Any]] = {}
    if has_etag:
        found[status] = {"headers": ETAG}
    if has_etag and method == "GET":
        found[304] = {"description": "If-None-Match names the ETag it has: nothing has changed.", "headers": ETAG}
    return found | {number: {"description": text, "content": content} for number, text in refusals.items()}


def describe(routes: Sequence[BaseRoute], version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the routes."""
    document = get_openapi(title="Moorage", version=version, description=ABOUT, routes=routes)
    components = document.setdefault("components", {})
    problem = Problem.model_json_schema(ref_template=SCHEMAS + "{model}")
    components.setdefault("schemas", {}).update(problem.pop("$defs"), Problem=problem)
    components["securitySchemes"] = SECURITY
    # What cannot be validated is a Problem like any other here; the framework describes an answer of its own.
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    for methods in document["paths"].values():
        for said in methods.values():
            said["responses"].pop("422", None)
    document["security"] = [{name: []} for name in SECURITY] + [{}]
    return document


@dataclass(frozen=True, slots=True)
class Field:
    """A value that is sent or answered; `place` is path, query or body for what is sent."""

    name: str
    place: str
    type: str
    text: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """A route as the page shows it."""

    id: str
    method: str
    path: str
    text: str
    permission: str
    status: str
    answer: str
    fields: tuple[Field, ...]


class Outline:
    """The document as the page shows it."""

    def __init__(self, document: Schema) -> None:
        self._paths: Schema = document["paths"]
        self._schemas: Schema = document["components"]["schemas"]

    def operations(self) -> Mapping[str, Sequence[Operation]]:
        """Return the routes by noun."""
        found: dict[str, list[Operation]] = {}
        for path, methods in self._paths.items():
            for method, said in methods.items():
                found.setdefault(said["tags"][0], []).append(self._operation(method.upper(), path, said))
        return found

    def shapes(self) -> Mapping[str, tuple[str, tuple[Field, ...]]]:
        """Return the objects that are answered: what they are, and their fields."""
        sent = {self._type(_json(said["requestBody"])) for said in self._said() if "requestBody" in said}
        return {
            name: (schema.get("description", ""), tuple(self._fields(schema, "")))
            for name, schema in sorted(self._schemas.items())
            if "properties" in schema and name not in sent
        }

    def _said(self) -> Iterator[Schema]:
        for methods in self._paths.values():
            yield from methods.values()

    def _operation(self, method: str, path: str, said: Schema) -> Operation:
        fields = [
            Field(item["name"], item["in"], self._type(item["schema"]), item.get("description", ""), item["required"])
            for item in said.get("parameters", ())
        ]
        if "requestBody" in said:
            fields += self._fields(self._schemas[self._type(_json(said["requestBody"]))], "body")
        status, answer = next(iter(said["responses"].items()))
        return Operation(
            id=said["operationId"],
            method=method,
            path=path,
            text=said["description"],
            permission=said[PERMISSION],
            status=status,
            answer=self._type(_json(answer)) if "application/json" in answer.get("content", {}) else "",
            fields=tuple(fields),
        )

    def _fields(self, schema: Schema, place: str) -> Iterator[Field]:
        required = schema.get("required", ())
        for name, about in schema["properties"].items():
            yield Field(name, place, self._type(about), about.get("description", ""), name in required)

    def _type(self, schema: Schema) -> str:
        """Put a type into words."""
        if "$ref" in schema:
            name = str(schema["$ref"]).removeprefix(SCHEMAS)
            return self._type(self._schemas[name]) if "enum" in self._schemas[name] else name
        if "anyOf" in schema:
            return " or ".join(self._type(part) for part in schema["anyOf"])
        if "enum" in schema:
            return ", ".join(schema["enum"])
        if schema.get("type") == "array":
            return f"list of {self._type(schema['items'])}"
        if schema.get("format") == "date-time":
            return "time"
        is_of_strings = schema.get("additionalProperties") == {"type": "string"}
        return "object of strings" if is_of_strings else str(schema["type"])


def _json(content: Schema) -> Schema:
    found: Schema = content["content"]["application/json"]["schema"]
    return found


class Documentation:
    """Serves the document and the page; `asset` gives the address of a static file of the web interface."""

    def __init__(self, document: Schema, asset: Callable[[str], str]) -> None:
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        outline = Outline(document)
        self._document = document
        self._page = environment.get_template("documentation.html").render(
            document=document, operations=outline.operations(), shapes=outline.shapes(), errors=ErrorCode, asset=asset
        )

    async def document(self, _request: Request) -> Response:
        """Answer with the OpenAPI document."""
        return JSONResponse(self._document)

    async def page(self, _request: Request) -> Response:
        """Answer with the page."""
        return HTMLResponse(self._page, headers={"content-security-policy": CSP})
