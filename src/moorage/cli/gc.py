"""`moorage gc`: collect what nothing needs, now."""

from moorage.cli.api import Api, at
from moorage.cli.output import Json, say, say_json
from moorage.ui.words import number, size


def gc(api: Api, *, as_json: Json = False) -> None:
    """Give back the space of what nothing needs and no lease protects; pushes and pulls may go on meanwhile."""
    done = api.request("POST", at("storage", "collect"))
    if as_json:
        say_json(done)
        return
    freed = f"{number(done['blobs'], 'blob')} and {number(done['uploads'], 'abandoned upload')}"
    say(f"Freed {size(done['freed'])}: {freed}")
    usage = done["usage"]
    quota = usage["quota"]
    if quota["quota"] is not None:
        said = f"{size(quota['used'])} of the server's quota of {size(quota['quota'])} are in use. {quota['note']}"
        say(said.rstrip())
    live, trash = size(usage["linked"] - usage["trash"]), size(usage["trash"])
    say(f"Waiting for their leases to end: {size(usage['waiting'])}. In use: {live}. Recently deleted: {trash}")
