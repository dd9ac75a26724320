"""`moorage gc`: collect what nothing needs, now."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from moorage.cli.folder import Config, Data, work
from moorage.cli.output import Json, say, say_json
from moorage.domain.access import Caller
from moorage.services.records import Collected, Usage
from moorage.ui.words import number, size

if TYPE_CHECKING:
    from moorage.app.services import Services


def gc(data: Data = None, config: Config = None, *, as_json: Json = False) -> None:
    """Give back the space of what nothing needs and no lease protects; pushes and pulls may go on meanwhile.

    moorage gc --data /srv/moorage
    """

    async def story(services: "Services", caller: Caller) -> tuple[Collected, Usage]:
        done = await services.collect.collect()
        return done, await services.collect.usage(caller)

    done, usage = work(data, config, story)
    if as_json:
        say_json({"blobs": done.blobs, "freed": done.freed, "uploads": done.uploads, "usage": asdict(usage)})
        return
    say(f"Freed {size(done.freed)}: {number(done.blobs, 'blob')} and {number(done.uploads, 'abandoned upload')}")
    say(f"Waiting for their leases to end: {size(usage.waiting)}. In use: {size(usage.linked)}")
