"""The history of a tag: where it has pointed, since when, by whom, and moving it back."""

import re

from starlette.responses import RedirectResponse, Response

from moorage.domain.access import Action
from moorage.domain.digest import parse_digest
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.domain.history import How
from moorage.domain.immutable import held_by
from moorage.domain.name import parse_tag
from moorage.services.records import TagRecord
from moorage.ui.repositories import head_of
from moorage.ui.view import View
from moorage.ui.visit import UiServices, Visit
from moorage.ui.words import short

PLACE = re.compile("[0-9]{1,18}", re.ASCII)


class HistoryPages:
    """The page about one tag's past."""

    def __init__(self, services: UiServices, view: View) -> None:
        self._services = services
        self._view = view

    async def show(self, visit: Visit) -> Response:
        """List a tag's moves, of a deleted tag too."""
        head, name = await head_of(self._services, visit), visit.repository
        if not visit.asked.get("tag"):
            return RedirectResponse(f"/{name}", 303)
        tag, after = parse_tag(visit.asked["tag"]), visit.asked.get("after", "")
        before = int(after) if PLACE.fullmatch(after) else None
        found = await self._services.tags.history(visit.caller, name, tag, before, visit.rows + 1)
        newest = (await self._services.tags.history(visit.caller, name, tag, None, 1))[0]
        return self._view.page(
            visit,
            "history.html",
            head=head,
            tag=tag,
            rows=found[: visit.rows],
            older=found[visit.rows - 1].id if len(found) > visit.rows else None,
            digest=newest.digest,
            rule=None if newest.digest is None else held_by(tag, name.path, head.registry.immutable_tags),
            may_override=await self._services.access.may(visit.caller, Action.ADMINISTER_REGISTRY, name.registry),
        )

    async def move(self, visit: Visit) -> Response:
        """Take a tag back to where it has pointed, unless it has moved since the page was made."""
        name = visit.repository
        await self._services.access.check(visit.caller, Action.PUSH, name)
        tag, digest = parse_tag(visit.form.get("tag", "")), parse_digest(visit.form.get("digest", ""))
        seen = visit.form.get("seen", "")

        def check(found: TagRecord | None) -> None:
            if (found.digest if found else "") != seen:
                raise MoorageError(ErrorCode.PRECONDITION_FAILED, f"{tag} was moved since you looked; look again")

        reason = visit.form.get("override", "").strip() or None
        await self._services.tags.point(visit.caller, name, tag, digest, check, how=How.ROLLBACK, override=reason)
        return visit.next(f"/{name}/-/tags?tag={tag}", f"{tag} points to {short(digest)} again")
