"""`moorage activity`: who did what."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from moorage.cli.api import PREFIX, Api, at
from moorage.cli.output import Json, say_json, say_table, when

EXAMPLES = (
    "moorage activity --who mara --since 2026-11-01",
    "moorage activity --what delete-tag --target dmc/team/app:",
    "moorage activity --registry dmc --outcome refused",
    "moorage activity --json-lines >activity.jsonl",
)


def activity(  # one option each
    api: Api,
    *,
    who: Annotated[str | None, typer.Option(help="Only what this person did.", show_default=False)] = None,
    address: Annotated[str | None, typer.Option(help="Only what came from here.", show_default=False)] = None,
    token: Annotated[
        str | None, typer.Option(help="Only what was done with an access token of this name.", show_default=False)
    ] = None,
    request_id: Annotated[
        str | None, typer.Option(help="Only what this request did, as the log names it.", show_default=False)
    ] = None,
    registry: Annotated[
        str | None, typer.Option(help="Only what belongs to the registry at this address.", show_default=False)
    ] = None,
    what: Annotated[str | None, typer.Option(help="Only this kind, as delete-tag.", show_default=False)] = None,
    target: Annotated[
        str | None, typer.Option(help="Only what was done to this, or to what begins so.", show_default=False)
    ] = None,
    since: Annotated[str | None, typer.Option(help="Not before this time (RFC 3339).", show_default=False)] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.", show_default=False)] = None,
    outcome: Annotated[str | None, typer.Option(help="Only done, or only refused.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many rows, the newest ones.")] = 50,
    json_lines: Annotated[bool, typer.Option("--json-lines", help="Print all rows, one JSON object a line.")] = False,
    as_json: Json = False,
) -> None:
    """Show who did what, newest first."""
    asked = {
        "who": who,
        "address": address,
        "token": token,
        "request_id": request_id,
        "registry": registry,
        "what": what,
        "target": target,
        "since": since,
        "until": until,
        "outcome": outcome,
    }
    rows = _rows(api, {name: value for name, value in asked.items() if value is not None})
    if json_lines:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    found = list(islice(rows, limit))
    if as_json:
        say_json(found)
        return
    say_table(
        ("TIME", "WHO", "FROM", "WHAT", "TARGET", "OUTCOME"),
        [(when(row["at"]), row["who"], row["address"], row["what"], row["target"], row["outcome"]) for row in found],
    )


def _rows(api: Api, query: Mapping[str, str]) -> Iterator[Any]:
    """Yield rows page by page: there may be more of them than fit into memory."""
    path: str | None = f"{at('activity')}?{urlencode({'n': 1000, **query})}"
    while path is not None:
        page = api.request("GET", path)
        yield from page["items"]
        path = page["next"] and page["next"].removeprefix(PREFIX)
