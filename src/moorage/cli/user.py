"""`moorage user`: people's accounts."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from moorage.cli.folder import Config, Data, work
from moorage.cli.output import Json, day, examples, moment, say, say_json, say_table
from moorage.domain.access import Caller
from moorage.services import records
from moorage.services.accounts import generate_password

if TYPE_CHECKING:
    from moorage.app.services import Services

app = typer.Typer(help="People's accounts.", no_args_is_help=True, pretty_exceptions_enable=False)

Name = Annotated[str, typer.Argument(help="The user name.", show_default=False)]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from the first line of input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password and print it, once.")]


@app.command(
    "add",
    epilog=examples(
        "moorage user add mara", "moorage user add ci --generate", "moorage user add kim --password-stdin <kim.txt"
    ),
)
def add(
    name: Name,
    data: Data = None,
    config: Config = None,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="They administer the whole server.")] = False,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    as_json: Json = False,
) -> None:
    """Add a person; the password is asked for."""
    password = _password(password_stdin=password_stdin, generate=generate)

    async def story(services: "Services", caller: Caller) -> records.Account:
        return await services.accounts.add(caller, name, password, is_admin=admin)

    made = work(data, config, story)
    _tell(f"{made.name} was added", _fields(made), password if generate else None, as_json=as_json)


@app.command("list", epilog=examples("moorage user list --json"))
def list_users(data: Data = None, config: Config = None, *, as_json: Json = False) -> None:
    """List people."""

    async def story(services: "Services", caller: Caller) -> tuple[records.Account, ...]:
        return await services.accounts.list(caller)

    found = work(data, config, story)
    if as_json:
        say_json([_fields(account) for account in found])
        return
    say_table(("NAME", "ROLE", "STATE", "ADDED"), [_row(account) for account in found])


@app.command("password", epilog=examples("moorage user password mara --generate"))
def password(
    name: Name,
    data: Data = None,
    config: Config = None,
    *,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    as_json: Json = False,
) -> None:
    """Set a person's password; their sessions end."""
    chosen = _password(password_stdin=password_stdin, generate=generate)

    async def story(services: "Services", caller: Caller) -> None:
        await services.accounts.set_password(caller, name, chosen)

    work(data, config, story)
    _tell(f"{name} has a new password", {"name": name}, chosen if generate else None, as_json=as_json)


@app.command("disable", epilog=examples("moorage user disable mara"))
def disable(name: Name, data: Data = None, config: Config = None, *, as_json: Json = False) -> None:
    """Keep a person from signing in; their sessions end."""
    _set_disabled(name, data, config, disabled=True)
    _tell(f"{name} can't sign in now", {"name": name, "is_disabled": True}, None, as_json=as_json)


@app.command("enable", epilog=examples("moorage user enable mara"))
def enable(name: Name, data: Data = None, config: Config = None, *, as_json: Json = False) -> None:
    """Let a disabled person sign in again."""
    _set_disabled(name, data, config, disabled=False)
    _tell(f"{name} can sign in again", {"name": name, "is_disabled": False}, None, as_json=as_json)


def _set_disabled(name: str, data: Data, config: Config, *, disabled: bool) -> None:
    async def story(services: "Services", caller: Caller) -> None:
        await services.accounts.disable(caller, name, disabled=disabled)

    work(data, config, story)


def _fields(account: records.Account) -> dict[str, object]:
    return {
        "name": account.name,
        "is_admin": account.is_admin,
        "is_disabled": account.is_disabled,
        "created_at": moment(account.created_at),
    }


def _row(account: records.Account) -> tuple[str, ...]:
    role = "administrator" if account.is_admin else "user"
    return account.name, role, "disabled" if account.is_disabled else "active", day(account.created_at)


def _tell(text: str, fields: dict[str, object], generated: str | None, *, as_json: bool) -> None:
    if as_json:
        say_json({**fields, "password": generated} if generated else fields)
        return
    say(text)
    if generated:
        say(f"Password: {generated}")


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
