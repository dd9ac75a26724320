"""Registries: the list, making one, its repositories, its settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Any

from starlette.responses import JSONResponse, Response

from moorage.domain.access import Action, Visibility
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.records import Registry, RegistrySummary, RepositoryRecord
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit, sign_in_first
from moorage.ui.words import day

MOST_REPOSITORIES = 200
"""A tree of names is whole up to here; beyond, it comes in pages."""

REGISTRY_ORDERS: Mapping[str, Callable[[RegistrySummary], tuple[float, str]]] = {
    "repositories": lambda row: (-row.repositories, row.registry.address),
    "size": lambda row: (-row.size, row.registry.address),
    "last-push": lambda row: (-(row.pushed_at or 0), row.registry.address),
}
REPOSITORY_ORDERS: Mapping[str, Callable[[RepositoryRecord], tuple[float, str]]] = {
    "last-push": lambda row: (-row.pushed_at, row.name.path),
    "size": lambda row: (-row.size, row.name.path),
}
KEEPING = (0, 7, 14, 30, 60, 90)
"""Days for which what is deleted can be kept, as the settings offer them."""

FORM_ERRORS = frozenset({ErrorCode.NAME_INVALID, ErrorCode.CONFLICT, ErrorCode.VALUE_INVALID})


@dataclass(frozen=True, slots=True)
class Head:
    """What the header of all of a registry's pages shows."""

    registry: Registry
    summary: RegistrySummary
    may_push: bool
    may_pin: bool
    may_describe: bool
    may_administer: bool


async def head_of(services: UiServices, visit: Visit) -> Head:
    """Gather the header; raise as the services do when there is nothing to see."""
    access, address = services.access, visit.address
    summary = await services.registries.summary(visit.caller, address)
    return Head(
        registry=summary.registry,
        summary=summary,
        may_push=await access.may(visit.caller, Action.PUSH, address),
        may_pin=await access.may(visit.caller, Action.PIN, address),
        may_describe=await access.may(visit.caller, Action.DESCRIBE, address),
        may_administer=await access.may(visit.caller, Action.ADMINISTER_REGISTRY, address),
    )


class RegistryPages:
    """Pages about registries."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def index(self, visit: Visit) -> Response:
        """List the registries one may see; nobody in particular signs in first unless some are public."""
        every = await self._services.registries.list(visit.caller)
        if visit.session is None and not every:
            return sign_in_first(visit)
        words, sort = visit.asked.get("q", "").lower().split(), visit.asked.get("sort", "")
        rows = [row for row in every if _has_words(words, row.registry.name, row.registry.description)]
        if sort in REGISTRY_ORDERS:
            rows.sort(key=REGISTRY_ORDERS[sort])
        limited = [row.registry.address for row in rows if row.allowance is not None]
        owned = {address for address in limited if await self._owns(visit, address)}
        has_deleted = visit.session is not None and bool(
            await self._services.registry_trash.list(visit.caller, limit=1)
        )
        shown: dict[str, Any] = {"rows": rows, "sort": sort, "owned": owned, "has_deleted": has_deleted}
        return self._view.page(visit, "registries.html", total=len(every), **shown)

    async def new(self, visit: Visit) -> Response:
        """Ask for what a registry needs."""
        if visit.session is None:
            return sign_in_first(visit)
        self._services.access.check_server(visit.caller, Action.CREATE_REGISTRY)
        return self._form(visit, {})

    async def create(self, visit: Visit) -> Response:
        """Make a registry and go to its page."""
        fields = {name: visit.form.get(name, "").strip() for name in ("name", "description", "visibility")}
        try:
            visibility = _visibility(fields["visibility"])
            made = await self._services.registries.create(
                visit.caller, fields["name"], fields["description"], visibility
            )
        except MoorageError as error:
            if error.error not in FORM_ERRORS:
                raise
            return self._form(visit, fields, error, await self._deleted(visit, fields["name"]))
        return visit.next(f"/{made.address}", f"{made.name} was created")

    async def name_check(self, visit: Visit) -> Response:
        """Say to the script whether a name is free."""
        if visit.session is None:
            raise MoorageError(ErrorCode.UNAUTHORIZED)
        name = visit.asked.get("name", "")
        free, text = await self._services.registries.availability(visit.caller, name)
        if free:
            text = await self._deleted(visit, name) or text
        headers = {"cache-control": "no-store"}
        return JSONResponse({"kind": "good" if free else "err", "text": text}, headers=headers)

    async def show(self, visit: Visit) -> Response:
        """Show a registry's repositories, or how to push the first one."""
        after, words = visit.asked.get("after", ""), visit.asked.get("q", "").lower().split()
        head = await self._head(visit)
        found = await self._services.catalog.repositories(
            visit.caller, visit.address, after=after, limit=MOST_REPOSITORIES + 1
        )
        rows = list(found[:MOST_REPOSITORIES])
        is_complete = not after and len(found) <= MOST_REPOSITORIES
        sort = visit.asked.get("sort", "") if is_complete else ""
        shown = [row for row in rows if not is_complete or _has_words(words, row.name.path, row.description)]
        if sort in REPOSITORY_ORDERS:
            shown.sort(key=REPOSITORY_ORDERS[sort])
        return self._view.page(
            visit,
            "registry.html" if rows else "registry-empty.html",
            head=head,
            groups=[("", shown)] if sort in REPOSITORY_ORDERS else _tree(shown),
            sort=sort,
            is_complete=is_complete,
            older=rows[-1].name.path if len(found) > MOST_REPOSITORIES else None,
        )

    async def push(self, visit: Visit) -> Response:
        """Show the lines that push to this registry."""
        return self._view.page(visit, "registry-push.html", head=await self._head(visit))

    async def settings(self, visit: Visit) -> Response:
        """Show what can be changed about a registry."""
        await self._services.access.check_registry(visit.caller, Action.DESCRIBE, visit.address)
        return await self._settings(visit)

    async def save(self, visit: Visit) -> Response:
        """Change description and, for those who may, the rest."""
        names = ("description", "visibility", "redirects", "trash_days")
        changes = {name: visit.form[name].strip() for name in names if name in visit.form}
        try:
            registry = await self._services.registries.update(visit.caller, visit.address, changes)
        except MoorageError as error:
            if error.error not in FORM_ERRORS:
                raise
            return await self._settings(visit, 422, changes, error)
        return visit.next(f"/{registry.address}/-/settings", f"The settings of {registry.name} were saved")

    async def _deleted(self, visit: Visit, name: str) -> str:
        """Say so where a name was that of a registry which the visitor could restore instead."""
        found = await self._services.registry_trash.named(visit.caller, name)
        if found is None:
            return ""
        return f"{found.entry.name} was deleted on {day(found.entry.deleted_at)}; its name is free, or restore it"

    async def _owns(self, visit: Visit, address: str) -> bool:
        return await self._services.access.may(visit.caller, Action.ADMINISTER_REGISTRY, address)

    async def _head(self, visit: Visit) -> Head:
        return await head_of(self._services, visit)

    async def _settings(
        self,
        visit: Visit,
        status: int = 200,
        changes: Mapping[str, str] = MappingProxyType({}),
        error: MoorageError | None = None,
    ) -> Response:
        page, head = "registry-settings.html", await self._head(visit)
        return self._view.page(
            visit,
            page,
            status,
            description=changes.get("description"),
            trash_days=changes.get("trash_days"),
            keeping=sorted({*KEEPING, head.registry.trash_days}),
            errors={_field(error): error.message} if error else {},
            head=head,
        )

    def _form(
        self, visit: Visit, fields: Mapping[str, str], error: MoorageError | None = None, deleted: str = ""
    ) -> Response:
        errors = {}
        if error is not None:
            is_about_name = error.error is not ErrorCode.VALUE_INVALID
            errors["name" if is_about_name else "description"] = error.message
        filled = {"name": "", "description": "", "visibility": Visibility.PRIVATE.value, **fields}
        shown: dict[str, Any] = {"fields": filled, "errors": errors, "deleted": deleted}
        return self._view.page(visit, "registry-new.html", 422 if errors else 200, **shown)


def _field(error: MoorageError) -> str:
    """Return the field of a form that an error is about."""
    detail = error.detail if isinstance(error.detail, dict) else {}
    return str(detail.get("field", "description"))


def _visibility(text: str) -> Visibility:
    try:
        return Visibility(text)
    except ValueError:
        return Visibility.PRIVATE


def _has_words(words: Sequence[str], *texts: str) -> bool:
    text = " ".join(texts).lower()
    return all(word in text for word in words)


def _tree(rows: Sequence[RepositoryRecord]) -> list[tuple[str, list[RepositoryRecord]]]:
    """Return repositories by the first part of their path: first those without one, then group after group."""
    plain = [row for row in rows if "/" not in row.name.path]
    nested = [row for row in rows if "/" in row.name.path]
    groups = groupby(nested, key=lambda row: row.name.path.partition("/")[0])
    return [("", plain), *((name, list(members)) for name, members in groups)]
