"""A registry's policies: what is kept, and which tags never move."""

from collections.abc import Mapping

from starlette.responses import Response

from moorage.domain.access import Action
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.pattern import WHOLE
from moorage.domain.retention import words
from moorage.ui.registries import head_of
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit

NO_FIELDS: Mapping[str, str] = {"tags": "", "where": "", "but_not": ""}


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

    async def _show(
        self, visit: Visit, status: int = 200, fields: Mapping[str, str] = NO_FIELDS, error: str = ""
    ) -> Response:
        head = await head_of(self._services, visit)
        kept = await self._services.retention.list(visit.caller, visit.address) if head.may_pin else ()
        held = await self._services.immutable.held(visit.caller, head.registry)
        page = "registry-policies.html"
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
        )
