"""`moorage storage`: where blobs are, what takes how much of it, and how clean-up stands."""

from collections.abc import Mapping
from typing import Any

from moorage.cli.api import Api, at
from moorage.cli.output import Json, say, say_json, say_table, when
from moorage.ui.words import number, size

SCARCE = {"low": "Less than 10 % of it are free.", "short": "Less than 3 % of it are free."}


def storage(api: Api, *, as_json: Json = False) -> None:
    """Show where blobs are, what takes how much space, and how clean-up stands."""
    usage = api.request("GET", at("storage"))
    place = api.request("GET", at("storage", "place"))
    registries = api.items(at("storage", "registries"))
    if as_json:
        say_json({**place, "usage": usage, "registries": registries})
        return
    say(_place(place))
    live, trash, waiting = usage["linked"] - usage["trash"], usage["trash"], usage["waiting"]
    parts = f"{size(live)} in use, {size(trash)} recently deleted, {size(waiting)} waiting for clean-up"
    say(f"On disk: {size(usage['stored'])}: {parts}")
    say(_cleanup(place))
    if registries:
        say("")
        say_table(("REGISTRY", "IN USE", "ONLY HERE", "DELETED", "ON DISK"), [_row(one) for one in registries])


def _place(place: Mapping[str, Any]) -> str:
    room = place["room"]
    if room is None:
        return f"{place['place']}: no limit known"
    free, total = size(room["free"]), size(room["total"])
    return f"{place['place']}: {free} of {total} are free. {SCARCE.get(room['scarcity'], '')}".rstrip()


def _cleanup(place: Mapping[str, Any]) -> str:
    last, said = place["last"], []
    if last is None:
        said.append("Clean-up has not run yet.")
    else:
        freed = f"freed {size(last['freed'])} of {number(last['blobs'], 'blob')}, skipped {number(last['skipped'])}"
        said.append(f"Last clean-up {when(last['ended_at'])}: {freed}.")
    if place["asked_by"] is not None:
        said.append(f"{place['asked_by']} asked for another.")
    if place["next_at"] is not None:
        said.append(f"Next: {when(place['next_at'])}.")
    if place["unfinished"]:
        said.append(f"{number(place['unfinished'], 'upload')} unfinished, the oldest of {when(place['oldest'])}.")
    return " ".join(said)


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    alone = "" if one["only_here"] is None else size(one["only_here"])
    return one["name"], size(one["size"]), alone, size(one["deleted"]), size(one["stored"])
