"""A registry's policies: what is kept, which tags never move, and how much it may hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from moorage.domain.access import Action
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.pattern import WHOLE
from moorage.domain.quota import USUAL_WARNING, note
from moorage.domain.retention import words
from moorage.domain.sizes import parse_size, written
from moorage.services.records import Registry
from moorage.ui.registries import head_of
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit

NO_FIELDS: Mapping[str, str] = {"tags": "", "where": "", "but_not": ""}


WARNING = re.compile("[0-9]{1,3}", re.ASCII)
UNITS = ("GB", "TB")
WARNINGS = (80, 90, 0)


@dataclass(frozen=True, slots=True)
class QuotaForm:
    """What the form for the quota holds; `error` says what is wrong with it."""

    number: str
    unit: str
    warning: int
    error: str = ""

    @property
    def units(self) -> tuple[str, ...]:
        """What to choose from: what the registry has is always among it."""
        return tuple(dict.fromkeys((*UNITS, self.unit)))

    @property
    def warnings(self) -> tuple[int, ...]:
        """Percentages, likewise."""
        return tuple(dict.fromkeys((*WARNINGS, self.warning)))


class PolicyPages:
    """The tab Policies of a registry."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def show(self, visit: Visit) -> Response:
        """Show the rules, and how many tags each holds."""
        await self._services.access.check_registry(visit.caller, Action.PUSH, visit.address)
        return await self._show(visit)

    async def add(self, visit: Visit) -> Response:
        """Add a rule for immutable tags."""
        await self._services.access.check_registry(visit.caller, Action.ADMINISTER_REGISTRY, visit.address)
        fields = {name: visit.form.get(name, "").strip() for name in NO_FIELDS}
        tags, where, but_not = fields["tags"].split(), fields["where"], fields["but_not"].split()
        place = [f"@{where}"] if where not in {"", WHOLE} else []
        text = " ".join([*tags, *(f"!{pattern}" for pattern in but_not), *place])
        try:
            await self._services.immutable.add(visit.caller, visit.address, text)
        except MoorageError as error:
            if error.error is not ErrorCode.VALUE_INVALID:
                raise
            return await self._show(visit, 422, fields, error.message)
        return visit.next(f"/{visit.address}/-/policies", "The rule was added")

    async def remove(self, visit: Visit) -> Response:
        """Take a rule away."""
        rule = visit.form.get("rule", "")
        await self._services.immutable.remove(visit.caller, visit.address, rule)
        return visit.next(f"/{visit.address}/-/policies", f"The rule {rule} was removed")

    async def limit(self, visit: Visit) -> Response:
        """Set the quota, or take it away."""
        await self._services.access.check_registry(visit.caller, Action.PULL, visit.address)
        self._services.access.check_server(visit.caller, Action.ADMINISTER_SERVER)
        number, unit = visit.form.get("quota", "").strip(), visit.form.get("unit", UNITS[0])
        warning = visit.form.get("warn", "")
        try:
            limits = {
                "quota": parse_size(number + unit) if number else None,
                "quota_warning": int(warning) if WARNING.fullmatch(warning) else USUAL_WARNING,
            }
            await self._services.registries.update(visit.caller, visit.address, {}, limits=limits)
        except MoorageError as error:
            if error.error is not ErrorCode.VALUE_INVALID:
                raise
            return await self._show(visit, 422, quota=QuotaForm(number, unit, USUAL_WARNING, error.message))
        return visit.next(f"/{visit.address}/-/policies", "The quota was saved")

    async def _show(
        self,
        visit: Visit,
        status: int = 200,
        fields: Mapping[str, str] = NO_FIELDS,
        error: str = "",
        quota: QuotaForm | None = None,
    ) -> Response:
        head = await head_of(self._services, visit)
        kept = await self._services.retention.list(visit.caller, visit.address) if head.may_pin else ()
        runs = await self._services.retention_runs.list(visit.caller, visit.address, None, 1) if head.may_pin else ()
        held = await self._services.immutable.held(visit.caller, head.registry)
        page = "registry-policies.html"
        allowance = head.summary.allowance
        return self._view.page(
            visit,
            page,
            status,
            head=head,
            held=held,
            fields=fields,
            error=error,
            kept=[(rule, words(rule.rule)) for rule in kept],
            retention_at=self._services.retention_at,
            run=runs[0] if runs else None,
            may_run=await self._services.access.may(visit.caller, Action.DELETE, visit.address),
            quota=quota or form_of(head.registry),
            quota_note=note(allowance) if allowance else "",
        )


def form_of(registry: Registry) -> QuotaForm:
    """Return the form as the registry has it."""
    number, unit = ("", UNITS[0]) if registry.quota is None else written(registry.quota)
    return QuotaForm(number, unit, registry.quota_warning)
