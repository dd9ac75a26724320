"""`moorage user identities`, `link` and `unlink`: who in which directory has which account."""

from typing import Annotated

import typer

from moorage.cli.api import Api, at
from moorage.cli.output import Json, say, say_json, say_table

Name = Annotated[str, typer.Argument(help="The user name.", show_default=False)]
Directory = Annotated[str, typer.Argument(help="The directory's name in directories.toml.", show_default=False)]
Subject = Annotated[str, typer.Argument(help="What the directory knows them by, for good.", show_default=False)]


def identities(api: Api, name: Name, *, as_json: Json = False) -> None:
    """List whom directories know by an account."""
    found = api.items(at("users", name, "identities"))
    if as_json:
        say_json(found)
    else:
        say_table(("DIRECTORY", "SUBJECT"), [(identity["directory"], identity["subject"]) for identity in found])


def link(api: Api, name: Name, directory: Directory, subject: Subject, *, as_json: Json = False) -> None:
    """Let somebody a directory knows sign in to an account that exists already."""
    made = api.request("POST", at("users", name, "identities"), {"directory": directory, "subject": subject})
    _tell(f"{name} is linked to {directory} now", {"name": name, **made}, as_json=as_json)


def unlink(api: Api, name: Name, directory: Directory, *, as_json: Json = False) -> None:
    """Part an account from a directory; its sessions end."""
    api.request("DELETE", at("users", name, "identities", directory))
    _tell(f"{name} is not linked to {directory} now", {"name": name, "directory": directory}, as_json=as_json)


def _tell(text: str, fields: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        say_json(fields)
    else:
        say(text)
