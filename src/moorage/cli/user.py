"""`moorage user`: people's accounts."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from moorage.cli.api import Api, at, command
from moorage.cli.consent import Yes, agree
from moorage.cli.output import Json, say, say_json, say_table, when
from moorage.services.accounts import GIVEN_DAYS, generate_password

app = typer.Typer(help="People's accounts.", no_args_is_help=True, pretty_exceptions_enable=False)

Name = Annotated[str, typer.Argument(help="The user name.", show_default=False)]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from the first line of input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password and print it, once; it expires in 7 days.")]


@command(
    app,
    "add",
    "moorage user add mara",
    "moorage user add tom --generate",
    "moorage user add kim --password-stdin <kim.txt",
)
def add(
    api: Api,
    name: Name,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="They administer the whole server.")] = False,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    as_json: Json = False,
) -> None:
    """Add a person; the password is asked for."""
    password = _password(password_stdin=password_stdin, generate=generate)
    sent = {"name": name, "password": password, "is_admin": admin, **_end(generate=generate)}
    made = api.request("POST", at("users"), sent)
    _tell(f"{name} was added", made, password if generate else None, as_json=as_json)


@command(app, "invite", "moorage user invite mara", "moorage user invite kim --admin --json")
def invite(
    api: Api,
    name: Name,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="They administer the whole server.")] = False,
    as_json: Json = False,
) -> None:
    """Add a person with a first password, which they change within 7 days."""
    add(api, name, admin=admin, generate=True, as_json=as_json)


@command(app, "list", "moorage user list --json")
def list_users(api: Api, *, as_json: Json = False) -> None:
    """List people."""
    found = api.items(at("users"))
    if as_json:
        say_json(found)
        return
    say_table(("NAME", "ROLE", "STATE", "ADDED"), [_row(user) for user in found])


@command(app, "password", "moorage user password mara --generate")
def password(
    api: Api, name: Name, *, password_stdin: FromStdin = False, generate: Generate = False, as_json: Json = False
) -> None:
    """Set a person's password; their sessions end."""
    chosen = _password(password_stdin=password_stdin, generate=generate)
    user = api.request("PATCH", at("users", name), {"password": chosen, **_end(generate=generate)})
    _tell(f"{name} has a new password", user, chosen if generate else None, as_json=as_json)


@command(app, "disable", "moorage user disable mara")
def disable(api: Api, name: Name, *, as_json: Json = False) -> None:
    """Keep a person from signing in; their sessions end."""
    user = api.request("PATCH", at("users", name), {"is_disabled": True})
    _tell(f"{name} can't sign in now", user, None, as_json=as_json)


@command(app, "enable", "moorage user enable mara")
def enable(api: Api, name: Name, *, as_json: Json = False) -> None:
    """Let a disabled person sign in again."""
    user = api.request("PATCH", at("users", name), {"is_disabled": False})
    _tell(f"{name} can sign in again", user, None, as_json=as_json)


@command(app, "promote", "moorage user promote mara")
def promote(api: Api, name: Name, *, as_json: Json = False) -> None:
    """Make a person an administrator of the whole server; their sessions end."""
    user = api.request("PATCH", at("users", name), {"is_admin": True})
    _tell(f"{name} is an administrator now", user, None, as_json=as_json)


@command(app, "demote", "moorage user demote mara")
def demote(api: Api, name: Name, *, as_json: Json = False) -> None:
    """Make an administrator a person like others; their sessions end."""
    user = api.request("PATCH", at("users", name), {"is_admin": False})
    _tell(f"{name} is no administrator now", user, None, as_json=as_json)


@command(app, "delete", "moorage user delete mara")
def delete(api: Api, name: Name, *, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a person's account with its access tokens and roles; what they pushed stays."""
    place = at("users", name)
    shown = agree(api, place, lambda _: f"Delete the account {name}, with its access tokens and roles?", yes=yes)
    api.request("DELETE", place, match=shown)
    if as_json:
        say_json({"deleted": name})
    else:
        say(f"{name} was deleted")


def _row(user: Mapping[str, Any]) -> tuple[str, ...]:
    role = "administrator" if user["is_admin"] else "user"
    return user["name"], role, "disabled" if user["is_disabled"] else "active", when(user["created_at"])


def _tell(text: str, user: Mapping[str, Any], generated: str | None, *, as_json: bool) -> None:
    if as_json:
        say_json({**user, "password": generated} if generated else user)
        return
    say(text)
    if generated:
        say(f"Password: {generated}")
        say(f"It expires in {GIVEN_DAYS} days, unless its owner changes it: in the web page, at /-/account")


def _end(*, generate: bool) -> dict[str, object]:
    """Return when a password expires, if its owner did not choose it."""
    if not generate:
        return {}
    return {"password_expires_at": (datetime.now(UTC) + timedelta(days=GIVEN_DAYS)).isoformat()}


def _password(*, password_stdin: bool, generate: bool) -> str:
    if password_stdin and generate:
        raise typer.BadParameter("--password-stdin and --generate exclude each other")
    if generate:
        return generate_password()
    if password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask on; use --password-stdin or --generate")
    chosen: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return chosen
