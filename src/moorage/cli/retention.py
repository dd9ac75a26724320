"""`moorage retention`: rules that say what is kept, what they would do, and doing it."""

import csv
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.output import Json, plain, say, say_json, say_table, when
from moorage.cli.progress import shown_progress
from moorage.domain.name import address_of
from moorage.domain.retention import Of, Rest
from moorage.ui.words import number, size

if TYPE_CHECKING:
    from moorage.app.services import Services
    from moorage.domain.access import Caller
    from moorage.services.move_blobs import Progress
    from moorage.services.retention_run_records import Run

LOOK_SECONDS = 1.0

app = typer.Typer(
    help="Rules of retention: what is kept and what goes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Registry = Annotated[str, typer.Argument(help="The registry's name, as DMC.", show_default=False)]
RuleId = Annotated[int, typer.Argument(metavar="RULE", help="The rule's number; see list.", show_default=False)]
About = Annotated[
    Of | None,
    typer.Option("--of", help="What it is about: tags, images without one, or what has the label.", show_default=False),
]
Where = Annotated[str | None, typer.Option("--in", help="Which repositories, as team/*; all if not given.")]
Tags = Annotated[list[str] | None, typer.Option("--tags", help="Which tags, as pr-*; may be given again.")]
ButNot = Annotated[list[str] | None, typer.Option("--but-not", help="Which of these not; may be given again.")]
Newest = Annotated[int | None, typer.Option("--newest", help="Keep so many, the newest.")]
PushedDays = Annotated[int | None, typer.Option("--pushed-days", help="Keep what was pushed in so many days.")]
PulledDays = Annotated[int | None, typer.Option("--pulled-days", help="Keep what was pulled in so many days.")]
Minors = Annotated[int | None, typer.Option("--minors", help="Keep the versions of so many minor releases.")]
TheRest = Annotated[
    Rest | None, typer.Option("--rest", help="What no clause keeps goes, or the next rules decide.", show_default=False)
]


@command(app, "list", "moorage retention list DMC")
def list_rules(api: Api, registry: Registry, *, as_json: Json = False) -> None:
    """List a registry's rules in their order."""
    found = api.items(_rules(registry))
    if as_json:
        say_json(found)
        return
    say_table(
        ("RULE", "NAME", "SAYS", "STATE", "LAST RUN"),
        [(str(rule["id"]), rule["name"], rule["words"], _state(rule), _last(rule)) for rule in found],
    )


@command(
    app,
    "add",
    "moorage retention add DMC 'Ten newest' --newest 10 --pulled-days 90",
    "moorage retention add DMC 'Versions' --tags 'v*' --minors 3",
    "moorage retention add DMC 'Pull requests' --in 'shop/*' --tags 'pr-*' --pushed-days 7",
    "moorage retention add DMC 'Untagged' --of untagged --pushed-days 14",
    "moorage retention add DMC 'Labelled' --of labelled",
)
def add(
    api: Api,
    registry: Registry,
    name: Annotated[str, typer.Argument(help="What the rule is called.", show_default=False)],
    *,
    of: About = None,
    where: Where = None,
    tags: Tags = None,
    but_not: ButNot = None,
    newest: Newest = None,
    pushed_days: PushedDays = None,
    pulled_days: PulledDays = None,
    minors: Minors = None,
    rest: TheRest = None,
    as_json: Json = False,
) -> None:
    """Add a rule behind the others. It is paused: look at a preview, then start it."""
    rule = _clauses(of, where, tags, but_not, rest) | _counts(newest, pushed_days, pulled_days, minors)
    made = api.request("POST", _rules(registry), {"name": name, "rule": rule})
    _tell(made, f"look at: moorage retention preview {registry} --rule {made['id']}", as_json=as_json)


@command(
    app,
    "change",
    "moorage retention change DMC 3 --newest 20",
    "moorage retention change DMC 3 --name 'Pull requests' --position 1",
)
def change(
    api: Api,
    registry: Registry,
    rule: RuleId,
    *,
    name: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    position: Annotated[int | None, typer.Option(help="Its place among the registry's rules, from 1.")] = None,
    of: About = None,
    where: Where = None,
    tags: Tags = None,
    but_not: ButNot = None,
    newest: Newest = None,
    pushed_days: PushedDays = None,
    pulled_days: PulledDays = None,
    minors: Minors = None,
    rest: TheRest = None,
    as_json: Json = False,
) -> None:
    """Change a rule; what is not given stays as it is, 0 takes a clause away. It is paused if it does other things."""
    place = _rule(registry, rule)
    found, etag = api.read(place)
    given = _clauses(of, where, tags, but_not, rest) | _counts(newest, pushed_days, pulled_days, minors)
    sent: dict[str, Any] = {"name": name, "position": position}
    if given:
        sent["rule"] = found["rule"] | {key: None if value == 0 else value for key, value in given.items()}
    changed = api.request("PATCH", place, {key: value for key, value in sent.items() if value is not None}, match=etag)
    _tell(changed, _state(changed), as_json=as_json)


@command(app, "start", "moorage retention start DMC 3")
def start(api: Api, registry: Registry, rule: RuleId, *, as_json: Json = False) -> None:
    """Let a rule run from now on; its preview must have been looked at."""
    started = api.request("PATCH", _rule(registry, rule), {"is_paused": False})
    _tell(started, "it runs with the next run", as_json=as_json)


@command(app, "pause", "moorage retention pause DMC 3")
def pause(api: Api, registry: Registry, rule: RuleId, *, as_json: Json = False) -> None:
    """Pause a rule, at once."""
    _tell(api.request("PATCH", _rule(registry, rule), {"is_paused": True}), "paused", as_json=as_json)


@command(app, "delete", "moorage retention delete DMC 3")
def delete(api: Api, registry: Registry, rule: RuleId, *, as_json: Json = False) -> None:
    """Delete a rule."""
    api.request("DELETE", _rule(registry, rule))
    if as_json:
        say_json({"deleted": rule})
    else:
        say(f"rule {rule} was deleted")


@command(
    app,
    "preview",
    "moorage retention preview DMC",
    "moorage retention preview DMC --rule 3 --going",
    "moorage retention preview DMC --csv >preview.csv",
)
def preview(
    api: Api,
    registry: Registry,
    *,
    rule: Annotated[int | None, typer.Option(help="A paused rule to look at as if it ran.")] = None,
    going: Annotated[bool, typer.Option("--going", help="Only what would go.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Say what the rules would do now, for each tag and each image without one, and why. Nothing goes by it."""
    asked = {} if rule is None else {"rule": str(rule)}
    every = api.items(at("registries", registry, "retention", "preview"), **asked)
    found = [row for row in every if row["goes"] or not going]
    if as_json:
        say_json(found)
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(COLUMNS)
        writer.writerows([row[column] for column in COLUMNS] for row in found)
    else:
        say_table(("REPOSITORY", "TAG", "DIGEST", "DECISION", "RULE", "REASON", "SIZE"), [_row(row) for row in found])
        gone = [row for row in every if row["goes"]]
        tags = sum(row["tag"] is not None for row in gone)
        frees = size(sum(row["frees"] for row in gone))
        say(f"{number(tags, 'tag')} and {number(len(gone) - tags, 'untagged image')} would go, {frees} come free")


@command(
    app,
    "run",
    "moorage retention run DMC",
    "moorage retention run DMC --server https://proget:5443",
    "moorage retention run DMC --no-wait --server https://proget:5443",
)
def run(
    api: Api,
    registry: Registry,
    *,
    wait: Annotated[bool, typer.Option(help="Wait for its end, and show how far it is.")] = True,
    as_json: Json = False,
) -> None:
    """Do now what the rules say that are not paused. Who stops waiting stops nothing: the server goes on."""
    if wait:
        with shown_progress() as progress:
            done = _await(api, registry, _Shown(progress))
    else:
        done = api.request("POST", at("registries", registry, "retention", "run"))
    if as_json:
        say_json(done)
        return
    total = done["total"]
    gone = f"{number(total['tags'], 'tag')} and {number(total['images'], 'image')}"
    if done["ended_at"] is None:
        say(f"Run {done['id']} goes on: {gone} went so far; see moorage retention runs {registry}")
        return
    say(f"{gone} went, {size(total['frees'])} come free")
    if total["tags"] or total["images"]:
        say(f"To bring all of it back: moorage trash restore {registry} --run {done['id']}")


@command(app, "runs", "moorage retention runs DMC", "moorage retention runs DMC --json")
def runs(api: Api, registry: Registry, *, as_json: Json = False) -> None:
    """List the runs of the rules, the newest first: those asked for, and others in which something went."""
    found = api.items(at("registries", registry, "retention", "runs"))
    if as_json:
        say_json(found)
        return
    say_table(
        ("RUN", "BEGAN", "BY", "STATE", "TAGS", "IMAGES", "SIZE"),
        [
            (
                str(each["id"]),
                when(each["started_at"]),
                each["asked_by"] or "the clock",
                "ended" if each["ended_at"] else f"{each['settled']} of {each['decided']}",
                str(each["total"]["tags"]),
                str(each["total"]["images"]),
                size(each["total"]["frees"]),
            )
            for each in found
        ],
    )


class _Shown:
    """Shows how far a run is, as it is read again and again."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._decided = self._settled = 0

    def show(self, decided: int, settled: int) -> None:
        if decided != self._decided:
            self._decided, self._settled = decided, 0
            self._progress.begin("tags and images", decided)
        if settled > self._settled:
            self._progress.advance(settled - self._settled)
            self._settled = settled


def _await(api: Api, registry: str, shown: _Shown) -> Any:  # noqa: ANN401  JSON
    """Ask for a run, wait for its end, and return it: a server's own, or one in this process for a data folder."""
    folder = api.here()
    if folder is not None:
        address = address_of(registry)

        async def work(services: "Services", caller: "Caller") -> "Run":
            return await services.keeping.retention_runs.run(
                caller, address, lambda run: shown.show(run.decided, run.settled)
            )

        number_ = folder.tell(work).id
        return api.request("GET", _run(registry, number_))
    place = _run(registry, api.request("POST", at("registries", registry, "retention", "run"))["id"])
    while True:
        found = api.request("GET", place)
        shown.show(found["decided"], found["settled"])
        if found["ended_at"] is not None:
            return found
        time.sleep(LOOK_SECONDS)


COLUMNS = ("repository", "tag", "digest", "goes", "rule", "reason", "frees")


def _rules(registry: str) -> str:
    return at("registries", registry, "retention", "rules")


def _run(registry: str, run: int) -> str:
    return at("registries", registry, "retention", "runs", str(run))


def _rule(registry: str, rule: int) -> str:
    return at("registries", registry, "retention", "rules", str(rule))


def _clauses(
    of: Of | None, where: str | None, tags: list[str] | None, but_not: list[str] | None, rest: Rest | None
) -> dict[str, Any]:
    """Return what was given of what a rule is about."""
    given = {
        "of": of and of.value,
        "repositories": where,
        "tags": tags or None,
        "but_not": but_not or None,
        "rest": rest and rest.value,
    }
    return {name: value for name, value in given.items() if value is not None}


def _counts(newest: int | None, pushed: int | None, pulled: int | None, minors: int | None) -> dict[str, Any]:
    """Return what was given of what a rule keeps."""
    given = {"newest": newest, "pushed_days": pushed, "pulled_days": pulled, "minors": minors}
    return {name: value for name, value in given.items() if value is not None}


def _state(rule: dict[str, Any]) -> str:
    if not rule["is_paused"]:
        return "runs"
    return "paused" if rule["is_previewed"] else "paused, not previewed"


def _last(rule: dict[str, Any]) -> str:
    if rule["ran_at"] is None:
        return "-"
    ran = rule["ran"]
    gone = f"{number(ran['tags'], 'tag')}, {number(ran['images'], 'image')}, {size(ran['frees'])}"
    return f"{when(rule['ran_at'])}: {gone}"


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    decision = "goes" if row["goes"] else "stays"
    rule = "-" if row["rule"] is None else str(row["rule"])
    freed = size(row["frees"]) if row["goes"] else "-"
    return row["repository"], row["tag"] or "-", row["digest"], decision, rule, row["reason"], freed


def _tell(rule: dict[str, Any], more: str, *, as_json: bool) -> None:
    if as_json:
        say_json(rule)
    else:
        say(f"rule {rule['id']}, {plain(rule['name'])}: {rule['words']} {more[:1].upper()}{more[1:]}")
