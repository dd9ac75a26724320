"""Rules of retention in the tab Policies of a registry: changing them, and what they would do."""

import csv
import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from starlette.responses import Response, StreamingResponse

from moorage.domain.access import Action
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.pattern import WHOLE
from moorage.domain.retention import Of, Rest, Rule
from moorage.services.retention import RetentionService, key_of
from moorage.services.retention_records import PreviewRow, RuleChanges, RuleRecord
from moorage.ui.registries import head_of
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit

MOST_COUNTED = 10_000
"""Tags and images that a preview adds up; of more it says so."""

BATCH = 500
COLUMNS = ("repository", "tag", "digest", "decision", "rule", "reason", "bytes freed")
NUMBERS = ("newest", "pushed_days", "pulled_days", "minors")
FORM_ERRORS = frozenset({ErrorCode.VALUE_INVALID, ErrorCode.CONFLICT})
EMPTY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Counted:
    """What a preview adds up to."""

    tags: int = 0
    going_tags: int = 0
    going_images: int = 0
    frees: int = 0
    is_all: bool = True

    def more(self, row: PreviewRow) -> "Counted":
        """Return it with a row more."""
        is_tag, goes = row.decision.tag is not None, row.decision.goes
        return replace(
            self,
            tags=self.tags + is_tag,
            going_tags=self.going_tags + (is_tag and goes),
            going_images=self.going_images + (goes and not is_tag),
            frees=self.frees + row.frees,
        )


class RetentionPages:
    """Pages about rules of retention."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    @property
    def _retention(self) -> RetentionService:
        return self._services.retention

    async def change(self, visit: Visit) -> Response:
        """Pause a rule, start it, move it up, or delete it."""
        await self._check_may_edit(visit)
        rule_id, what = _number(visit.form.get("rule", "")), visit.form.get("do", "")
        found = await self._retention.get(visit.caller, visit.address, rule_id)
        if what == "delete":
            await self._retention.delete(visit.caller, visit.address, rule_id)
            return self._done(visit, f"The rule {found.name} was deleted")
        changes, text = {
            "pause": (RuleChanges(is_paused=True), f"The rule {found.name} is paused"),
            "start": (RuleChanges(is_paused=False), f"The rule {found.name} runs with the next run"),
            "up": (RuleChanges(position=max(1, found.position - 1)), f"The rule {found.name} was moved up"),
        }.get(what, (RuleChanges(), ""))
        try:
            await self._retention.change(visit.caller, visit.address, rule_id, changes)
        except MoorageError as error:
            if error.error is not ErrorCode.IN_USE:
                raise
            return self._done(visit, f"The rule {found.name} was not started", "Look at its preview first.")
        return self._done(visit, text)

    async def run(self, visit: Visit) -> Response:
        """Begin to do what the rules say."""
        run = await self._services.retention_runs.ask(visit.caller, visit.address)
        return self._done(visit, f"Run {run.id} of the rules goes on", "Look here again to see how far it is.")

    async def form(self, visit: Visit) -> Response:
        """Ask what a rule says, a new one or one that is there."""
        await self._check_may_edit(visit)
        asked = visit.asked.get("rule", "")
        rule = await self._retention.get(visit.caller, visit.address, _number(asked)) if asked else None
        return await self._form(visit, rule, _fields(rule) if rule else EMPTY)

    async def save(self, visit: Visit) -> Response:
        """Add a rule, or change one; then it waits for its preview."""
        await self._check_may_edit(visit)
        asked = visit.form.get("rule", "")
        rule = await self._retention.get(visit.caller, visit.address, _number(asked)) if asked else None
        fields = {name: visit.form.get(name, "").strip() for name in (*_fields(None), "name")}
        try:
            said = _rule(fields)
            if rule is None:
                rule = await self._retention.create(visit.caller, visit.address, fields["name"], said)
            else:
                changes = RuleChanges(name=fields["name"], rule=said)
                rule = await self._retention.change(visit.caller, visit.address, rule.id, changes)
        except MoorageError as error:
            if error.error not in FORM_ERRORS:
                raise
            return await self._form(visit, rule, fields, error)
        more = "It is paused: look at its preview, then start it." if rule.is_paused else ""
        return self._done(visit, f"The rule {rule.name} was saved", more)

    async def preview(self, visit: Visit) -> Response:
        """Show what would go and what would stay, and why."""
        rule_id, after = _asked_rule(visit), visit.asked.get("after", "")
        only_going = visit.asked.get("show") == "going"
        rows: list[PreviewRow] = []
        counted = Counted()
        async for row in await self._retention.preview(visit.caller, visit.address, rule_id, after):
            counted = counted.more(row)
            if len(rows) <= visit.rows and (row.decision.goes or not only_going):
                rows.append(row)
            if len(rows) > visit.rows and (after or counted.tags >= MOST_COUNTED):
                counted = replace(counted, is_all=False)
                break
        return self._view.page(
            visit,
            "registry-preview.html",
            head=await head_of(self._services, visit),
            rule=await self._retention.get(visit.caller, visit.address, rule_id) if rule_id else None,
            rows=rows[: visit.rows],
            counted=None if after else counted,
            only_going=only_going,
            older=str(key_of(rows[visit.rows - 1])) if len(rows) > visit.rows else None,
        )

    async def as_csv(self, visit: Visit) -> Response:
        """Answer with the whole preview as CSV."""
        rows = await self._retention.preview(visit.caller, visit.address, _asked_rule(visit))
        name = f"retention-{visit.address}.csv"
        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)

    async def _form(
        self, visit: Visit, rule: RuleRecord | None, fields: Mapping[str, str], error: MoorageError | None = None
    ) -> Response:
        detail = error.detail if error is not None and isinstance(error.detail, dict) else {}
        return self._view.page(
            visit,
            "registry-rule.html",
            422 if error else 200,
            head=await head_of(self._services, visit),
            rule=rule,
            fields={**_fields(None), "name": "", **fields},
            errors={str(detail.get("field", "name")): error.message} if error else {},
        )

    async def _check_may_edit(self, visit: Visit) -> None:
        await self._services.access.check_registry(visit.caller, Action.DESCRIBE, visit.address)

    def _done(self, visit: Visit, text: str, more: str = "") -> Response:
        return visit.next(f"/{visit.address}/-/policies", text, more)


def _fields(record: RuleRecord | None) -> dict[str, str]:
    """Return the fields of a form that a rule fills."""
    rule = record.rule if record else Rule()
    numbers = {name: getattr(rule, name) for name in NUMBERS}
    return {
        **({"name": record.name} if record else {}),
        "of": rule.of.value,
        "repositories": rule.repositories,
        "tags": " ".join(rule.tags),
        "but_not": " ".join(rule.but_not),
        "rest": rule.rest.value,
        **{name: "" if value is None else str(value) for name, value in numbers.items()},
    }


def _rule(fields: Mapping[str, str]) -> Rule:
    """Return the rule that a form says, or raise VALUE_INVALID."""
    of = next((each for each in Of if each.value == fields["of"]), Of.TAGS)
    numbers = {name: _count(name, fields[name]) for name in NUMBERS}
    if of is Of.LABELLED:
        # What else the form holds says nothing about these.
        numbers = dict.fromkeys(NUMBERS)
    return Rule(
        of=of,
        repositories=fields["repositories"] or WHOLE,
        tags=tuple(fields["tags"].split()) or (WHOLE,),
        but_not=tuple(fields["but_not"].split()),
        rest=Rest.PASS if fields["rest"] == Rest.PASS and of is not Of.LABELLED else Rest.REMOVE,
        **numbers,
    )


def _count(field: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < len("10000000")):
        raise MoorageError(ErrorCode.VALUE_INVALID, "that is no whole number", {"field": field})
    return int(text)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len("999999999999")):
        raise MoorageError(ErrorCode.VALUE_INVALID, "that is no rule's number", {"field": "rule"})
    return int(text)


def _asked_rule(visit: Visit) -> int | None:
    asked = visit.asked.get("rule", "")
    return _number(asked) if asked else None


async def _csv(rows: AsyncIterator[PreviewRow]) -> AsyncIterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    count = 0
    async for row in rows:
        decision, rule = row.decision, row.decision.rule
        said = "goes" if decision.goes else "stays"
        name = _plain(rule.name) if rule else ""
        writer.writerow(
            (row.repository.path, decision.tag or "", decision.digest, said, name, decision.reason, row.frees)
        )
        count += 1
        if count % BATCH == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _plain(text: str) -> str:
    """Keep a spreadsheet from taking text that somebody wrote for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
